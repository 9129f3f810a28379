"""`chatd backup` and `chatd restore`: whole copies of the database, without the server key."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import apsw

from chatd.chat.rotation import RESTORED
from chatd.security.keys import ServerKey

from .check import open_to_read, verify
from .codec import Codec
from .database import SCHEMA_VERSION, OpenError, open_database
from .files import sync
from .findings import Report
from .journal import replay
from .verify import key_fits

SEQS_SKIPPED = 1_000_000_000
"""How far a restored conversation jumps ahead: past all that was given out since the copy."""

_DRAFT = ".restoring"
_WRITE = apsw.SQLITE_OPEN_READWRITE
_BESIDE = ("-wal", "-shm", "-journal")


class CopyError(Exception):
    """Nothing was changed; the sentence says why."""


def backup(database: Path, file: Path) -> None:
    """Copy the database to a new `file`, 0600 and synced; a server may run meanwhile. CopyError."""
    if not database.exists():
        raise CopyError(f"there is no database {database} yet: start the server first")
    if file.exists() or file.is_symlink():
        raise CopyError(f"{file} exists already: choose another name")
    with _told(file), _draft(file) as draft:
        _copy(database, draft)
        # Taking the name first, and failing where it is taken, then replacing what one took
        # oneself overwrites nothing on any file system.
        file.touch(mode=0o600, exist_ok=False)
        draft.replace(file)
        sync(file.parent)


def restore(database: Path, file: Path, key: ServerKey, now: datetime | None = None) -> Path | None:
    """Put a copy of `file` in the database's place once it is verified; the folder must be locked.

    Returns the new name of the database that stood there, if any. CopyError.
    """
    if not file.is_file():
        raise CopyError(f"there is no backup {file}")
    draft, codec = database.with_name(database.name + _DRAFT), Codec(key)
    with _told(file):
        try:
            _remove(draft)
            draft.touch(mode=0o600, exist_ok=False)
            _copy(file, draft)
            _update(draft, file, codec)
            _verify(draft, file, key)
            _settle(draft, codec)
            sync(draft)
            kept = _set_aside(database, now or datetime.now(UTC))
            draft.replace(database)
            sync(database.parent)
        finally:
            _remove(draft)
    return kept


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Errors of the system and of SQLite as sentences."""
    try:
        yield
    except OSError as error:
        raise CopyError(f"{error.filename or file}: {error.strerror}") from error
    except apsw.FullError as error:
        raise CopyError(f"{file}: no room on the disk") from error
    except apsw.Error as error:
        raise CopyError(f"{file}: {type(error).__name__}: {error}") from error


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        _remove(Path(name))


def _remove(file: Path) -> None:
    for suffix in ("", *_BESIDE):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """In one step, which is one moment of the source, so that a busy writer can't make it start
    over again and again."""
    with closing(open_to_read(source)) as old, closing(_open(target)) as new:
        with new.backup("main", old, "main") as copying:
            copying.step()
        new.pragma("journal_mode", "delete")  # one file that needs nothing beside it
    sync(target)


def _open(file: Path) -> apsw.Connection:
    db = apsw.Connection(str(file), flags=_WRITE)
    db.pragma("journal_mode", "memory")
    db.pragma("synchronous", "off")  # the caller syncs the whole once
    return db


def _update(draft: Path, file: Path, codec: Codec) -> None:
    """Bring an older chatd's copy up to date, as a server does that starts on it."""
    with closing(open_to_read(draft)) as db:
        version = db.pragma("user_version")
        if version == 0:
            raise CopyError(f"{file} is not restored: it is no backup of chatd")
        if version < SCHEMA_VERSION and not key_fits(db, codec):
            raise _other_key(file)
    if version == SCHEMA_VERSION:
        return
    try:
        open_database(draft, codec).close()
    except OpenError as error:
        raise CopyError(f"{file} is not restored: {error}") from error


def _other_key(file: Path) -> CopyError:
    return CopyError(f"{file} is not restored: it was made with another server key")


def _verify(draft: Path, file: Path, key: ServerKey) -> None:
    report = Report()
    with closing(open_to_read(draft)) as db:
        verify(db, key, report, lambda _origin, _text: None)
        if report.rows and not key_fits(db, Codec(key)):
            raise _other_key(file)
    if report.found:
        more = f" (and {report.found - 1} more)" if report.found > 1 else ""
        raise CopyError(f"{file} is not restored: {report.findings[0]}{more}")


def _settle(draft: Path, codec: Codec) -> None:
    """Empty the journal, and skip seqs: what was posted after the copy was made is lost, but its
    seqs were seen, and none is given out twice. Nor is known which tokens devices have by now."""
    with closing(_open(draft)) as db, db:
        replay(db, codec)
        db.execute(
            "UPDATE conversation SET ceiling = ? + max(ceiling, coalesce("
            "(SELECT max(last_seq) FROM chunk WHERE conversation = conversation.id), 0))",
            (SEQS_SKIPPED,),
        )
        db.execute("UPDATE device SET token_hash = ?", (RESTORED,))


def _set_aside(database: Path, now: datetime) -> Path | None:
    """A second name for the database that stands there; it keeps the first until it is replaced,
    so that a crash never leaves the folder without one."""
    if not database.exists():
        return None
    kept = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%S.%fZ}")
    kept.hardlink_to(database)
    log, kept_log = (path.with_name(f"{path.name}-wal") for path in (database, kept))
    if log.exists():
        kept_log.hardlink_to(log)
    if _settled(database):
        kept_log.unlink(missing_ok=True)
    for suffix in _BESIDE:  # none of them belongs to the database that comes
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    return kept


def _settled(database: Path) -> bool:
    """Whether all of its log could be brought into the database; not if that is damaged."""
    try:
        with closing(apsw.Connection(str(database), flags=_WRITE)) as db:
            return bool(db.pragma("journal_mode", "delete") == "delete")
    except apsw.Error:
        return False
