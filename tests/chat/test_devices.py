"""Devices: enrolled once, logged in for ever, removed; what races, failures and thieves do."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatd.chat import admin
from tests.chat.enrolled import LAPTOP, PHONE, enrol, invite, login, order, public, sealed
from tests.chat.harness import SECRET, heads, serving
from tests.identities import Maker

ELSEWHERE = "192.0.2.7"
WRONG = "2222-2222-2222"


async def test_an_invited_person_comes_in_without_a_password(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice", level=3)
        alice, following, session = await login(world, "alice", token)
        assert heads(await alice.ask("WHOAMI"), 3) == ["WHOAMI|SUCCESS|alice"]
        assert (await alice.ask("WHOAMI"))[0].endswith("|3")
        (item, count) = await alice.ask("DEVICES")
        assert item.endswith("||this") and count == "DEVICES|SUCCESS|1"
        other = world.connect()
        assert await world.ask(other, f"RESUME|{session}") == ["RESUME|SUCCESS|alice"]
        again, _, _ = await login(world, "alice", following)
        assert heads(await again.ask("SESSIONS"), 2)[-1] == "SESSIONS|SUCCESS"


async def test_an_id_works_once_and_from_one_device(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        one_time_id = await invite(world, "alice")
        conn = await sealed(world)
        asked = f"ENROL|alice|{one_time_id}|"
        first, again, other = await conn.ask(
            asked + public(PHONE), asked + public(PHONE), asked + public(LAPTOP)
        )
        assert heads([first, again, other]) == ["ENROL|SUCCESS"] * 2 + ["ENROL|FAILURE"]
        assert first != again
        await login(world, "alice", first.split("|")[2])
        assert heads(await conn.ask(asked + public(PHONE)), 3) == ["ENROL|FAILURE|DENIED"]


async def test_a_lost_reply_can_be_repeated_after_memory_was_lost(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        one_time_id = await invite(world, "alice")
        world.forget()
        conn = await sealed(world)
        typed = one_time_id.replace("-", "").lower()
        asked = f"ENROL|alice|{typed}|{public(PHONE)}"
        (first,) = await conn.ask(asked)
        world.forget()
        (again,) = await conn.ask(asked)
        world.forget()
        await login(world, "alice", again.split("|")[2])
        world.forget()
        assert first.startswith("ENROL|SUCCESS|")


async def test_tokens_that_were_lost_lock_nobody_out_and_old_ones_do(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        _, two, _ = await login(world, "alice", token)
        _, other_two, _ = await login(world, "alice", token)
        world.forget()
        _, three, _ = await login(world, "alice", two)
        _, _, _ = await login(world, "alice", two)
        witness, _, _ = await login(world, "alice", three)
        assert other_two != two
        thief = await sealed(world, PHONE)
        assert heads(await thief.ask(f"LOGIN|alice|{other_two}"), 3) == ["LOGIN|FAILURE|DENIED"]
        assert witness.hear()[0].startswith("*BYE|DENIED|")
        late = await sealed(world, PHONE)
        assert heads(await late.ask(f"LOGIN|alice|{three}"), 3) == ["LOGIN|FAILURE|DENIED"]


async def test_a_theft_ends_the_device_and_tells_the_others(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        old = await world.login("alice")
        token = await enrol(world, "alice")
        phone, two, session = await login(world, "alice", token)
        await login(world, "alice", two)
        thief = await sealed(world, PHONE)
        assert heads(await thief.ask(f"LOGIN|alice|{token}"), 3) == ["LOGIN|FAILURE|DENIED"]
        assert heads(old.news(), 2) == ["*ALERT|THEFT"]
        assert heads(phone.hear(), 2) == ["*BYE|DENIED"]
        for _ in range(2):
            again = world.connect()
            assert heads(await world.ask(again, f"RESUME|{session}"), 3) == [
                "RESUME|FAILURE|DENIED"
            ]
            world.forget()
        assert await world.ask(old, "DEVICES") == ["DEVICES|SUCCESS|0"]


async def test_login_wants_the_channel_of_the_device(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        await enrol(world, "bob", LAPTOP)
        plain, unknown = world.connect(), await sealed(world)
        asked = f"LOGIN|alice|{token}"
        assert heads(await world.ask(plain, asked), 3) == ["LOGIN|FAILURE|INSECURE"]
        assert heads(await unknown.ask(asked), 3) == ["LOGIN|FAILURE|INSECURE"]
        bobs = await sealed(world, LAPTOP)
        assert heads(await bobs.ask(asked), 3) == ["LOGIN|FAILURE|DENIED"]
        mine = await sealed(world, PHONE)
        assert heads(await mine.ask(f"LOGIN|bob|{token}"), 3) == ["LOGIN|FAILURE|DENIED"]
        assert heads(await mine.ask(asked))[0] == "LOGIN|SUCCESS"


async def test_enrolling_in_the_clear_is_for_this_machine_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        asked = f"ENROL|alice|{await invite(world, 'alice')}|{public(PHONE)}"
        away, here = world.connect(ELSEWHERE), world.connect("127.0.0.1")
        assert heads(await world.ask(away, asked), 3) == ["ENROL|FAILURE|INSECURE"]
        assert heads(await world.ask(here, asked)) == ["ENROL|SUCCESS"]


async def test_guesses_are_slowed_down(tmp_path: Path) -> None:
    async with serving(tmp_path, failures_free=2) as world:
        one_time_id = await invite(world, "alice")
        conn = await sealed(world, address=ELSEWHERE)
        guess = f"ENROL|alice|{WRONG}|{public(PHONE)}"
        right = f"ENROL|alice|{one_time_id}|{public(PHONE)}"
        said = heads(await conn.ask(guess, guess, right), 3)
        assert said == ["ENROL|FAILURE|DENIED"] * 2 + ["ENROL|FAILURE|RATE_LIMITED"]
        other = await sealed(world, address="192.0.2.8")
        assert heads(await other.ask(right)) == ["ENROL|SUCCESS"]


async def test_an_account_without_a_password_opens_to_none(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        alice, following, _ = await login(world, "alice", token)
        asked = world.connect()
        said = await world.ask(asked, "AUTH|alice|", f"AUTH|alice|{token}", f"AUTH|alice|{SECRET}")
        assert heads(said, 3) == ["AUTH|FAILURE|BAD_FIELD"] + ["AUTH|FAILURE|DENIED"] * 2
        assert heads(await alice.ask(f"PASSWD|{SECRET}|{SECRET}"), 3) == ["PASSWD|FAILURE|DENIED"]
        assert heads(await alice.ask(f"ERASE|{token}"), 3) == ["ERASE|FAILURE|DENIED"]
        assert await alice.ask(f"PASSWD|{following}|{SECRET}") == ["PASSWD|SUCCESS"]
        assert heads(await world.ask(asked, f"AUTH|alice|{SECRET}"), 2)[0] == "AUTH|SUCCESS"


async def test_an_account_without_a_password_is_erased_with_the_token(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        alice, following, _ = await login(world, "alice", token)
        assert await alice.ask(f"ERASE|{following}") == ["ERASE|SUCCESS"]
        gone = await sealed(world, PHONE)
        assert heads(await gone.ask(f"LOGIN|alice|{following}"), 3) == ["LOGIN|FAILURE|DENIED"]
        with pytest.raises(admin.Refused, match="erased"):
            await invite(world, "alice")


async def test_a_removed_device_is_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        one, two = await enrol(world, "alice"), await enrol(world, "alice", LAPTOP)
        phone, following, session = await login(world, "alice", one)
        laptop, _, _ = await login(world, "alice", two, LAPTOP)
        items = (await laptop.ask("DEVICES"))[:-1]
        assert [line.split("|")[6] for line in items] == ["", "this"]
        phones = items[0].split("|")[2]
        assert await laptop.ask(f"UNENROL|{phones}") == ["UNENROL|SUCCESS"]
        assert heads(await laptop.ask(f"UNENROL|{phones}"), 3) == ["UNENROL|FAILURE|NO_SUCH_DEVICE"]
        assert heads(phone.hear(), 2) == ["*BYE|DENIED"]
        again = await sealed(world, PHONE)
        said = await again.ask(f"LOGIN|alice|{following}", f"RESUME|{session}")
        assert heads(said, 3) == ["LOGIN|FAILURE|DENIED", "RESUME|FAILURE|DENIED"]


async def test_an_invited_name_is_kept_and_no_stranger_gets_its_devices(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        await invite(world, "alice")
        stranger = world.connect()
        asked = f"REGISTER|alice|{SECRET}"
        assert heads(await world.ask(stranger, asked), 3) == ["REGISTER|FAILURE|TAKEN"]
        await order(world, admin.Revoke("alice"))
        assert await world.ask(stranger, asked) == ["REGISTER|SUCCESS"]
        with pytest.raises(admin.Refused, match="chatd user alice --level 2"):
            await invite(world, "alice", level=2)


async def test_a_level_that_falls_ends_memberships_above_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice", level=3)
        alice, _, _ = await login(world, "alice", token)
        bob = await world.login("bob")
        await alice.ask("JOIN|#high", "SET|#high|level=3", "JOIN|#low", "SET|#low|level=1")
        await order(world, admin.SetLevel("bob", 3))
        assert heads(await world.ask(bob, "JOIN|#high"), 3) == ["JOIN|SUCCESS|#high"]
        outcome = await order(world, admin.SetLevel("alice", 1))
        assert outcome == admin.Levelled("alice", 3, ["#high"])
        await world.rest()
        assert "*LEFT|#high|alice|alice|level" in bob.news()
        assert "*LEFT|#high|alice|alice|level" in alice.hear()
        said = await alice.ask("HISTORY|#high", "WHO|#high", "SETTINGS|#high", "JOIN|#high")
        assert heads(said, 3) == [
            "HISTORY|FAILURE|NO_SUCH_ROOM",
            "WHO|FAILURE|NO_SUCH_ROOM",
            "SETTINGS|FAILURE|NO_SUCH_ROOM",
            "JOIN|FAILURE|FORBIDDEN",
        ]
        assert heads(await alice.ask("ROOMS"), 3) == ["ROOMS|ITEM|#low", "ROOMS|SUCCESS|1"]
        assert heads(await world.ask(bob, "WHO|#high"), 4)[0] == "WHO|ITEM|bob|owner"
        await world.ask(bob, "MSG|#high|hello")
        assert alice.hear() == []


async def test_what_could_not_be_stored_can_be_repeated(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        one_time_id = await invite(world, "alice", level=2)
        conn = await sealed(world)
        asked = f"ENROL|alice|{one_time_id}|{public(PHONE)}"
        world.store.hold()
        conn.say(asked)
        await world.rest()
        assert conn.hear() == []
        world.store.fail()
        await world.rest()
        assert heads(conn.hear(), 3) == ["ENROL|FAILURE|UNAVAILABLE"]
        (enrolled,) = await conn.ask(asked)
        token = enrolled.split("|")[2]
        phone = await sealed(world, PHONE)
        world.store.hold()
        phone.say(f"LOGIN|alice|{token}", "WHOAMI")
        await world.rest()
        world.store.fail()
        await world.rest()
        said = heads(phone.hear(), 3)
        assert said == ["LOGIN|FAILURE|UNAVAILABLE", "WHOAMI|FAILURE|NOT_AUTHENTICATED"]
        assert (await phone.ask(f"LOGIN|alice|{token}"))[0].startswith("LOGIN|SUCCESS|")


async def test_the_same_token_on_two_connections_at_once(tmp_path: Path) -> None:
    """Whichever answer the client keeps is good, and the one of the other is so no longer."""
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        one, other = await sealed(world, PHONE), await sealed(world, PHONE)
        world.store.hold()
        for connection in (one, other):
            connection.say(f"LOGIN|alice|{token}")
        await world.rest()
        world.store.let_go()
        await world.rest()
        said = [connection.hear()[0].split("|") for connection in (one, other)]
        assert [fields[:2] for fields in said] == [["LOGIN", "SUCCESS"]] * 2
        late = await sealed(world, PHONE)  # what a client sent before it gave up and sent again
        assert heads(await late.ask(f"LOGIN|alice|{token}")) == ["LOGIN|SUCCESS"]
        again, _, _ = await login(world, "alice", said[0][2])
        assert heads(await again.ask("SESSIONS"))[-1] == "SESSIONS|SUCCESS"


async def test_a_theft_that_cannot_be_stored_is_judged_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        token = await enrol(world, "alice")
        phone, two, _ = await login(world, "alice", token)
        await login(world, "alice", two)
        thief = await sealed(world, PHONE)
        world.store.hold()
        thief.say(f"LOGIN|alice|{token}")
        await world.rest()
        world.store.fail()
        await world.rest()
        assert heads(thief.hear(), 3) == ["LOGIN|FAILURE|UNAVAILABLE"]
        assert phone.hear() == []
        assert heads(await thief.ask(f"LOGIN|alice|{token}"), 3) == ["LOGIN|FAILURE|DENIED"]
        assert heads(phone.hear(), 2) == ["*BYE|DENIED"]


async def test_keys_that_come_with_it_are_published_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        jwks = Maker("alice").jwks()
        asked = f"ENROL|alice|{await invite(world, 'alice')}|{public(PHONE)}|{jwks}"
        conn = await sealed(world)
        _, again = await conn.ask(asked, asked)
        phone, _, _ = await login(world, "alice", again.split("|")[2])
        (identity,) = await phone.ask("IDENTITY|alice")
        assert identity.split("|", 3)[3] == jwks
        assert (await world.store.keys(1)).version == 1  # type: ignore[union-attr]
