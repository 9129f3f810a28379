"""Data folders with accounts, rooms and messages in them, as a server would have written them.

    python -m bench.fill 10000 1000 100 10000000    # accounts, rooms, members of each, messages

Rows, hashes and boxes are made by chatd's own storage from its own changes; only the syncs are
left out. Folders are kept in bench/build, and a fill that was broken off goes on where it was.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from time import monotonic

import apsw

from chatd.chat import changes as c
from chatd.protocol.fields import RoleWord
from chatd.security.passwords import Hasher
from chatd.server import folder
from chatd.server.settings import Settings
from chatd.storage.codec import Codec
from chatd.storage.database import open_database
from chatd.storage.files import sync
from chatd.storage.journal import replay
from chatd.storage.writes import Writer

from .harness import BUILD, CHEAP_HASHES

SECRET = "correct-horse-7"  # chatd.pipe has the same
TRANSACTION_CHANGES = 100_000
CACHE_KIB = 1_000_000
BEGAN_MS = 1_760_000_000_000
APART_MS = 1_000  # from one message to the next
TEXT = "It is half past four, and the tide is in; bring the small boat."
UNREAD = 10


@dataclass(frozen=True)
class Filling:
    """What shall be there. Accounts are u0, u1, …; rooms #r0, #r1, …, each with the next
    `members` of the accounts, round and round.

    Every other message is in #r0, the rest anywhere. Of each room's members the last has read
    nothing, the others all but `UNREAD`.
    """

    accounts: int = 1
    rooms: int = 1
    members: int = 1
    messages: int = 0

    @property
    def path(self) -> Path:
        numbers = self.accounts, self.rooms, self.members, self.messages
        return BUILD / ("filled-" + "-".join(map(str, numbers)))

    def members_of(self, room: int) -> list[int]:
        """Ids of the accounts in a room; ids begin with 1, names with 0."""
        first = room * self.members
        return [(first + place) % self.accounts + 1 for place in range(self.members)]


def filled(filling: Filling) -> Path:
    """The data folder; made if it is not there. Whoever runs a server on it adds to it."""
    done = filling.path / "filled"
    if not done.exists():
        fill(filling)
        done.touch()
    return filling.path


def fresh(filling: Filling) -> Path:
    """The same, but as it was before anybody used it."""
    shutil.rmtree(filling.path, ignore_errors=True)
    return filled(filling)


def fill(filling: Filling) -> None:
    """Add what is not there yet."""
    with folder.opened(Settings(data=str(filling.path))) as home, ExitStack() as stack:
        codec = Codec(home.key)
        db = stack.enter_context(closing(open_database(home.database, codec)))
        db.pragma("synchronous", "off")
        db.pragma("cache_size", -CACHE_KIB)
        for changes in (_accounts, _rooms, _messages, _seen):
            _write(db, codec, changes(filling, db))
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        sync(home.database)


def _write(db: apsw.Connection, codec: Codec, changes: Iterator[c.Change]) -> None:
    writer = Writer(db, codec)
    while page := list(islice(changes, TRANSACTION_CHANGES)):
        writer.write(page)
    replay(db, codec)  # so that all messages are in chunks


def _accounts(filling: Filling, db: apsw.Connection) -> Iterator[c.Change]:
    hasher = Hasher(int(CHEAP_HASHES["argon2_memory_kib"]), int(CHEAP_HASHES["argon2_passes"]), 1)
    hashed = hasher.hash(SECRET)
    for account in range(_highest(db, "account") + 1, filling.accounts + 1):
        yield c.AccountMade(account, f"u{account - 1}", hashed, BEGAN_MS)


def _rooms(filling: Filling, db: apsw.Connection) -> Iterator[c.Change]:
    """A room that is there has all its members, unless it is the last."""
    last = _highest(db, "conversation")
    inside = set(db.execute("SELECT account FROM member WHERE conversation = ?", (last,)))
    for room in range(max(0, last - 1), filling.rooms):
        if room >= last:
            yield c.RoomMade(room + 1, f"#r{room}", BEGAN_MS)
        for place, account in enumerate(filling.members_of(room)):
            role: RoleWord = "member" if place else "owner"
            if room >= last or (account,) not in inside:
                yield c.MemberJoined(room + 1, account, role, 0, BEGAN_MS)


def _messages(filling: Filling, db: apsw.Connection) -> Iterator[c.Change]:
    before: int = db.execute("SELECT coalesce(sum(messages), 0) FROM chunk").get
    seqs = _last_seqs(db)
    random = Random(before)
    members = [filling.members_of(room) for room in range(min(filling.rooms, 10_000))]
    for number in range(before, filling.messages):
        room = number % 2 and random.randrange(len(members))
        seq = seqs[room + 1] = seqs.get(room + 1, 0) + 1
        sender = random.choice(members[room])
        yield c.MessagesPosted(room + 1, seq, BEGAN_MS + number * APART_MS, sender, [TEXT])


def _seen(filling: Filling, db: apsw.Connection) -> Iterator[c.Change]:
    for conversation, seq in _last_seqs(db).items():
        for account in filling.members_of(conversation - 1)[:-1]:
            yield c.SeenSet(conversation, account, max(0, seq - UNREAD))


def _last_seqs(db: apsw.Connection) -> dict[int, int]:
    rows: Iterable[tuple[int, int]] = db.execute(
        "SELECT conversation, max(last_seq) FROM chunk GROUP BY conversation"
    )
    return dict(rows)


def _highest(db: apsw.Connection, table: str) -> int:
    found: int = db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").get
    return found


def main() -> None:
    filling = Filling(*map(int, sys.argv[1:]))
    start = monotonic()
    path = filled(filling)
    size_mb = sum(file.stat().st_size for file in path.iterdir()) / 1e6
    print(f"{path}: {size_mb:,.0f} MB in {monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
