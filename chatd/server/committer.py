"""The one task that stores the ledger's batches, one after the other, and releases them.

While a batch is on its way to disk the next one gathers: the busier the server, the more each
sync is shared.
"""

from __future__ import annotations

import structlog
import trio

from chatd.chat.chat import Chat
from chatd.chat.ledger import Batch
from chatd.chat.ports import Unavailable
from chatd.storage.base import Store

from .connection import Connection
from .reactor import Reactor

BATCH_ENTRIES_MAX = 4_000
GATHER_TURNS_MAX = 8
BATCH_BYTES_MAX = 524_288
"""While more than this gathers, nothing more is read from any connection."""

_log = structlog.get_logger()


class Committer:
    """Commits and releases. `alarm` is set where there may be something to do."""

    def __init__(self, chat: Chat, store: Store, reactor: Reactor, alarm: Alarm) -> None:
        self._chat = chat
        self._store = store
        self._reactor = reactor
        self._alarm = alarm
        self._settled: dict[Connection, trio.Event] = {}
        self._freed: trio.Event | None = None
        self._poisoned = False
        self._idle = True
        reactor.may_read = self._may_read

    async def run(self) -> None:
        """Commit and release, for ever."""
        while True:
            await self._alarm.wait()
            self._idle = False
            while (batch := await self._gathered()) is not None:
                self._let_read()
                await self._commit(batch)
                self._let_read()
                self._wake_settled()
                await self._reactor.flush()
            self._idle = True

    async def _gathered(self) -> Batch | None:
        """The open batch, once whoever is ready has come in too: a turn costs less than a sync."""
        ledger, before = self._chat.ledger, 0
        for _ in range(GATHER_TURNS_MAX):
            if before == ledger.size[0]:
                break
            before = ledger.size[0]
            await trio.lowlevel.checkpoint()
        return ledger.take()

    @property
    def busy(self) -> bool:
        """Whether something is on its way to disk."""
        return not self._idle or self._chat.ledger.size[0] > 0

    def poison(self) -> None:
        """The open batch may hold half a request: it must fail, and memory be read anew."""
        self._poisoned = True
        self._chat.ledger.anyway(lambda: None)

    async def settled(self, connection: Connection) -> None:
        """Wait until all that a connection has changed is stored, or has failed."""
        while connection.pending:
            await self._settled.setdefault(connection, trio.Event()).wait()

    async def _commit(self, batch: Batch) -> None:
        ledger = self._chat.ledger
        try:
            if self._poisoned:
                self._poisoned = False
                raise Unavailable("a request failed half-way")
            if batch.changes:
                await self._store.commit(batch.changes)
        except Unavailable as error:
            _log.error("cannot store", changes=len(batch.changes), problem=str(error))
            self._fail(batch)
        except Exception:  # noqa: BLE001
            _log.exception("storing broke", changes=len(batch.changes))
            self._fail(batch)
        else:
            ledger.release(batch)

    def _fail(self, batch: Batch) -> None:
        self._chat.ledger.fail(batch)
        self._chat.directory.clear()

    def _wake_settled(self) -> None:
        for connection in [c for c in self._settled if not c.pending]:
            self._settled.pop(connection).set()

    def _may_read(self) -> trio.Event | None:
        """None, or what to wait for."""
        if not self._overfull():
            return None
        self._freed = trio.Event()
        return self._freed

    def _let_read(self) -> None:
        if self._freed is not None and not self._overfull():
            self._freed.set()
            self._freed = None

    def _overfull(self) -> bool:
        entries, size_bytes = self._chat.ledger.size
        return entries > BATCH_ENTRIES_MAX or size_bytes > BATCH_BYTES_MAX


class Alarm:
    """An event that can be set again and again, cheaply."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        """Wait until it has been set since the last wait."""
        await self._event.wait()
        self._event = trio.Event()
