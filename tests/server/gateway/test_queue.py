"""The queue: what is sent once, what is sent again, and what is given up; on a real store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chatd.server.gateway.queue import (
    RETRY_SECONDS_MAX,
    RETRY_SECONDS_MIN,
    SENDS_MAX,
    TRIES_MAX,
)
from chatd.server.gateway.webhook import Webhook
from tests.chat.harness import SECRET
from tests.chat.outgoing import CONTACT, asking, later, letters

from .queueing import PHONE, Broken, Gate, office, posted
from .receiver import SECRET as SIGNING
from .receiver import Receiver

AHEAD_MS = 3_600_000
"""A clock that is put forward so far stands still for as long, however slow the machine is."""


async def test_what_is_queued_leaves_at_once(tmp_path: Path) -> None:
    async with office(tmp_path) as found:
        await found.registers("alice", CONTACT)
        await found.empty()
        [file] = (tmp_path / "spool").iterdir()
        assert b"ACTIVATE|alice|" in file.read_bytes()
        await found.until(lambda: found.world.chat.gateway.waiting == 0)


async def test_what_is_for_nobody_goes_nowhere(tmp_path: Path) -> None:
    async with office(tmp_path) as found:
        assert await found.world.ask(found.world.connect(), "RESET|nobody") == ["RESET|SUCCESS"]
        await found.empty()
        assert not (tmp_path / "spool").exists()
        assert found.log.getvalue() == ""


async def test_what_was_there_at_the_start_is_sent(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        line = f"REGISTER|alice|{SECRET}|contact={CONTACT}"
        assert await world.ask(world.connect(), line) == ["REGISTER|SUCCESS|pending"]
        assert len(await letters(world)) == 1
    async with office(tmp_path) as found:
        await found.empty()
        assert len(list((tmp_path / "spool").iterdir())) == 1


async def test_what_fails_is_tried_again_ever_later(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.answers += [(503, {})] * 8
        async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
            later(found.world, AHEAD_MS)
            await found.registers("alice")
            waits = []
            for tries in range(1, 9):
                await posted(receiver)
                await found.until(lambda: found.idle)
                [(failed, seconds)] = await found.tries()
                assert failed == tries
                waits.append(seconds)
                later(found.world, round(seconds * 1000) + 1)
                found.queue.wake()
            assert (await posted(receiver)).genuine
            await found.empty()
            doubled = [min(RETRY_SECONDS_MIN * 2**n, RETRY_SECONDS_MAX) for n in range(8)]
            assert waits == doubled
            assert len(found.logged("warning")) == 8
            assert found.logged("error") == []


async def test_who_says_when_is_asked_no_sooner(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.answers.append((429, {"retry-after": "600"}))
        async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
            later(found.world, AHEAD_MS)
            await found.registers("alice")
            await posted(receiver)
            await found.until(lambda: bool(found.logged("warning")) and found.idle)
            assert await found.tries() == [(1, 600)]


async def test_what_is_refused_for_good_is_given_up_loudly(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.answers.append((401, {}))
        async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
            await found.registers("alice")
            await found.empty()
            [error] = found.logged("error")
            assert error["problem"] == "the provider said 401"


async def test_a_code_that_has_expired_is_sent_no_more(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.answers += [(503, {})] * 2
        async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
            await found.registers("alice")
            await posted(receiver)
            await found.until(lambda: found.idle)
            later(found.world, 900_000)
            found.queue.wake()
            await found.empty()
            assert receiver.posted.empty()
            [error] = found.logged("error")
            assert error["problem"] == "its code has expired"


async def test_tries_are_bounded(tmp_path: Path) -> None:
    with Receiver() as receiver:
        async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
            found.world.chat.rules = replace(found.world.chat.rules, code_seconds=86_400)
            receiver.answers += [(503, {})] * TRIES_MAX
            await found.registers("alice")
            for _ in range(TRIES_MAX):
                await posted(receiver)
                await found.until(lambda: found.idle)
                later(found.world, (RETRY_SECONDS_MAX + 1) * 1000)
                found.queue.wake()
            await found.empty()
            assert [error["problem"] for error in found.logged("error")] == [
                "the provider said 503"
            ]


async def test_so_many_leave_at_a_time(tmp_path: Path) -> None:
    gate = Gate()
    async with office(tmp_path, gate) as found:
        users = [f"user{number}" for number in range(3 * SENDS_MAX)]
        for number, user in enumerate(users):
            await found.registers(user, f"tel:+49309018{number:02}")
        await found.until(lambda: gate.at_once == SENDS_MAX)
        gate.open.set()
        await found.empty()
        assert (gate.most, sorted(gate.users)) == (SENDS_MAX, sorted(users))


async def test_nobody_is_kept_waiting_by_the_gateway(tmp_path: Path) -> None:
    async with office(tmp_path, Gate()) as found:
        await found.registers("alice")
        assert await found.world.ask(found.world.connect(), "PING") == ["PING|SUCCESS"]


async def test_what_cannot_be_struck_off_is_not_sent_again(tmp_path: Path) -> None:
    """With a full disk people would be sent the same for ever."""
    gate = Gate()
    async with office(tmp_path, gate) as found:
        found.queue.pause_seconds = 0
        await found.registers("alice")
        await found.until(lambda: gate.at_once == 1)
        for _ in range(3):
            found.world.store.hold()
            gate.open.set()
            await found.until(lambda: found.world.store.held)
            found.world.store.fail()
        await found.empty()
        assert gate.users == ["alice"]


async def test_who_dies_in_between_sends_twice_at_most(tmp_path: Path) -> None:
    with Receiver() as receiver:
        async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
            await found.registers("alice")
            first = await posted(receiver)
            found.world.store.hold()
        if receiver.posted.empty():
            async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
                await found.empty()
        sent = [first, *receiver.posted.queue]
        assert len(sent) <= 2
        assert len({post.body for post in sent}) == 1
        assert len({post.headers["webhook-id"] for post in sent}) == 1


async def test_a_message_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        for user in ("alice", "bob"):
            line = f"REGISTER|{user}|{SECRET}|contact={CONTACT}"
            assert await world.ask(world.connect(), line) == ["REGISTER|SUCCESS|pending"]
        world.store._db.execute("UPDATE outgoing SET message_box = zeroblob(40) WHERE id = 1")
    async with office(tmp_path) as found:
        await found.empty()
        assert len(list((tmp_path / "spool").iterdir())) == 1
        assert [error["problem"] for error in found.logged("error")] == ["it cannot be read"]


async def test_a_defect_of_a_gateway_is_survived_and_tells_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, Broken()) as found:
        await found.registers("alice")
        await found.until(lambda: bool(found.logged("warning")) and found.idle)
        assert [failed for failed, _ in await found.tries()] == [1]
        [letter] = await letters(found.world)
        assert letter.code not in found.log.getvalue()
        assert CONTACT not in found.log.getvalue()


async def test_the_log_tells_no_code_and_no_contact(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.answers += [(503, {}), (401, {})]
        async with office(tmp_path, Webhook(receiver.url, SIGNING)) as found:
            await found.registers("alice")
            code = (await posted(receiver)).data["code"]
            await found.until(lambda: found.idle)
            later(found.world, 60_000)
            found.queue.wake()
            await found.empty()
            log = found.log.getvalue()
            assert len(log.splitlines()) == 2
            for word in (code, "+4930901820", "alice", receiver.url):
                assert word not in log


@pytest.mark.parametrize("contact", [CONTACT, PHONE])
async def test_each_contact_has_its_gateway(tmp_path: Path, contact: str) -> None:
    gate = Gate()
    async with office(tmp_path, gate) as found:
        await found.registers("alice", contact)
        if contact == PHONE:
            await found.until(lambda: gate.at_once == 1)
        else:
            await found.empty()
            assert gate.users == []
