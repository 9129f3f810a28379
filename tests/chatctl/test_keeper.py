"""The local log beside what comes in: durable where that is asked, and never in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from chatctl.locallog import Keeper, Kept, NoLog
from chatctl.locallog.keeper import WAITING_MAX
from chatctl.opener import Read
from chatd.protocol.events import Message

from .local_log_world import Place, direct, full_disk


@asynccontextmanager
async def running(place: Place, told: list[str]) -> AsyncIterator[Keeper]:
    async with trio.open_nursery() as nursery:
        keeper = Keeper(place.log, told.append)
        await keeper.open()
        nursery.start_soon(keeper.run)
        yield keeper
        await keeper.flush()
        nursery.cancel_scope.cancel()


def read(seq: int, text: str = "hi", id_: str | None = None) -> Read:
    signer = None if id_ is None else "key"
    return Read(Message("alice", seq, "then", "alice", text), [], id_, signer)


async def test_all_that_came_is_kept_in_its_order(tmp_path: Path) -> None:
    place, told = Place(tmp_path / "log").begin(), list[str]()
    async with running(place, told) as keeper:
        for number in range(1, 2 * WAITING_MAX):
            assert await keeper.note(read(number, str(number)), "bob")
    assert place.texts() == [str(number) for number in range(1, 2 * WAITING_MAX)]
    assert told == []


async def test_what_is_kept_is_on_disk(tmp_path: Path) -> None:
    place = Place(tmp_path / "log").begin()
    async with running(place, []) as keeper:
        assert await keeper.keep(direct("hello", "x")) is Kept.NEW
        assert place.texts() == ["hello"]
        assert await keeper.keep(direct("hello", "x")) is Kept.KNOWN
        assert await keeper.keep(direct("other", "x")) is Kept.CONFLICT
        assert not await keeper.note(read(7, "hello", "x"), "bob")  # need not be shown again
        assert await keeper.note(read(8, "other", "x"), "bob")


async def test_what_comes_both_ways_at_once_is_shown_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "log").begin()
    async with running(place, []) as keeper, trio.open_nursery() as nursery:
        nursery.start_soon(keeper.keep, direct("hello", "x"))
        await trio.testing.wait_all_tasks_blocked()
        assert not await keeper.note(read(7, "hello", "x"), "bob")
    assert place.texts() == ["hello"]


async def test_tampering_ends_the_log_and_nothing_else(tmp_path: Path) -> None:
    place, told = Place(tmp_path / "log").begin(), list[str]()
    async with running(place, told) as keeper:
        await keeper.keep(direct("hello", "x"))
        place.segments[0].write_bytes(b"")
        with pytest.raises(NoLog):
            await keeper.keep(direct("more", "y"))
        assert await keeper.note(read(1), "bob")
        with pytest.raises(NoLog):
            await keeper.keep(direct("more", "y"))
    assert len(told) == 1 and "tampered" in told[0]


async def test_the_oldest_make_room_with_a_notice(tmp_path: Path) -> None:
    place, told = Place(tmp_path / "log", 1_000).begin(), list[str]()
    async with running(place, told) as keeper:
        for number in range(40):
            await keeper.keep(direct(f"hello {number}", str(number)))
    assert told
    assert all("makes room" in said for said in told)
    assert "hello 0" not in place.texts()


async def test_no_log_at_all() -> None:
    keeper = Keeper(None, list[str]().append)
    assert await keeper.note(read(1), "bob")
    with pytest.raises(NoLog):
        await keeper.keep(direct("hello", "x"))


async def test_it_goes_on_once_it_can_be_written(tmp_path: Path) -> None:
    place, told = Place(tmp_path / "log").begin(), list[str]()
    async with running(place, told) as keeper:
        await keeper.keep(direct("before", "w"))
        with full_disk(place):
            for _ in range(2):
                with pytest.raises(NoLog):
                    await keeper.keep(direct("hello", "x"))
            assert await keeper.note(read(7, "hello", "x"), "bob")  # so it is shown
            assert not await keeper.note(read(8, "before", "w"), "bob")
            await keeper.flush()
        assert len(told) == 1 and "No local log is kept for now: " in told[0]
        assert await keeper.keep(direct("hello", "x")) is Kept.NEW
        assert len(told) == 2 and "goes on" in told[1]
    assert place.texts() == ["before", "hello"]


async def test_a_log_that_does_not_open_at_first_is_tried_again(tmp_path: Path) -> None:
    place, told = Place(tmp_path / "log").begin(), list[str]()
    [lock] = place.folder.glob("*.lock")
    lock.unlink()
    lock.mkdir()
    async with running(place, told) as keeper:
        with pytest.raises(NoLog):
            await keeper.keep(direct("hello", "x"))
        lock.rmdir()
        assert await keeper.keep(direct("hello", "x")) is Kept.NEW
    assert len(told) == 2
    assert place.texts() == ["hello"]
