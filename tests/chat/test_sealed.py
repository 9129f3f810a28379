"""Derived secrets, vaults, identities, encrypted rooms: races, failures, and who is told what."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatd.chat.model import E2E_MEMBERS_MAX
from tests.chat.harness import SECRET, Client, World, heads, in_ops, serving
from tests.chat.reference import JWE
from tests.identities import Maker

KDF = "argon2id$v=19$m=65536,t=3,p=4$c2l4dGVlbiBieXRlcy4u"
DERIVED = "B" * 42 + "A"
REWRAP = f"PASSWD|{SECRET}|{DERIVED}|kdf={KDF}|version=1|vault=rewrapped"


async def twins(world: World, user: str) -> tuple[Client, Client]:
    """Two connections of one session."""
    one = await world.login(user)
    other = world.connect()
    assert (await world.ask(other, f"RESUME|{one.token}"))[0] == f"RESUME|SUCCESS|{user}"
    return one, other


@pytest.mark.parametrize("forgotten", [False, True])
async def test_of_two_that_replace_the_same_version_at_once_one_wins(
    tmp_path: Path, forgotten: bool
) -> None:
    async with serving(tmp_path) as world:
        one, other = await twins(world, "alice")
        if forgotten:
            world.forget()
        world.store.hold()
        one.send("STORE|0|mine", "STORE|0|mine again")
        other.send("STORE|0|ours")
        await world.rest()
        world.store.let_go()
        await world.rest()
        said = [*one.news(), *other.news()]
        assert sorted(heads(said, 3)) == ["STORE|FAILURE|CONFLICT"] * 2 + ["STORE|SUCCESS|1"]
        assert heads(await world.ask(other, "VAULT"), 3) == ["VAULT|SUCCESS|1"]
        assert (await world.ask(one, "STORE|0|late"))[0].startswith("STORE|FAILURE|CONFLICT|1 is ")
        assert await world.ask(one, "STORE|1|next") == ["STORE|SUCCESS|2"]


async def test_versions_grow_within_one_batch(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        world.store.hold()
        alice.send(*(f"STORE|{version}|blob {version}" for version in range(5)), "VAULT")
        await world.rest()
        assert alice.news() == []
        world.store.let_go()
        await world.rest()
        stored = [f"STORE|SUCCESS|{version + 1}" for version in range(5)]
        assert alice.news() == [*stored, "VAULT|SUCCESS|5|blob 4"]


async def test_a_store_that_failed_can_be_repeated(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        await world.ask(alice, "STORE|0|first")
        world.store.hold()
        alice.send("STORE|1|second", "STORE|2|third")
        await world.rest()
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == ["STORE|FAILURE|UNAVAILABLE"] * 2
        assert await world.ask(alice, "VAULT") == ["VAULT|SUCCESS|1|first"]
        assert await world.ask(alice, "STORE|1|second") == ["STORE|SUCCESS|2"]


async def test_a_new_password_and_its_vault_are_one_batch(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        await world.ask(alice, "STORE|0|first")
        world.store.commits.clear()
        assert await world.ask(alice, REWRAP) == ["PASSWD|SUCCESS"]
        assert world.store.commits == [2]
        assert await world.ask(alice, "VAULT", "SALT|alice") == [
            "VAULT|SUCCESS|2|rewrapped",
            f"SALT|SUCCESS|{KDF}",
        ]


async def test_a_new_password_that_cannot_be_stored_leaves_all_as_it_was(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        phone = await world.login("alice", register=False)
        await world.ask(alice, "STORE|0|first")
        world.store.hold()
        alice.send(REWRAP)
        await world.rest()
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == ["PASSWD|FAILURE|UNAVAILABLE"]
        assert await world.ask(phone, "VAULT", "SALT|alice") == [
            "VAULT|SUCCESS|1|first",
            "SALT|SUCCESS|none",
        ]
        new = world.connect()
        said = await world.ask(new, f"AUTH|alice|{DERIVED}", f"AUTH|alice|{SECRET}")
        assert heads(said) == ["AUTH|FAILURE", "AUTH|SUCCESS"]
        assert await world.ask(phone, "STORE|1|second") == ["STORE|SUCCESS|2"]


async def test_a_vault_that_was_replaced_meanwhile_keeps_the_old_password(tmp_path: Path) -> None:
    """What counts is what was judged before, stored or not."""
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        phone = await world.login("alice", register=False)
        await world.ask(alice, "STORE|0|first")
        world.store.hold()
        phone.send("STORE|1|from the phone")
        await world.rest()
        alice.send(REWRAP)
        await world.rest()
        world.store.let_go()
        await world.rest()
        assert alice.news()[0].startswith("PASSWD|FAILURE|CONFLICT|2 is the current version")
        assert phone.news() == ["STORE|SUCCESS|2"]
        assert await world.ask(phone, "VAULT", "SALT|alice", "PING") == [
            "VAULT|SUCCESS|2|from the phone",
            "SALT|SUCCESS|none",
            "PING|SUCCESS",
        ]


async def test_an_account_that_logs_in_after_the_hashing_was_changed_keeps_its_kdf(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as world:
        alice = world.connect()
        await world.ask(alice, f"REGISTER|alice|{DERIVED}|kdf={KDF}")
        world.passwords.hasher = type(world.passwords.hasher)(16, 1, 1)
        assert heads(await world.ask(alice, f"AUTH|alice|{DERIVED}")) == ["AUTH|SUCCESS"]
        assert await world.ask(alice, "SALT|alice") == [f"SALT|SUCCESS|{KDF}"]


async def test_what_is_erased_leaves_nothing_behind(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        stranger = world.connect()
        decoy = await world.ask(stranger, "SALT|alice")
        await world.ask(stranger, f"REGISTER|alice|{DERIVED}|kdf={KDF}")
        assert await world.ask(stranger, "SALT|alice") == [f"SALT|SUCCESS|{KDF}"] != decoy
        await world.ask(stranger, f"AUTH|alice|{DERIVED}", "STORE|0|blob")
        await world.ask(stranger, f"PUBLISH|{Maker('alice').jwks()}")
        id_ = (await world.chat.asking(lambda: world.chat.anyone("alice"))).id
        assert await world.ask(stranger, f"ERASE|{DERIVED}") == ["ERASE|SUCCESS"]
        assert await world.ask(stranger, "SALT|alice") == decoy
        assert await world.store.vault(id_) is None
        assert await world.store.keys(id_) is None


async def test_keys_are_shown_once_they_are_stored(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        mine, other = Maker("alice"), Maker("alice")
        await world.ask(alice, f"PUBLISH|{mine.jwks()}")
        assert bob.news() == [f"*IDENTITY|alice|{mine.thumbprint}"]
        keys, event = other.jwks(), f"*IDENTITY|alice|{other.thumbprint}"
        for way, told in ((world.store.fail, []), (world.store.let_go, [event])):
            world.store.hold()
            alice.send(f"PUBLISH|{keys}")
            while not world.store.held:
                await world.rest()
            assert heads(await world.ask(bob, "IDENTITY|alice"), 3) == [
                f"IDENTITY|SUCCESS|{mine.thumbprint}"
            ]
            way()
            await world.rest()
            assert bob.news() == told
        assert heads(alice.news(), 3) == [
            "PUBLISH|FAILURE|UNAVAILABLE",
            f"PUBLISH|SUCCESS|{other.thumbprint}",
        ]
        assert heads(await world.ask(bob, "IDENTITY|alice"), 3) == [
            f"IDENTITY|SUCCESS|{other.thumbprint}"
        ]


async def test_the_last_keys_that_were_published_are_there(tmp_path: Path) -> None:
    """The same again changes nothing; but what is on its way may not be the same."""
    async with serving(tmp_path) as world:
        one, other = await twins(world, "alice")
        first, second = Maker("alice"), Maker("alice")
        keys = first.jwks()
        await world.ask(one, f"PUBLISH|{keys}")
        other.news()
        world.store.commits.clear()
        await world.ask(one, f"PUBLISH|{keys}")
        assert (world.store.commits, other.news()) == ([], [])
        world.store.hold()
        one.send(f"PUBLISH|{second.jwks()}")
        while not world.store.held:
            await world.rest()
        other.send(f"PUBLISH|{keys}")
        await world.rest()
        world.store.let_go()
        await world.rest()
        assert heads(other.news(), 3) == [
            f"*IDENTITY|alice|{second.thumbprint}",
            f"PUBLISH|SUCCESS|{first.thumbprint}",
        ]
        assert heads(await world.ask(one, "IDENTITY|alice"), 3)[-1].endswith(first.thumbprint)


async def test_each_is_told_once_whatever_they_share(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob, carol = await in_ops(world, "alice", "bob", "carol")
        dave = await world.login("dave")
        await world.ask(alice, "JOIN|#two", "MSG|bob|hi")
        await world.ask(bob, "JOIN|#two")
        await world.ask(carol, "LEAVE|#ops")
        await world.ask(dave, "MSG|carol|hi")
        for client in (alice, bob, carol, dave):
            client.news()
        await world.ask(alice, f"PUBLISH|{Maker('alice').jwks()}")
        assert heads(bob.news(), 2) == ["*IDENTITY|alice"]
        assert (carol.news(), dave.news()) == ([], [])


async def test_a_room_that_becomes_encrypted_stops_what_went_before(tmp_path: Path) -> None:
    """Also where a route is kept, and before it is stored."""
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        await world.ask(bob, "MSG|#ops|one", "MSG|#ops|two")
        world.store.hold()
        alice.send("SET|#ops|e2e=yes")
        await world.rest()
        said = await world.ask(bob, "MSG|#ops|three", f"MSG|#ops|{JWE}", "MSG|#ops|four")
        assert heads(said, 3) == ["MSG|FAILURE|NOT_ENCRYPTED"]
        world.store.let_go()
        await world.rest()
        assert heads(bob.news(), 2) == ["MSG|SUCCESS", "MSG|FAILURE"]
        assert heads(await world.ask(bob, "HISTORY|#ops|after=2"))[-1] == "HISTORY|SUCCESS"
        assert heads(await world.ask(bob, "MSG|#ops|five"), 3) == ["MSG|FAILURE|NOT_ENCRYPTED"]
        await world.ask(alice, "SET|#ops|e2e=no")
        assert heads(await world.ask(bob, "MSG|#ops|six")) == ["MSG|SUCCESS"]


async def test_a_room_that_could_not_be_made_encrypted_is_as_before(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        world.store.hold()
        alice.send("SET|#ops|e2e=yes")
        await world.rest()
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == ["SET|FAILURE|UNAVAILABLE"]
        assert heads(await world.ask(bob, "MSG|#ops|in the clear")) == ["MSG|SUCCESS"]


async def test_an_encrypted_room_has_a_bound(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        await world.ask(alice, "JOIN|#big", "SET|#big|e2e=yes")
        crowd = world.connect()
        said: list[str] = []
        for number in range(1, E2E_MEMBERS_MAX + 1):
            await world.ask(crowd, f"REGISTER|user{number}|{DERIVED}|kdf={KDF}")
            await world.ask(crowd, f"AUTH|user{number}|{DERIVED}")
            said += await world.ask(crowd, "JOIN|#big", "LOGOUT")
        assert heads(said[-2:], 3) == ["JOIN|FAILURE|FORBIDDEN", "LOGOUT|SUCCESS"]
        assert "JOIN|SUCCESS|#big|0|100" in said
        alice.news()
        await world.ask(crowd, f"AUTH|user7|{DERIVED}")
        assert heads(await world.ask(crowd, "JOIN|#big")) == ["JOIN|SUCCESS"]
        assert await world.ask(alice, "SET|#big|e2e=yes") == ["SET|SUCCESS"]
        await world.ask(alice, "SET|#big|e2e=no")
        await world.ask(crowd, "LOGOUT", f"AUTH|user{E2E_MEMBERS_MAX}|{DERIVED}")
        assert await world.ask(crowd, "JOIN|#big") == ["JOIN|SUCCESS|#big|0|101"]
        said = await world.ask(alice, "SET|#big|private=yes|e2e=yes", "SETTINGS|#big")
        assert heads(said, 4)[0].startswith("SET|FAILURE|FORBIDDEN")
        assert "SETTINGS|ITEM|private|no" in said
