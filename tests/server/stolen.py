"""What a thief has: files, the values in databases, and, with the server key, what is in each box.

Nothing of the server's storage is used for that but its ciphers, and how the rules below say that
each column is boxed; a column without a rule is an error.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import apsw

from chatd.protocol import base64url
from chatd.security.boxes import Box
from chatd.security.keys import ServerKey
from chatd.storage.scan import SPOOL
from chatd.storage.tables import tables

Cell = int | bytes | str | float | None

BOXES: dict[str, tuple[str, str, str]] = {
    "account.name_box": ("rows", "account.name", "id"),
    "account.secret_box": ("rows", "account.secret", "id"),
    "account.kdf_box": ("rows", "account.kdf", "id"),
    "account.contact_box": ("rows", "account.contact", "id"),
    "pending.name_box": ("rows", "pending.name", "id"),
    "pending.secret_box": ("rows", "pending.secret", "id"),
    "pending.kdf_box": ("rows", "pending.kdf", "id"),
    "pending.contact_box": ("rows", "pending.contact", "id"),
    "outgoing.message_box": ("rows", "outgoing.message", "id"),
    "vault.blob_box": ("rows", "vault.blob", "account version"),
    "identity.thumbprint_box": ("rows", "identity.thumbprint", "account version"),
    "identity.keys_box": ("rows", "identity.keys", "account version"),
    "session.public_box": ("rows", "session.public", "id"),
    "session.address_box": ("rows", "session.address", "id"),
    "device.public_box": ("rows", "device.public", "id"),
    "device.key_box": ("rows", "device.key", "id"),
    "device.address_box": ("rows", "device.address", "id"),
    "enrolment.name_box": ("rows", "enrolment.name", "id"),
    "conversation.name_box": ("rows", "conversation.name", "id"),
    "conversation.topic_box": ("rows", "conversation.topic", "id"),
    "member.label_box": ("rows", "member.label", "conversation account"),
    "journal.box": ("journal", "", "id"),
    "chunk.body_box": ("conversation", "", "conversation first_seq last_seq messages"),
    "sent.sent_box": ("rows", "sent", "account time_ms"),
}
"""For each column of boxes: what its key is for, and what its boxes are bound to."""

HASHES = {
    *("account.name_hash", "conversation.name_hash", "session.token_hash"),
    *("device.public_tag", "device.key_hash", "device.token_hash"),
    *("enrolment.name_hash", "enrolment.once_hash"),
    *("pending.name_hash", "code.code_hash"),
    *("session.public_tag", "sent.id_tag", "chunk.senders"),
}
"""Columns by which rows are found. What is in them is looked at apart."""

RULED = BOXES.keys() | HASHES


class Stolen:
    """A database and what lies beside it, opened where it lies; that changes the files."""

    def __init__(self, database: Path) -> None:
        self.rows: list[tuple[str, dict[str, Cell]]] = []
        self.unruly: set[str] = set()
        """Columns that may hold something, and have no rule."""
        with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
            for table in tables(db):
                self.unruly |= {f"{table.name}.{name}" for name in _blobs(db, table.name)} - RULED
                # All names come from the schema.
                found = db.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")
                for values in found:
                    self.rows.append((table.name, dict(zip(table.columns, values, strict=True))))

    def cells(self) -> Iterator[tuple[str, dict[str, Cell], Cell]]:
        """Every value that is no number, with its column (`table.column`) and its row."""
        for table, row in self.rows:
            for column, value in row.items():
                if value is not None and not isinstance(value, int):
                    yield f"{table}.{column}", row, value

    def column(self, name: str) -> set[Cell]:
        """The values of a `table.column` that are no numbers."""
        return {value for column, _, value in self.cells() if column == name}

    def without_key(self) -> bytes:
        """All that stands in the rows, each value whole, be it spread over pages in the file."""
        return b"\n".join(_raw(value) for _, _, value in self.cells())

    def with_key(self, key: ServerKey) -> dict[str, list[bytes]]:
        """What is in all boxes, by column. Raises BoxError for one that does not open, KeyError
        for a column that has no rule here."""
        opened: dict[str, list[bytes]] = {column: [] for column in BOXES}
        for column, row, value in self.cells():
            if column not in HASHES:
                opened[column].append(_opened(key, column, row, value))
        return opened


class Loot:
    """All that is in a folder, and the server key that was in it."""

    def __init__(self, folder: Path, databases: Iterable[str], key_file: str) -> None:
        """The names are those of files in the folder."""
        self.folder = folder
        self.databases = list(databases)
        self._key_file = folder / key_file

    @cached_property
    def key(self) -> ServerKey:
        return ServerKey(base64url.decode(self._key_file.read_text().strip()))

    @cached_property
    def files(self) -> dict[str, bytes]:
        """By name, without the server key's, and without the spool's: messages to people are in
        the clear there, on purpose, for whoever carries them on."""
        every = {path for path in self.folder.rglob("*") if path.is_file()} - {self._key_file}
        found = {path for path in every if path.parent.name != SPOOL}
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def copy(self, database: str, to: Path) -> Path:
        """A copy of a database, with its log."""
        source = self.folder / database
        for file in source.parent.glob(f"{source.name}*"):
            shutil.copy(file, to / file.name)
        return to / source.name

    def opened(self, to: Path) -> dict[str, Stolen]:
        """The databases, from copies in the folder `to`."""
        return {name: Stolen(self.copy(name, to)) for name in self.databases}


def _blobs(db: apsw.Connection, table: str) -> set[str]:
    """The columns of a table that hold more than numbers."""
    found = db.execute("SELECT name, type FROM pragma_table_xinfo(?)", (table,))
    return {str(name) for name, type_ in found if type_ != "INTEGER"}


def _raw(value: Cell) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _opened(key: ServerKey, column: str, row: dict[str, Any], boxed: Cell) -> bytes:
    purpose, bound, numbers = BOXES[column]
    assert isinstance(boxed, bytes), f"{column} holds {type(boxed).__name__}"
    context = [row["conversation"]] if purpose == "conversation" else []
    identity = bound.encode() + b"".join(row[name].to_bytes(8, "big") for name in numbers.split())
    return Box(key.derive(purpose, *context)).open(boxed, identity)
