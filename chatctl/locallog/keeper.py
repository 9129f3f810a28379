"""The local log beside what comes in: appended to in a thread, many entries in one go."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import trio

from ..desk import Desk
from ..e2e import time_text
from ..errors import ungrouped
from ..opener import Read
from ..problems import Problem, complain
from .entry import Entry, Key, entry_of
from .log import Kept, LocalLog, local_log
from .store import APPEND_LINES_MAX, Damaged

WAITING_MAX = 1_000
LAST_SECONDS_MAX = 5.0


class NoLog(Exception):
    """Nothing is kept; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass
class _Waiting:
    entry: Entry
    done: trio.Event = field(default_factory=trio.Event)
    kept: Kept | None = None


class Keeper:
    """Keeps entries. Without a log, `why` says so and nothing is kept."""

    def __init__(self, log: LocalLog | None, tell: Callable[[str], None], why: str = "") -> None:
        self._log = log
        self._tell = tell
        self._why = why
        self._first = log.first if log else 1
        self._waiting: deque[_Waiting] = deque()
        self._under_way: dict[Key | None, _Waiting] = {}  # what comes directly, just now
        self._stirred = trio.Event()
        self._room = trio.lowlevel.ParkingLot()
        self._appending = trio.Lock()

    async def note(self, read: Read, user: str) -> bool:
        """Keep a message from the server, soon; False where it came directly before, and need not
        be shown again."""
        if self._log is None:
            return True
        entry = entry_of(read, "server", user, _now())
        if (same := self._under_way.get(entry.signed_id)) is not None:
            await same.done.wait()
        if self._came_directly(entry):
            return False
        while len(self._waiting) >= WAITING_MAX:
            await self._room.park()
        self._put(_Waiting(entry))
        return True

    def _came_directly(self, entry: Entry) -> bool:
        return self._log is not None and self._log.came_directly(entry)

    async def keep(self, entry: Entry) -> Kept:
        """Keep an entry; it is on disk when this returns. NoLog."""
        waiting = _Waiting(entry)
        if self._log is not None:
            self._under_way[entry.signed_id] = waiting
            self._put(waiting)
            await waiting.done.wait()
            self._under_way.pop(entry.signed_id, None)
        if waiting.kept is None:
            raise NoLog(self._why)
        return waiting.kept

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._stirred.wait()
            self._stirred = trio.Event()
            await self.flush()

    async def flush(self) -> None:
        """Write all that waits."""
        async with self._appending:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(self._next_count)]
                await self._append(some)
                self._room.unpark_all()

    @property
    def _next_count(self) -> int:
        return min(len(self._waiting), APPEND_LINES_MAX)

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._stirred.set()

    async def _append(self, some: list[_Waiting]) -> None:
        if self._log is not None:
            try:
                entries = [one.entry for one in some]
                kept = await trio.to_thread.run_sync(self._log.append, entries)
                for one, outcome in zip(some, kept):
                    one.kept = outcome
                self._tell_dropped(self._log.first)
            except (Damaged, OSError) as error:
                self._log, self._why = None, _no_more(error)
                self._tell(self._why)
        for one in some:
            one.done.set()

    def _tell_dropped(self, first: int) -> None:
        if first != self._first:
            self._tell(f"The local log is full; what was before entry {first} makes room")
            self._first = first


@asynccontextmanager
async def keeping(
    desk: Desk, tell: Callable[[str], None] = complain, *, wanted: bool
) -> AsyncIterator[Keeper]:
    """The profile's log, open for appending; what cannot be kept is told, and ends nothing."""
    keeper = await _keeper(desk, tell, wanted=wanted)
    with ungrouped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            try:
                yield keeper
            finally:
                with trio.move_on_after(LAST_SECONDS_MAX, shield=True):
                    await keeper.flush()
                nursery.cancel_scope.cancel()


async def _keeper(desk: Desk, tell: Callable[[str], None], *, wanted: bool) -> Keeper:
    if not wanted:
        return Keeper(None, tell, "No local log is kept, as asked with --no-log")
    try:
        log = local_log(desk)
        await trio.to_thread.run_sync(log.open)
    except (Damaged, OSError, Problem) as error:
        why = _no_more(error)
        complain(why)
        return Keeper(None, tell, why)
    return Keeper(log, tell)


def _no_more(error: Damaged | OSError | Problem) -> str:
    if isinstance(error, Damaged):
        return (
            f"The local log was tampered with: {error.sentence}. Nothing more is kept in it; see"
            " chatctl log verify, and begin anew with chatctl log clear"
        )
    what = error.sentence if isinstance(error, Problem) else error.strerror or str(error)
    return f"No local log is kept: {what}"


def _now() -> str:
    return time_text(datetime.now(UTC))
