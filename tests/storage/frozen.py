"""Writes version_N.sql: a database of the current schema version, as all later ones must open it.

    python -m tests.storage.frozen

It is run once for each version; what it has written is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw

from chatd.chat import changes as c
from chatd.chat import device_changes as d
from chatd.chat import gateway_changes as g
from chatd.security.keys import ServerKey
from chatd.storage.codec import Codec
from chatd.storage.database import SCHEMA_VERSION, open_database
from chatd.storage.journal import replay
from chatd.storage.writes import Writer

KEY = ServerKey(bytes(range(100, 132)))
TOKEN_HASH = bytes(range(32))
KDF = "argon2id$v=19$m=65536,t=3,p=4$c2l4dGVlbiBieXRlcy4u"

CHANGES: list[c.Change] = [
    c.AccountMade(1, "annabel", "$argon2id$annabel", 1_000),
    c.AccountMade(2, "benedict", "$argon2id$benedict", 1_000),
    c.AccountMade(3, "carol", "$argon2id$carol", 1_000),
    c.SessionMade(7, "publicident", 1, 0, TOKEN_HASH, "192.0.2.99", 1_005),
    c.RoomMade(1, "#operations", 1_002),
    c.RoomSet(1, "the topic", private=True, history=True, level=2),
    c.MemberJoined(1, 1, "owner", 0, 1_003),
    c.MemberJoined(1, 2, "moderator", 0, 1_004),
    c.SeqReserved(1, 20),
    c.SecretSet(2, "$argon2id$benedict", 0, None, KDF),
    c.VaultStored(1, 1, "sealed by annabel"),
    c.VaultStored(1, 2, "sealed again"),
    c.KeysPublished(2, 1, "thumbprint of benedict", "keys of benedict"),
    c.VaultStored(3, 1, "sealed by carol"),
    c.KeysPublished(3, 1, "thumbprint of carol", "keys of carol"),
    c.RoomMade(4, "#sealed", 1_006),
    c.RoomSet(4, "", private=False, history=True, level=0, e2e=True),
    d.EnrolmentMade(1, "dora", bytes(range(40, 72)), 3, 1_006, 9_000),
    d.DeviceMade(1, "deviceident", 1, bytes(range(1, 33)), TOKEN_HASH, "192.0.2.98", 1_007),
    d.DeviceUsed(1, TOKEN_HASH[::-1], "192.0.2.97", 1_008),
    d.EnrolmentMade(2, "annabel", bytes(range(41, 73)), 4, 1_006, 9_000),
    d.EnrolmentUsed(2, 1),
    d.LevelSet(1, 4),
    c.SessionMade(8, "other", 1, 0, TOKEN_HASH[::-1], "192.0.2.97", 1_008, 1),
    g.PendingMade(1, "edith", "$argon2id$edith", KDF, "mailto:edith@example.org", 1_009),
    g.CodeMade("activate", 1, bytes(range(42, 74)), 1_009, 9_009),
    g.CodeTried("activate", 1, 2),
    g.ContactSet(2, "tel:+15550100"),
    g.CodeMade("recover", 2, bytes(range(43, 75)), 1_010, 9_010),
    g.OutgoingQueued(1, "a message to edith", 1_009),
    g.OutgoingPostponed(1, 2, 5_009),
    c.BanSet(1, 3, banned=True),
    c.InviteSet(1, 3, 1),
    c.BlockSet(1, 3, on=True),
    c.DirectMade(2, 1, "annabel", 2, "benedict"),
    c.MessagesPosted(1, 21, 2_001, 1, ["a text"], ("client id", b"digest of text.."[:16])),
    c.MessagesPosted(2, 1, 2_002, 2, ["dear annabel"], None),
    c.SeenSet(1, 1, 21),
    c.RoomMade(3, "#gone", 1_002),
    c.MessagesPosted(3, 1, 2_003, 1, ["soon gone"], None),
    c.RoomGone(3),
    c.AccountErased(3),
]
LATER = 6
"""So many come when the messages before have left the journal."""


def dump(version: int) -> Path:
    """Where the database of a version is."""
    return Path(__file__).with_name(f"version_{version}.sql")


def main() -> None:
    codec = Codec(KEY)
    with (
        TemporaryDirectory() as folder,
        closing(open_database(Path(folder) / "chatd.db", codec)) as db,
        dump(SCHEMA_VERSION).open("x") as file,
    ):
        Writer(db, codec).write(CHANGES[:-LATER])
        replay(db, codec)
        Writer(db, codec).write(CHANGES[-LATER:])
        file.write("\n".join(statements(db)) + "\n")


def statements(db: apsw.Connection) -> Iterator[str]:
    """What makes the same database again."""
    yield f"PRAGMA user_version = {SCHEMA_VERSION};"
    schema = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    for (sql,) in db.execute(schema):
        yield f"{sql};"
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid"
    for (table,) in list(db.execute(names)):
        yield from rows(db, table)


def rows(db: apsw.Connection, table: str) -> Iterator[str]:
    """A table's rows; the sequence of ids is there already, and takes its values from the rows."""
    if table == "sqlite_sequence":
        yield "DELETE FROM sqlite_sequence;"
    for row in db.execute(f"SELECT * FROM {table}"):
        values = ", ".join(apsw.format_sql_value(value) for value in row)
        yield f"INSERT INTO {table} VALUES ({values});"


if __name__ == "__main__":
    main()
