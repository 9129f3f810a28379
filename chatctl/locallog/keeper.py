"""The local log beside what comes in: appended to in a thread, many entries in one go."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

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
    """Nothing is kept; why, the keeper has told."""


@dataclass
class _Waiting:
    entry: Entry
    done: trio.Event = field(default_factory=trio.Event)
    kept: Kept | None = None


class Keeper:
    """Keeps entries in the log that `opening` gives (it blocks, and raises Damaged, OSError,
    Problem); where there is none, nothing is kept. What cannot be written is not kept either, and
    the next entry is tried again; a log that was tampered with is given up."""

    def __init__(self, opening: Callable[[], LocalLog] | None, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self._opening = opening
        self._log: LocalLog | None = None
        self._first = 1
        self._fails = False
        self._waiting: deque[_Waiting] = deque()
        self._under_way: dict[Key | None, _Waiting] = {}  # what comes directly, just now
        self._stirred = trio.Event()
        self._room = trio.lowlevel.ParkingLot()
        self._appending = trio.Lock()

    async def open(self) -> None:
        """Open the log."""
        await self._append([])

    async def note(self, read: Read, user: str) -> bool:
        """Keep a message from the server, soon; False where it came directly before, and need not
        be shown again."""
        if self._opening is None:
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
        if self._opening is not None:
            self._under_way[entry.signed_id] = waiting
            self._put(waiting)
            await waiting.done.wait()
            self._under_way.pop(entry.signed_id, None)
        if waiting.kept is None:
            raise NoLog
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
        if self._opening is not None:
            entries = [one.entry for one in some]
            try:
                log, kept = await trio.to_thread.run_sync(self._written, self._opening, entries)
            except (Damaged, OSError, Problem) as error:
                self._failed(error)
            else:
                for one, outcome in zip(some, kept):
                    one.kept = outcome
                self._succeeded(log)
        for one in some:
            one.done.set()

    def _written(
        self, opening: Callable[[], LocalLog], entries: list[Entry]
    ) -> tuple[LocalLog, list[Kept]]:
        if self._log is None:
            log = opening()
            self._first = log.first
            self._log = log
        return self._log, self._log.append(entries)

    def _failed(self, error: Damaged | OSError | Problem) -> None:
        if not isinstance(error, OSError):
            self._opening = self._log = None
            self.tell(_no_more(error))
        elif not self._fails:
            self._fails = True
            why = error.strerror or str(error)
            self.tell(f"No local log is kept for now: {why}; each new message tries it again")

    def _succeeded(self, log: LocalLog) -> None:
        if self._fails:
            self._fails = False
            self.tell("The local log goes on; what came meanwhile is not in it")
        if log.first != self._first:
            self._first = log.first
            self.tell(f"The local log is full; what was before entry {log.first} makes room")


@asynccontextmanager
async def keeping(
    desk: Desk, tell: Callable[[str], None] = complain, *, wanted: bool
) -> AsyncIterator[Keeper]:
    """The profile's log, open for appending; what cannot be kept is told, and ends nothing."""
    keeper = Keeper(partial(_opened, desk) if wanted else None, complain)
    await keeper.open()
    keeper.tell = tell  # which may need something that is not there before
    with ungrouped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            try:
                yield keeper
            finally:
                with trio.move_on_after(LAST_SECONDS_MAX, shield=True):
                    await keeper.flush()
                nursery.cancel_scope.cancel()


def _opened(desk: Desk) -> LocalLog:
    log = local_log(desk)
    log.open()
    return log


def _no_more(error: Damaged | Problem) -> str:
    if isinstance(error, Problem):
        return f"No local log is kept: {error.sentence}"
    return (
        f"The local log was tampered with: {error.sentence}. Nothing more is kept in it; see"
        " chatctl log verify, and begin anew with chatctl log clear"
    )


def _now() -> str:
    return time_text(datetime.now(UTC))
