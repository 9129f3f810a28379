"""A database with something in every table, for the tests of check and backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from chatd.chat import changes as c
from chatd.chat import device_changes as d
from chatd.chat import gateway_changes as g
from chatd.security.keys import ServerKey
from chatd.storage.check import check
from chatd.storage.codec import Codec
from chatd.storage.database import open_database
from chatd.storage.findings import Report
from chatd.storage.journal import replay
from chatd.storage.writes import Writer

USERS = {1: "anastasia", 2: "bartholomew", 3: "al", 4: "christopher"}
SECRET = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
KDF = "argon2id$v=19$m=65536,t=3,p=4$c2l4dGVlbiBieXRlcy4u"
ROOM, DIRECT, ALONE, OTHER_ROOM = 1, 2, 3, 4
NAMES = [*USERS.values(), "gardeners", "observatory", "about the roses", "session-one"]
NAMES += ["a vault that nobody opens", "thumbprint-of-anastasia", "keys of anastasia"]
NAMES += ["device-one", "wilhelmina", "desdemona", "mailto:anastasia@example.org"]
TEXTS = [f"number {n}: the roses are in bloom again" for n in range(1, 41)]

CHANGES: list[c.Change] = [
    *(c.AccountMade(account, name, SECRET, 1_000) for account, name in USERS.items()),
    c.SecretSet(2, SECRET, 0, None, KDF),
    c.VaultStored(1, 1, "the first of the vaults"),
    c.VaultStored(1, 2, "a vault that nobody opens"),
    c.KeysPublished(1, 1, "thumbprint-of-anastasia", "keys of anastasia"),
    c.SecretSet(4, SECRET, 0, None, KDF),
    c.VaultStored(4, 1, "the vault of christopher"),
    c.KeysPublished(4, 1, "thumbprint-of-christopher", "keys of christopher"),
    c.SessionMade(1, "session-one", 1, 0, bytes(range(32)), "192.0.2.77", 1_000),
    d.DeviceMade(1, "device-one", 1, bytes(range(32)), bytes(32), "192.0.2.78", 1_000),
    d.EnrolmentMade(1, "wilhelmina", bytes(range(1, 33)), 3, 1_000, 9_000),
    c.RoomMade(ROOM, "#gardeners", 1_000),
    c.RoomSet(ROOM, "about the roses", private=True, history=True, level=3),
    *(c.MemberJoined(ROOM, account, "member", 0, 1_000) for account in (1, 2, 4)),
    c.RoleSet(ROOM, 1, "owner"),
    c.RoomMade(OTHER_ROOM, "#observatory", 1_000),
    c.RoomSet(OTHER_ROOM, "", private=False, history=True, level=0, e2e=True),
    c.MemberJoined(OTHER_ROOM, 1, "owner", 0, 1_000),
    c.SeqReserved(OTHER_ROOM, 500),
    c.DirectMade(DIRECT, 1, USERS[1], 2, USERS[2]),
    c.DirectMade(ALONE, 3, USERS[3], 3, USERS[3]),
    c.BanSet(ROOM, 3, banned=True),
    c.InviteSet(ROOM, 3, 1),
    c.BlockSet(1, 3, on=True),
    g.ContactSet(1, "mailto:anastasia@example.org"),
    g.ContactSet(4, "tel:+4930901820"),
    g.PendingMade(1, "desdemona", SECRET, KDF, "mailto:desdemona@example.org", 1_000),
    g.CodeMade("activate", 1, bytes(range(32)), 1_000, 901_000),
    g.CodeMade("recover", 4, bytes(range(32)), 1_000, 901_000),
    g.OutgoingQueued(1, '{"contact":"mailto:desdemona@example.org"}', 1_000),
    *(
        c.MessagesPosted(
            ROOM if n % 2 else DIRECT,
            n,
            2_000 + n,
            1 + n % 2,
            [text],
            (f"client-id-{n}", bytes(16)),
        )
        for n, text in enumerate(TEXTS, 1)
    ),
    c.SeenSet(ROOM, 2, 4),
    c.AccountErased(4),
]
EARLIER = len(CHANGES) - 12
"""What comes after is still in the journal: the last 10 messages."""


@dataclass
class Sample:
    """A data folder with a database and its key."""

    folder: Path
    key: ServerKey = field(default_factory=ServerKey.generate)

    @property
    def database(self) -> Path:
        return self.folder / "chatd.db"

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A writer, as the running server has one."""
        codec = Codec(self.key)
        with closing(open_database(self.database, codec)) as db:
            yield Writer(db, codec)

    def write(self, *changes: c.Change) -> None:
        """As one transaction. What was in the journal goes into chunks before."""
        codec = Codec(self.key)
        with closing(open_database(self.database, codec)) as db:
            replay(db, codec)
            Writer(db, codec).write(changes)

    def execute(self, sql: str, *bindings: apsw.SQLiteValue) -> None:
        """As somebody does who meddles with the file."""
        with closing(apsw.Connection(str(self.database))) as db:
            db.execute("PRAGMA ignore_check_constraints = 1")
            db.execute(sql, bindings)

    def rows(self, sql: str, database: Path | None = None) -> list[tuple[apsw.SQLiteValue, ...]]:
        """What a query finds."""
        with closing(apsw.Connection(str(database or self.database))) as db:
            return list(db.execute(sql))

    def seqs(self, database: Path | None = None) -> list[int]:
        """Of all messages, of whatever conversation, in chunks and in the journal."""
        codec = Codec(self.key)
        chunk = "conversation, first_seq, last_seq, messages, body_box"
        with closing(apsw.Connection(str(database or self.database))) as db:
            rows = list(db.execute(f"SELECT {chunk} FROM chunk"))
            runs = [run for row in rows for run in codec.open_chunk(*row)]
            for row in list(db.execute("SELECT id, box FROM journal")):
                runs += [run for _, run in codec.open_entries(*row)]
        return sorted(seq for run in runs for seq in range(run.seq, run.last_seq + 1))

    def check(self) -> Report:
        """What `chatd check` finds."""
        return check(self.folder, self.database, self.key)


def findings(sample: Sample) -> list[str]:
    """What is found; never a word of what was written."""
    found = sample.check().findings
    for word in [*NAMES, *TEXTS, SECRET]:
        if len(word) > 4:
            assert not [finding for finding in found if word in finding]
    return found


def make(folder: Path) -> Sample:
    """A new sample in a new folder."""
    folder.mkdir(mode=0o700)
    sample = Sample(folder)
    sample.write(*CHANGES[:EARLIER])
    sample.write(*CHANGES[EARLIER:])
    sample.database.chmod(0o600)
    return sample
