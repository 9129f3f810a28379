"""The embedded store: SQLite in WAL mode with full sync, one writer, a few readers, all in threads.

`commit` is a group commit: whatever the ledger has gathered is one transaction and one sync.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from chatd.chat.changes import Change
from chatd.chat.gateway_changes import CodeKind
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
from chatd.chat.ports import (
    Reach,
    StoredKeys,
    StoredMessage,
    StoredOutgoing,
    StoredRoom,
    StoredUnread,
    StoredVault,
    Unavailable,
)
from chatd.security.boxes import BoxError
from chatd.security.keys import ServerKey

from .base import Highest
from .batches import Batches
from .checkpoints import Checkpoints
from .codec import Codec
from .database import SCHEMA_VERSION, OpenError, open_database
from .device_archive import DeviceArchive
from .gateway_writes import CODE_KINDS, tidy_codes
from .reads import Reader
from .thread import Done, WriterThread
from .writes import Writer

__all__ = ["OpenError", "SqliteStore"]

T = TypeVar("T")

READERS = 2
DOOMED_CHUNKS_MAX = 200
DOOMED_MAX = 1_000
"""So much is deleted in one go."""
_DELETE_DOOMED = (
    "DELETE FROM chunk WHERE id IN (SELECT chunk.id FROM doomed"
    " CROSS JOIN chunk ON chunk.conversation = doomed.conversation LIMIT ?)"
)
_EMPTY_DOOMED = (
    "SELECT conversation FROM doomed WHERE NOT EXISTS"
    " (SELECT 1 FROM chunk WHERE chunk.conversation = doomed.conversation) LIMIT ?"
)
_HOUR_MS = 3_600_000


class SqliteStore(DeviceArchive):
    """A `Store` in one SQLite file."""

    def __init__(self, path: Path, key: ServerKey) -> None:
        self.keep(send_ids_hours=48, session_idle_days=30)
        codec = self._codec = Codec(key)
        self._db = open_database(path, codec)
        self._writer = _open_writer(self._db, codec, path)
        self._checkpoints = Checkpoints(path, self._db)
        recent = self._writer.recent
        self._readers = [Reader(_open_reader(path), codec, recent) for _ in range(READERS)]
        self._reading = Batches(self._readers)
        self._thread = WriterThread()
        self.highest = Highest(*self._readers[0].highest())

    def keep(self, send_ids_hours: int, session_idle_days: int) -> None:
        """How long SEND ids and idle sessions are kept."""
        self._send_ids_ms = send_ids_hours * _HOUR_MS
        self._idle_ms = session_idle_days * 24 * _HOUR_MS

    def commit_soon(self, changes: Sequence[Change], done: Done) -> None:
        self._thread.soon(partial(_told, self._commit, changes), done)

    async def commit(self, changes: Sequence[Change]) -> None:
        """As `commit_soon`, and wait for it. Unavailable."""
        await self._thread.run(partial(_told, self._commit, changes))

    def probe_soon(self, done: Done) -> None:
        self._thread.soon(partial(_told, self._probe), done)

    async def tidy(self, now_ms: int) -> None:
        await self._thread.run(partial(_told, self._tidy, now_ms))

    async def aclose(self) -> None:
        try:
            await self._thread.run(self._close)
        finally:
            self._thread.close()

    async def credentials(self, name: str) -> tuple[int, str, int] | None:
        return await self._read(Reader.credentials, name)

    def code_hash(self, kind: CodeKind, subject: int, expires_ms: int, code: str) -> bytes:
        return self._codec.code_hash(CODE_KINDS[kind], subject, expires_ms, code)

    async def reach(self, name: str, now_ms: int) -> Reach:
        return await self._read(Reader.reach, name, now_ms)

    async def pending_named(self, name: str) -> PendingAccount | None:
        return await self._read(Reader.pending_named, name)

    async def code(self, kind: CodeKind, subject: int) -> OneCode | None:
        return await self._read(Reader.code, kind, subject)

    async def outgoing(self, limit: int) -> list[StoredOutgoing]:
        return await self._read(Reader.outgoing, limit)

    async def outgoing_count(self) -> int:
        return await self._read(Reader.outgoing_count)

    async def kdf(self, name: str) -> str:
        return await self._read(Reader.kdf, name)

    async def vault(self, account: int) -> StoredVault | None:
        return await self._read(Reader.vault, account)

    async def keys(self, account: int) -> StoredKeys | None:
        return await self._read(Reader.keys, account)

    async def partners(self, account: int) -> set[int]:
        return await self._read(Reader.partners, account)

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

    async def session_and_account(self, token_hash: bytes) -> tuple[Session, Account] | None:
        return await self._read(Reader.session_and_account, token_hash)

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

    async def news(
        self, account: int, upto: int
    ) -> tuple[list[StoredUnread], list[tuple[str, str]]]:
        return await self._read(Reader.news, account, upto)

    async def rooms(self, account: int, level: int, after: int, limit: int) -> list[StoredRoom]:
        return await self._read(Reader.rooms, account, level, after, limit)

    async def names(self, accounts: Iterable[int]) -> dict[int, str]:
        return await self._read(Reader.names, list(accounts))

    async def _read(self, how: Callable[..., T], *arguments: Any) -> T:
        try:
            return await self._reading.ask(how, *arguments)
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def _commit(self, changes: Sequence[Change]) -> None:
        try:
            self._writer.write(changes)
        except (apsw.FullError, apsw.IOError):  # the latter where a quota is used up
            self._checkpoints.finish()
            self._writer.write(changes, only=True)
        if self._checkpoints.due:
            self._thread.soon(self._checkpoints.step, _nobody_waits)  # the commit is told first

    def _probe(self) -> None:
        """Write the schema's version anew: one page, synced."""
        with self._db as db:
            db.pragma("user_version", SCHEMA_VERSION)

    def _tidy(self, now_ms: int) -> None:
        db = self._db
        with db:
            db.execute("DELETE FROM sent WHERE time_ms < ?", (now_ms - self._send_ids_ms,))
            db.execute("DELETE FROM session WHERE used_ms < ?", (now_ms - self._idle_ms,))
            db.execute("DELETE FROM enrolment WHERE expires_ms < ?", (now_ms,))
            tidy_codes(db, now_ms)
            gone = self._delete_messages()
        self._writer.recent.drop(gone)

    def _delete_messages(self) -> list[int]:
        """Some of what was said in conversations that are gone; returns those that had no more."""
        db = self._db
        db.execute(_DELETE_DOOMED, (DOOMED_CHUNKS_MAX,))
        empty = [row[0] for row in db.execute(_EMPTY_DOOMED, (DOOMED_MAX,))]
        for table, column in (("doomed", "conversation"), ("conversation", "id")):
            db.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(e,) for e in empty])  # noqa: S608
        return empty

    def _close(self) -> None:
        for reader in self._readers:
            reader.close()
        self._checkpoints.close()
        self._db.set_busy_timeout(0)  # nor must a backup that is under way
        with suppress(apsw.Error):  # a full disk must not keep the process from ending
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._db.close()


def _nobody_waits(_error: BaseException | None) -> None:
    """The next commit tells what is wrong."""


def _told(how: Callable[..., T], *arguments: Any) -> T:
    """SQLite's errors as what the rules expect."""
    try:
        return how(*arguments)
    except apsw.Error as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error


def _open_writer(db: apsw.Connection, codec: Codec, path: Path) -> Writer:
    try:
        return Writer(db, codec)
    except (apsw.Error, BoxError) as error:
        raise OpenError(f"the journal of the database {path} can't be read: {error}") from error


def _open_reader(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(5_000)
    db.pragma("query_only", True)
    return db
