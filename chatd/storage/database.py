"""Opening the database: its settings, its schema, and whether the server key is the one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import apsw

from chatd.security.boxes import BoxError

from .codec import Codec
from .migrate import MIGRATIONS
from .verify import key_fits

SCHEMA_VERSION = 4


class OpenError(Exception):
    """The database cannot be used; the sentence says why."""


def open_database(path: Path, codec: Codec) -> apsw.Connection:
    """Open (or make) the database for writing, at the current schema version. OpenError."""
    try:
        db = apsw.Connection(str(path))
        db.set_busy_timeout(5_000)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        db.pragma("secure_delete", "fast")
        _update(db, path, codec)
    except apsw.Error as error:
        raise OpenError(f"the database {path} cannot be opened: {error}") from error
    return db


def _update(db: apsw.Connection, path: Path, codec: Codec) -> None:
    version = db.pragma("user_version")
    if version > SCHEMA_VERSION:
        raise OpenError(f"the database {path} was written by a newer chatd; update this one")
    if version == 0:
        _make(db)
    elif not key_fits(db, codec):
        raise OpenError(f"{path} was written with another server key: put that key back")
    elif version < SCHEMA_VERSION:
        _migrate(db, path, codec, version)


def _make(db: apsw.Connection) -> None:
    with db:
        db.execute(files("chatd.storage").joinpath("schema.sql").read_text())
        db.pragma("user_version", SCHEMA_VERSION)


def _migrate(db: apsw.Connection, path: Path, codec: Codec, version: int) -> None:
    try:
        with db:
            for migrate in MIGRATIONS[version - 1 :]:
                migrate(db, codec)
            db.pragma("user_version", SCHEMA_VERSION)
    except BoxError as error:
        raise OpenError(f"the database {path} cannot be brought up to date: {error}") from error
