"""Stores the ledger's batches, one after the other, and releases them.

The reactor takes a step after each of its turns. While a batch is on its way to disk the next one
gathers: the busier the server, the more each sync is shared.
"""

from __future__ import annotations

from time import perf_counter

import structlog
import trio

from chatd.chat.chat import Chat
from chatd.chat.counts import Histogram
from chatd.chat.ledger import Batch
from chatd.chat.ports import Unavailable
from chatd.storage.base import Store

from .connection import Connection
from .reactor import Reactor

BATCH_ENTRIES_MAX = 4_000
BATCH_BYTES_MAX = 524_288
"""While more than this gathers, nothing more is read from any connection."""
_BELOW_10_MS = 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005
COMMIT_SECONDS_BOUNDS = *_BELOW_10_MS, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10

_log = structlog.get_logger()


class Committer:
    """Commits and releases. `seconds` tells how long commits took, `failures` how many batches
    could not be stored, `problem` why the last one could not, until one could, and
    `failed_seconds` when that was, on the reactor's clock."""

    def __init__(self, chat: Chat, store: Store, reactor: Reactor) -> None:
        self._chat = chat
        self._store = store
        self._reactor = reactor
        self._settled: dict[Connection, trio.Event] = {}
        self._batch: Batch | None = None  # on its way
        self._outcome: list[BaseException | None] = []  # put here by the writer's thread
        self._poisoned = False
        self._begun = 0.0
        self.seconds = Histogram(*COMMIT_SECONDS_BOUNDS)
        self.failures = 0
        self.problem: str | None = None
        self.failed_seconds = 0.0
        reactor.committer = self

    @property
    def busy(self) -> bool:
        """Whether something is on its way to disk."""
        return self._batch is not None or self._chat.ledger.waiting

    @property
    def due(self) -> bool:
        """Whether a step would send something on its way."""
        return self._batch is None and self._chat.ledger.waiting

    @property
    def overfull(self) -> bool:
        """Whether too much gathers to read on."""
        entries, size_bytes = self._chat.ledger.size
        return entries > BATCH_ENTRIES_MAX or size_bytes > BATCH_BYTES_MAX

    def step(self) -> int:
        """Release what has been stored, then send what has gathered. How many entries have been
        released."""
        released = 0
        if (batch := self._batch) is not None and self._outcome:
            released = len(batch.entries)
            error = self._outcome.pop()
            self._measure(error)
            self._end(batch, error)
        while self._batch is None and (batch := self._chat.ledger.take()) is not None:
            self._begin(batch)
        return released

    def poison(self) -> None:
        """The open batch may hold half a request: it must fail, and memory be read anew."""
        self._poisoned = True
        self._chat.ledger.anyway(lambda: None)

    async def settled(self, connection: Connection) -> None:
        """Wait until all that a connection has changed is stored, or has failed."""
        while connection.pending:
            await self._settled.setdefault(connection, trio.Event()).wait()

    def _begin(self, batch: Batch) -> None:
        self._batch = batch
        if self._poisoned:
            self._poisoned = False
            self._end(batch, Unavailable("a request failed half-way"))
        elif batch.changes:
            self._begun = perf_counter()
            self._store.commit_soon(batch.changes, self._done)
        else:
            self._end(batch, None)

    def _done(self, error: BaseException | None) -> None:
        self._outcome.append(error)
        self._reactor.wakeups.ring()

    def _measure(self, error: BaseException | None) -> None:
        self.seconds.observe(perf_counter() - self._begun)
        self.problem = None
        if error is not None:
            self.failures += 1
            self.failed_seconds = self._reactor.now()
            self.problem = str(error) if isinstance(error, Unavailable) else type(error).__name__

    def _end(self, batch: Batch, error: BaseException | None) -> None:
        self._batch = None
        if error is None:
            self._chat.ledger.release(batch)
        else:
            self._fail(batch, error)
        for connection in [c for c in self._settled if not c.pending]:
            self._settled.pop(connection).set()

    def _fail(self, batch: Batch, error: BaseException) -> None:
        if isinstance(error, Unavailable):
            _log.error("cannot store", changes=len(batch.changes), problem=str(error))
        else:
            _log.error("storing broke", changes=len(batch.changes), exc_info=error)
        self._poisoned = False  # the open batch fails as well
        self._chat.ledger.fail(batch)
        self._chat.directory.clear()
