"""Accounts that wait for a code, and passwords that are set anew by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatd.chat.gateway import CODES_MAX, TRIES_MAX
from chatd.chat.gateway_changes import KEPT_MS
from tests.chat.harness import SECRET, heads
from tests.chat.outgoing import (
    CONTACT,
    asking,
    code,
    later,
    letters,
    registers,
    says,
)


async def test_an_account_opens_with_its_code_and_what_was_registered(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        alice = await registers(world, "Alice", "mailto:Alice@EXAMPLE.org")
        [letter] = await letters(world)
        assert (letter.user, letter.contact) == ("alice", "mailto:Alice@example.org")
        assert letter.code not in repr(letter)
        await says(world, alice, f"AUTH|alice|{SECRET}", "AUTH|FAILURE|DENIED")
        world.forget()
        await says(world, alice, f"ACTIVATE|ALICE|{letter.code}", "ACTIVATE|SUCCESS")
        await says(world, alice, f"ACTIVATE|alice|{letter.code}", "ACTIVATE|FAILURE|DENIED")
        world.forget()
        await says(world, alice, f"ACTIVATE|alice|{letter.code}", "ACTIVATE|FAILURE|DENIED")
        await says(world, alice, f"AUTH|alice|{SECRET}", "AUTH|SUCCESS")
        reach = await world.store.reach("alice", 0)
        assert (reach.account, reach.waiting, reach.contact) == (1, None, letter.contact)


async def test_the_kdf_is_kept(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        kdf = "argon2id$v=19$m=65536,t=3,p=4$c2l4dGVlbiBieXRlcy4u"
        alice = world.connect()
        line = f"REGISTER|alice|{'A' * 43}|kdf={kdf}|contact={CONTACT}"
        assert await world.ask(alice, line) == ["REGISTER|SUCCESS|pending"]
        await says(world, alice, "SALT|alice", "SALT|SUCCESS|argon2id$")
        assert kdf not in (await world.ask(alice, "SALT|alice"))[0]
        world.forget()
        await says(world, alice, f"ACTIVATE|alice|{await code(world)}", "ACTIVATE|SUCCESS")
        await says(world, alice, "SALT|alice", f"SALT|SUCCESS|{kdf}")


@pytest.mark.parametrize("forgotten", [False, True])
async def test_after_a_day_a_registration_is_gone(tmp_path: Path, forgotten: bool) -> None:
    async with asking(tmp_path) as world:
        alice = await registers(world, "alice")
        first = await code(world)
        later(world, KEPT_MS - 1_000)
        taken = f"REGISTER|alice|{SECRET}|contact=tel:+4930901820"
        await says(world, alice, taken, "REGISTER|FAILURE|TAKEN")
        later(world, 1_000)
        if forgotten:
            world.forget()
        await says(world, alice, f"ACTIVATE|alice|{first}", "ACTIVATE|FAILURE|DENIED")
        await says(world, alice, "RESET|alice", "RESET|SUCCESS")
        assert len(await letters(world)) == 1
        await says(world, alice, taken, "REGISTER|SUCCESS|pending")
        await says(world, alice, f"ACTIVATE|alice|{await code(world)}", "ACTIVATE|SUCCESS")


@pytest.mark.parametrize("forgotten", [False, True])
async def test_what_was_swept_is_in_memory_no_more(tmp_path: Path, forgotten: bool) -> None:
    async with asking(tmp_path) as world:
        alice = await registers(world, "alice")
        later(world, KEPT_MS)
        await world.store.tidy(world.chat.clock.now_ms())
        assert await world.store.pending_named("alice") is None
        assert await world.store.code("activate", 1) is None
        if forgotten:
            world.forget()
        await says(world, alice, f"REGISTER|alice|{SECRET}|contact={CONTACT}", "REGISTER|SUCCESS")
        await says(world, alice, f"ACTIVATE|alice|{await code(world)}", "ACTIVATE|SUCCESS")


async def test_nothing_younger_is_swept(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        await registers(world, "alice")
        await world.store.tidy(world.chat.clock.now_ms() + KEPT_MS - 10_000)
        assert await world.store.pending_named("alice") is not None
        assert await world.store.code("activate", 1) is not None


async def test_of_two_that_register_at_once_one_waits(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        one, other = world.connect(), world.connect()
        world.store.hold()
        for client in (one, other):
            client.send(f"REGISTER|alice|{SECRET}|contact={CONTACT}")
        await world.rest()
        world.store.let_go()
        await world.rest()
        answers = sorted(heads([*one.news(), *other.news()], 3))
        assert answers == ["REGISTER|FAILURE|TAKEN", "REGISTER|SUCCESS|pending"]
        assert len(await letters(world)) == 1


async def test_what_could_not_be_stored_never_was(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        alice = world.connect()
        world.store.hold()
        alice.send(f"REGISTER|alice|{SECRET}|contact={CONTACT}")
        await world.rest()
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == ["REGISTER|FAILURE|UNAVAILABLE"]
        assert await letters(world) == []
        await says(world, alice, f"REGISTER|alice|{SECRET}|contact={CONTACT}", "REGISTER|SUCCESS")
        right = await code(world)
        world.store.hold()
        alice.send(f"ACTIVATE|alice|{right}")
        await world.rest()
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == ["ACTIVATE|FAILURE|UNAVAILABLE"]
        await says(world, alice, f"ACTIVATE|alice|{right}", "ACTIVATE|SUCCESS")


async def test_a_recovery_ends_all_sessions_and_keeps_the_vault(tmp_path: Path) -> None:
    async with asking(tmp_path, "open") as world:
        alice = world.connect()
        lines = [f"REGISTER|alice|{SECRET}|contact={CONTACT}", f"AUTH|alice|{SECRET}"]
        token = (await world.ask(alice, *lines))[1].split("|")[2]
        await says(world, alice, "STORE|0|vault", "STORE|SUCCESS|1")
        phone = world.connect()
        await says(world, phone, "RESET|alice", "RESET|SUCCESS")
        right = await code(world)
        await says(world, phone, f"RECOVER|alice|{right}|staple tiger seven", "RECOVER|SUCCESS")
        assert heads(alice.news()) == ["*BYE|DENIED"]
        await says(world, phone, f"RESUME|{token}", "RESUME|FAILURE|DENIED")
        world.forget()
        await says(world, phone, f"RESUME|{token}", "RESUME|FAILURE|DENIED")
        await says(
            world, phone, f"RECOVER|alice|{right}|other words here", "RECOVER|FAILURE|DENIED"
        )
        await says(world, phone, f"AUTH|alice|{SECRET}", "AUTH|FAILURE|DENIED")
        await says(world, phone, "AUTH|alice|staple tiger seven", "AUTH|SUCCESS")
        await says(world, phone, "VAULT", "VAULT|SUCCESS|1|vault")


async def test_a_vault_of_another_version_costs_no_code(tmp_path: Path) -> None:
    async with asking(tmp_path, "open") as world:
        alice = world.connect()
        await world.ask(alice, f"REGISTER|alice|{SECRET}|contact={CONTACT}", "RESET|alice")
        line = f"RECOVER|alice|{await code(world)}|staple tiger seven|version={{}}|vault=mine"
        await says(world, alice, line.format(3), "RECOVER|FAILURE|CONFLICT|0 ")
        await says(world, alice, line.format(0), "RECOVER|SUCCESS")


async def test_who_is_erased_meanwhile_is_not_brought_back(tmp_path: Path) -> None:
    async with asking(tmp_path, "open") as world:
        alice = world.connect()
        lines = [f"REGISTER|alice|{SECRET}|contact={CONTACT}", "RESET|alice"]
        await world.ask(alice, *lines, f"AUTH|alice|{SECRET}")
        right = await code(world)
        await says(world, alice, f"ERASE|{SECRET}", "ERASE|SUCCESS")
        line = f"RECOVER|alice|{right}|staple tiger seven"
        await says(world, alice, line, "RECOVER|FAILURE|DENIED")
        world.forget()
        await says(world, alice, line, "RECOVER|FAILURE|DENIED")
        await says(world, alice, "RESET|alice", "RESET|SUCCESS")
        assert len(await letters(world)) == 1


async def test_a_contact_is_not_written_to_too_often_under_many_names(tmp_path: Path) -> None:
    async with asking(tmp_path, registration="open") as world:
        names = ["alice", "bob", "carol"]
        for name in names:
            line = f"REGISTER|{name}|{SECRET}|contact={CONTACT}"
            await says(world, world.connect(), line, "REGISTER|SUCCESS")
        for name in names * 3:
            await says(world, world.connect(), f"RESET|{name}", "RESET|SUCCESS")
        assert len(await letters(world)) == CODES_MAX


async def test_an_address_tries_so_many_codes_under_whatever_names(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        client = world.connect("192.0.2.9")
        lines = [f"ACTIVATE|nobody{number}|12345678" for number in range(TRIES_MAX + 1)]
        *tried, last = await world.ask(client, *lines)
        assert {line.split("|")[2] for line in tried} == {"DENIED"}
        assert last.startswith("ACTIVATE|FAILURE|RATE_LIMITED|")
        later(world, 1_000)
        await world.store.tidy(world.chat.clock.now_ms())
        assert world.store._db.execute("SELECT count(*) FROM code").get == 0
