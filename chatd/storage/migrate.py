"""What brings an older database up to date. Migrations are only ever added, never changed: each
says itself what the schema was like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from struct import Struct

import apsw

from chatd.security.boxes import BoxError

from .chunks import CHUNK_MESSAGES, insert_chunks
from .codec import Codec
from .runs import Run

Migration = Callable[[apsw.Connection, Codec], None]
Old = tuple[int, int, int, int, bytes]
"""A row of `message`: id, conversation, seq, time_ms and body_box."""

_ID = Struct(">Q")
_MESSAGE = Struct(">QQQ")

_SCHEMA_2 = """
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        box BLOB NOT NULL
    ) STRICT;
    CREATE TABLE chunk (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        messages INTEGER NOT NULL,
        commit_last INTEGER NOT NULL,
        senders BLOB NOT NULL,
        body_box BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX chunk_by_seq ON chunk (conversation, first_seq);
    INSERT INTO sqlite_sequence SELECT 'member', coalesce(max(place), 0) FROM member;
"""


def _from_1_to_2(db: apsw.Connection, codec: Codec) -> None:
    """Messages, a row each until now, go into chunks."""
    db.execute(_SCHEMA_2)
    rows: Iterator[Old] = db.execute(
        "SELECT id, conversation, seq, time_ms, body_box FROM message ORDER BY conversation, seq"
    )
    for conversation, messages in groupby(rows, itemgetter(1)):
        while runs := [_run(codec, row) for row in islice(messages, CHUNK_MESSAGES)]:
            insert_chunks(db, codec, {conversation: runs})
    db.execute("DROP TABLE message")


def _run(codec: Codec, row: Old) -> Run:
    id_, conversation, seq, time_ms, boxed = row
    try:
        plain = codec.conversation_box(conversation).open(
            boxed, _MESSAGE.pack(conversation, seq, time_ms)
        )
    except BoxError as error:
        raise BoxError(f"message {id_}: {error}") from error
    return Run(seq, 0, time_ms, _ID.unpack_from(plain)[0], [plain[_ID.size :].decode()])


_SCHEMA_3 = """
    ALTER TABLE account ADD COLUMN kdf_box BLOB;
    ALTER TABLE conversation ADD COLUMN e2e INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE vault (
        account INTEGER PRIMARY KEY REFERENCES account (id),
        version INTEGER NOT NULL,
        blob_box BLOB NOT NULL
    ) STRICT;
    CREATE TABLE identity (
        account INTEGER PRIMARY KEY REFERENCES account (id),
        version INTEGER NOT NULL,
        thumbprint_box BLOB NOT NULL,
        keys_box BLOB NOT NULL
    ) STRICT;
"""


def _from_2_to_3(db: apsw.Connection, _codec: Codec) -> None:
    """Accounts get derived secrets, vaults and identities; rooms may ask for encryption."""
    db.execute(_SCHEMA_3)


_SCHEMA_4 = """
    ALTER TABLE account ADD COLUMN contact_box BLOB;
    ALTER TABLE session ADD COLUMN device INTEGER;
    CREATE INDEX session_by_device ON session (device) WHERE device IS NOT NULL;
    CREATE TABLE device (
        id INTEGER PRIMARY KEY,
        public_tag BLOB NOT NULL,
        public_box BLOB NOT NULL,
        account INTEGER NOT NULL REFERENCES account (id),
        key_hash BLOB NOT NULL UNIQUE,
        key_box BLOB NOT NULL,
        token_hash BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        used_ms INTEGER NOT NULL,
        address_box BLOB NOT NULL
    ) STRICT;
    CREATE INDEX device_by_account ON device (account, id);
    CREATE TABLE enrolment (
        id INTEGER PRIMARY KEY,
        name_hash BLOB NOT NULL UNIQUE,
        name_box BLOB NOT NULL,
        once_hash BLOB NOT NULL UNIQUE,
        level INTEGER,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        device INTEGER
    ) STRICT;
    CREATE TABLE pending (
        id INTEGER PRIMARY KEY,
        name_hash BLOB NOT NULL UNIQUE,
        name_box BLOB NOT NULL,
        secret_box BLOB NOT NULL,
        kdf_box BLOB,
        contact_box BLOB NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE code (
        kind INTEGER NOT NULL,
        subject INTEGER NOT NULL,
        code_hash BLOB NOT NULL,
        sent_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        PRIMARY KEY (kind, subject)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE outgoing (
        id INTEGER PRIMARY KEY,
        message_box BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        next_ms INTEGER NOT NULL,
        tries INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX outgoing_by_time ON outgoing (next_ms);
"""


def _from_3_to_4(db: apsw.Connection, _codec: Codec) -> None:
    """Devices are enrolled; codes go out through a gateway."""
    db.execute(_SCHEMA_4)


MIGRATIONS: list[Migration] = [_from_1_to_2, _from_2_to_3, _from_3_to_4]
"""From each version to the next."""
