"""The directory: one load at a time, nothing stale, a bound, and what is pending stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from chatd.chat.directory import Directory, Key, Miss
from chatd.chat.model import (
    Account,
    Direct,
    OneCode,
    PendingAccount,
    Room,
    Sent,
    SentIds,
    Session,
)
from chatd.chat.ports import Archive, Unavailable
from chatd.chat.routes import Epoch


class Shelf:
    """An archive whose answers come when they are let go; `found` is what is on disk."""

    def __init__(self) -> None:
        self.found: dict[Key, Any] = {}
        self.reads: list[Key] = []
        self.gate: trio.Event | None = None
        self.fault: Exception | None = None

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def read(*key: Any) -> Any:
            self.reads.append((name, *key))
            found = self.found.get((name, *key))
            if self.gate is not None:
                await self.gate.wait()
            if self.fault is not None:
                raise self.fault
            return found

        return read


def directory(shelf: Shelf, objects_max: int = 100) -> Directory:
    return Directory(cast(Archive, shelf), Epoch(), trio.Event, objects_max)


async def ask(directory: Directory, ask: Callable[[], Any]) -> Any:
    """The answer, once all that it misses is loaded."""
    while True:
        try:
            return ask()
        except Miss as miss:
            await directory.load(miss.key)


async def test_what_is_missed_is_loaded_once_for_all_who_ask() -> None:
    shelf = Shelf()
    shelf.found["room_named", "#a"] = Room(1, name="#a")
    shelf.gate = trio.Event()
    known = directory(shelf)
    answers: list[Any] = []

    async def one() -> None:
        answers.append(await ask(known, lambda: known.room_named("#a")))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(one)
        await wait_all_tasks_blocked()
        shelf.gate.set()
    assert shelf.reads == [("room_named", "#a")]
    assert {id(room) for room in answers} == {id(known.room(1))}


async def test_a_load_that_fails_is_tried_again_by_the_next() -> None:
    shelf = Shelf()
    shelf.fault = Unavailable("disk")
    known = directory(shelf)
    with pytest.raises(Unavailable):
        await known.load(("user", "ann"))
    shelf.fault = None
    shelf.found["account_named", "ann"] = Account(1, "ann", "")
    assert (await ask(known, lambda: known.account_named("ann"))).id == 1


async def test_what_does_not_exist_is_known_not_to() -> None:
    shelf = Shelf()
    known = directory(shelf)
    assert await ask(known, lambda: known.room_named("#a")) is None
    assert known.room_named("#a") is None
    room = known.admit(Room(1, name="#a"))
    assert known.room_named("#a") is room
    known.forget(room)
    assert known.room_named("#a") is None
    assert shelf.reads == [("room_named", "#a")]


async def load_while(
    known: Directory, shelf: Shelf, key: Key, meanwhile: Callable[[], None]
) -> None:
    """Load, and do something between the read and its arrival."""
    shelf.gate = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(known.load, key)
        await wait_all_tasks_blocked()
        meanwhile()
        shelf.gate.set()
    shelf.gate = None


async def test_what_is_in_memory_wins_over_what_was_read() -> None:
    shelf = Shelf()
    shelf.found["account", 1] = Account(1, "ann", "old")
    known = directory(shelf)
    newer = Account(1, "ann", "new")
    await load_while(known, shelf, ("account", 1), lambda: cast(None, known.admit(newer)))
    assert known.account(1) is newer


async def test_what_was_read_before_it_was_dropped_is_not_admitted() -> None:
    shelf = Shelf()
    shelf.found["room_named", "#a"] = Room(1, name="#a", topic="old")
    known = directory(shelf)
    newer = known.admit(Room(1, name="#a", topic="new"))
    await load_while(known, shelf, ("#", "#a"), lambda: known.forget(newer))
    assert known.room_named("#a") is None
    newer = known.admit(Room(1, name="#a", topic="new"))
    await load_while(known, shelf, ("#", "#a"), known.clear)
    with pytest.raises(Miss):
        known.room_named("#a")


async def test_an_absence_that_was_read_before_is_not_admitted() -> None:
    shelf = Shelf()
    known = directory(shelf)
    known.admit(Room(1, name="#a"))
    await load_while(known, shelf, ("#", "#a"), known.clear)
    with pytest.raises(Miss):
        known.room_named("#a")


async def test_the_bound_is_kept_and_the_least_recent_go_first() -> None:
    known = directory(Shelf(), objects_max=10)
    for number in range(1, 31):
        known.admit(Account(number, f"user{number}", ""))
        known.account(max(1, number - 2))  # is used
        assert len(known) <= 10
    assert known.account(30).name == "user30"
    with pytest.raises(Miss):
        known.account(1)


async def test_what_is_pending_stays() -> None:
    known = directory(Shelf(), objects_max=10)
    pending = [known.admit(Account(n, f"user{n}", "", pending=1)) for n in range(1, 31)]
    assert [known.account(account.id) for account in pending] == pending
    for account in pending:
        account.pending = 0
    for number in range(31, 100):
        known.admit(Account(number, f"user{number}", ""))
    assert len(known) <= 10


async def test_names_that_do_not_exist_are_bounded_too() -> None:
    shelf = Shelf()
    known = directory(shelf, objects_max=10)
    for number in range(100):
        await known.load(("user", f"nobody{number}"))
    assert known.account_named("nobody99") is None
    with pytest.raises(Miss):
        known.account_named("nobody0")


async def test_each_thing_is_found_by_its_names() -> None:
    known = directory(Shelf())
    session = Session(7, "public", 1, 0, 1, 1, "", b"hash")
    direct = Direct(3, low=1, high=2)
    for thing in (session, direct, SentIds(1, complete=True)):
        known.admit(thing)
    assert known.session(b"hash") is session
    assert known.direct(2, 1) is direct
    assert known.direct(1, 2) is direct
    assert known.sent(1, "any") is None


async def test_what_takes_another_s_place() -> None:
    shelf = Shelf()
    old, newer = (OneCode("recover", 7, bytes([n]) * 32, 0, 1) for n in (1, 2))
    shelf.found["code", "recover", 7] = old
    known = directory(shelf)
    await load_while(known, shelf, ("code", "recover", 7), lambda: cast(None, known.replace(newer)))
    assert known.code("recover", 7) is newer
    assert known.replace(old) is old
    assert known.code("recover", 7) is old
    with pytest.raises(Miss):
        known.code("activate", 7)


async def test_a_registration_makes_way_for_another_of_its_name() -> None:
    known = directory(Shelf())
    old, newer = (PendingAccount(n, "ann", "", "none", "tel:", 0) for n in (1, 2))
    known.admit(old)
    known.forget(old)
    assert known.pending_named("ann") is None
    known.admit(newer)
    assert known.pending_named("ann") is newer


async def test_an_account_that_was_erased_is_found_by_its_old_name() -> None:
    shelf = Shelf()
    shelf.found["account", 1] = Account(1, "~erased", "", erased=True)
    shelf.found["account_named", "ann"] = Account(1, "ann", "", erased=True)
    known = directory(shelf)
    await known.load(("account", 1))
    assert (await ask(known, lambda: known.account_named("ann"))).erased
    assert known.account(1) is known.account_named("ann")


async def test_send_ids_that_are_not_all_in_memory_are_looked_up_one_by_one() -> None:
    shelf = Shelf()
    sent = Sent(1, b"digest", 5, 1_000)
    shelf.found["sent", 1, "old"] = sent
    known = directory(shelf)
    known.admit(SentIds(1, complete=False))
    assert await ask(known, lambda: known.sent(1, "old")) == sent
    assert await ask(known, lambda: known.sent(1, "new")) is None
    assert shelf.reads == [("sent", 1, "old"), ("sent", 1, "new")]


async def test_a_send_id_given_meanwhile_wins_over_its_absence() -> None:
    shelf = Shelf()
    known = directory(shelf)
    ids = known.admit(SentIds(1, complete=False))
    sent = Sent(1, b"digest", 5, 1_000)
    await load_while(known, shelf, ("sent id", 1, "x"), lambda: ids.add("x", sent))
    assert known.sent(1, "x") == sent
