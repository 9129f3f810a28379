"""The embedded store: SQLite in WAL mode with full sync, one writer, a few readers, all in threads.

`commit` is a group commit: whatever the ledger has gathered is one transaction and one sync.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import apsw
import trio

from chatd.chat.changes import Change
from chatd.chat.model import Account, Direct, Room, Sent, SentIds, Session
from chatd.chat.ports import StoredMessage, StoredRoom, StoredUnread, Unavailable
from chatd.security.keys import ServerKey

from .base import Highest
from .codec import Codec
from .reads import Reader
from .verify import key_fits
from .writes import Writer

T = TypeVar("T")

SCHEMA_VERSION = 1
READERS = 2
DOOMED_ROWS_MAX = 2_000
_HOUR_MS = 3_600_000


class OpenError(Exception):
    """The database cannot be used; the sentence says why."""


def open_database(path: Path) -> apsw.Connection:
    """Open (or make) the database for writing, at the current schema version. OpenError."""
    try:
        db = apsw.Connection(str(path))
        db.set_busy_timeout(5_000)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        db.pragma("secure_delete", "fast")
        _migrate(db, path)
    except apsw.Error as error:
        raise OpenError(f"the database {path} cannot be opened: {error}") from error
    return db


def _migrate(db: apsw.Connection, path: Path) -> None:
    version = db.pragma("user_version")
    if version > SCHEMA_VERSION:
        raise OpenError(f"the database {path} was written by a newer chatd; update this one")
    if version == 0:
        schema = files("chatd.storage").joinpath("schema.sql").read_text()
        with db:
            db.execute(schema)
            db.pragma("user_version", SCHEMA_VERSION)


class SqliteStore:
    """A `Store` in one SQLite file."""

    def __init__(self, path: Path, key: ServerKey) -> None:
        self.keep(send_ids_hours=48, session_idle_days=30)
        codec = Codec(key)
        self._db = open_database(path)
        if not key_fits(self._db, codec):
            raise OpenError(f"{path} was written with another server key: put that key back")
        self._writer = Writer(self._db, codec)
        self._readers = [Reader(_open_reader(path), codec) for _ in range(READERS)]
        self._free = list(self._readers)
        self._write_limit = trio.CapacityLimiter(1)
        self._read_limit = trio.CapacityLimiter(READERS)
        self.highest = Highest(*self._readers[0].highest())

    def keep(self, send_ids_hours: int, session_idle_days: int) -> None:
        """How long SEND ids and idle sessions are kept."""
        self._send_ids_ms = send_ids_hours * _HOUR_MS
        self._idle_ms = session_idle_days * 24 * _HOUR_MS

    async def commit(self, changes: Sequence[Change]) -> None:
        try:
            await trio.to_thread.run_sync(self._writer.write, changes, limiter=self._write_limit)
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    async def tidy(self, now_ms: int) -> None:
        try:
            await trio.to_thread.run_sync(self._tidy, now_ms, limiter=self._write_limit)
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._close, limiter=self._write_limit)

    async def credentials(self, name: str) -> tuple[int, str, int] | None:
        return await self._read(Reader.credentials, name)

    async def account_named(self, name: str) -> Account | None:
        return await self._read(Reader.account_named, name)

    async def account(self, account: int) -> Account | None:
        return await self._read(Reader.account, account)

    async def room_named(self, name: str) -> Room | None:
        return await self._read(Reader.room_named, name)

    async def room(self, room: int) -> Room | None:
        return await self._read(Reader.room, room)

    async def direct(self, low: int, high: int) -> Direct | None:
        return await self._read(Reader.direct, low, high)

    async def session(self, token_hash: bytes) -> Session | None:
        return await self._read(Reader.session, token_hash)

    async def session_listed(self, account: int, public_id: str) -> Session | None:
        return await self._read(Reader.session_listed, account, public_id)

    async def sessions(self, account: int, after: int, limit: int) -> list[Session]:
        return await self._read(Reader.sessions, account, after, limit)

    async def sent_ids(self, account: int) -> SentIds:
        return await self._read(Reader.sent_ids, account)

    async def sent(self, account: int, client_id: str) -> Sent | None:
        return await self._read(Reader.sent, account, client_id)

    async def history_start(self, conversation: int, before: int, limit: int) -> int:
        return await self._read(Reader.history_start, conversation, before, limit)

    async def history(
        self, conversation: int, after: int, before: int, limit: int
    ) -> list[StoredMessage]:
        return await self._read(Reader.history, conversation, after, before, limit)

    @property
    def latest(self) -> int:
        return self._writer.latest

    async def unread(self, account: int, upto: int | None = None) -> list[StoredUnread]:
        return await self._read(Reader.unread, account, upto)

    async def invites(self, account: int) -> list[tuple[str, str]]:
        return await self._read(Reader.invites, account)

    async def rooms(self, account: int, level: int, after: int, limit: int) -> list[StoredRoom]:
        return await self._read(Reader.rooms, account, level, after, limit)

    async def names(self, accounts: Iterable[int]) -> dict[int, str]:
        return await self._read(Reader.names, list(accounts))

    async def _read(self, how: Callable[..., T], *arguments: Any) -> T:
        try:
            return await trio.to_thread.run_sync(
                self._with_reader, how, arguments, limiter=self._read_limit
            )
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def _with_reader(self, how: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        reader = self._free.pop()  # the limiter grants as many as there are
        try:
            return how(reader, *arguments)
        finally:
            self._free.append(reader)

    def _tidy(self, now_ms: int) -> None:
        db = self._db
        with db:
            db.execute("DELETE FROM sent WHERE time_ms < ?", (now_ms - self._send_ids_ms,))
            db.execute("DELETE FROM session WHERE used_ms < ?", (now_ms - self._idle_ms,))
            doomed = db.execute("SELECT conversation FROM doomed LIMIT 1").get
            if doomed is not None:
                self._delete_messages(doomed)

    def _delete_messages(self, conversation: int) -> None:
        db = self._db
        db.execute(
            "DELETE FROM message WHERE id IN"
            " (SELECT id FROM message WHERE conversation = ? LIMIT ?)",
            (conversation, DOOMED_ROWS_MAX),
        )
        if db.changes() < DOOMED_ROWS_MAX:
            db.execute("DELETE FROM doomed WHERE conversation = ?", (conversation,))
            db.execute("DELETE FROM conversation WHERE id = ?", (conversation,))

    def _close(self) -> None:
        for reader in self._readers:
            reader.close()
        with suppress(apsw.Error):  # a full disk must not keep the process from ending
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._db.close()


def _open_reader(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(5_000)
    db.pragma("query_only", True)
    return db
