"""Devices, and what lets them in, where time went backwards or somebody thought again."""

from __future__ import annotations

from pathlib import Path

from chatd.chat import admin
from chatd.chat.rotation import RESTORED
from chatd.security.tokens import new_token
from tests.chat.enrolled import PHONE, enrol, invite, login, order, public, sealed
from tests.chat.harness import heads, serving
from tests.sealed import raw


async def test_a_device_comes_back_once_after_a_restore(tmp_path: Path) -> None:
    """Which token it has by now, an older database cannot know."""
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        _, following, _ = await login(world, "alice", token)
        key = raw(public(PHONE))
        device = await world.chat.asking(lambda: world.chat.directory.device_with(key))
        assert device is not None
        device.token_hash = RESTORED
        alice, newest, _ = await login(world, "alice", following)
        assert heads(await alice.ask(f"ERASE|{new_token()}"), 3) == ["ERASE|FAILURE|DENIED"]
        await login(world, "alice", newest)
        thief = await sealed(world, PHONE)
        assert heads(await thief.ask(f"LOGIN|alice|{token}"), 3)[-1] == "LOGIN|FAILURE|DENIED"
        assert world.chat.directory.device_with(key) is None


async def test_what_is_taken_back_takes_the_device_with_it(tmp_path: Path) -> None:
    """One that has used the one-time ID and never logged in."""
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        await order(world, admin.Revoke("alice"))
        phone = await sealed(world, PHONE)
        assert heads(await phone.ask(f"LOGIN|alice|{token}"), 3) == ["LOGIN|FAILURE|DENIED"]


async def test_an_erased_account_leaves_nothing_to_enrol_with(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        one_time_id = await invite(world, "alice")
        conn = await sealed(world)
        asked = f"ENROL|alice|{one_time_id}|{public(PHONE)}"
        assert heads(await conn.ask(asked)) == ["ENROL|SUCCESS"]
        reset = await order(world, admin.ResetPassword("alice"))
        assert isinstance(reset, admin.NewPassword)
        alice = world.connect()
        said = await world.ask(alice, f"AUTH|alice|{reset.password}", f"ERASE|{reset.password}")
        assert said[-1] == "ERASE|SUCCESS"
        assert heads(await conn.ask(asked), 3) == ["ENROL|FAILURE|DENIED"]
        assert await order(world, admin.ListInvites()) == admin.Invites([])
        again = await conn.ask(f"ENROL|bob|{await invite(world, 'bob')}|{public(PHONE)}")
        assert heads(again) == ["ENROL|SUCCESS"]
