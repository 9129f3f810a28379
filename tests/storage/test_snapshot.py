"""Reads of one snapshot see the same messages, however these move from memory into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from chatd.chat import changes as c
from chatd.chat.ports import StoredUnread
from chatd.security.boxes import BoxError
from chatd.security.keys import ServerKey
from chatd.storage.codec import Codec
from chatd.storage.database import open_database
from chatd.storage.reads import Reader
from chatd.storage.recent import Recent, View
from chatd.storage.writes import Writer

KEY = ServerKey(bytes(range(32)))
ANN, BEN, LATE, OPS, ASIDE = 1, 2, 3, 10, 11
FIRST = [1, 2, 3]


@dataclass
class Store:
    """A writer, and a reader on a connection of its own."""

    writer: Writer
    reader: Reader

    def post(self, seq: int, sender: int = ANN) -> None:
        """Whatever was said in the room before moves into a chunk, as memory may hold nothing."""
        self.writer.write([c.MessagesPosted(OPS, seq, 2_000 + seq, sender, [f"text {seq}"])])

    def move(self) -> None:
        """Move all that is in memory of the room, and add to another."""
        self.writer.write([c.MessagesPosted(ASIDE, self.writer.latest + 1, 1, ANN, ["x" * 9_000])])
        assert self.writer.recent.of(OPS) == []

    def seqs(self) -> list[int]:
        """The room's history; all else that is told of its messages is as long."""
        found = [m.seq for m in self.reader.history(OPS, 0, 99, 99)]
        room = self.reader.room(OPS)
        assert room is not None and room.last_seq == found[-1]
        assert self.reader.unread(BEN) == [StoredUnread("#ops", len(found), 1, found[-1])]
        assert self.reader.history_start(OPS, 99, 2) == found[-2]
        return found


@contextmanager
def stored(folder: Path) -> Iterator[Store]:
    """Three messages in the room, none of them in a chunk yet."""
    codec = Codec(KEY)
    with (
        closing(open_database(folder / "chatd.db", codec)) as db,
        closing(apsw.Connection(str(folder / "chatd.db"))) as reading,
    ):
        writer = Writer(db, codec, Recent(weight_max=1_000_000))
        store = Store(writer, Reader(reading, codec, writer.recent))
        people = [c.AccountMade(ANN, "annabel", "", 1), c.AccountMade(BEN, "benedict", "", 1)]
        rooms = [c.RoomMade(OPS, "#ops", 1), c.RoomMade(ASIDE, "#aside", 1)]
        writer.write([*people, *rooms, c.MemberJoined(OPS, BEN, "owner", 0, 1)])
        for seq in FIRST:
            store.post(seq)
        assert [run.seq for run in writer.recent.of(OPS)] == FIRST
        writer.recent.weight_max = 0
        yield store


def test_messages_that_move_meanwhile_are_read_once(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        with store.reader.snapshot():
            assert store.seqs() == FIRST
            store.move()
            assert store.seqs() == FIRST
        assert store.seqs() == FIRST


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_messages_that_move_while_a_snapshot_is_taken_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    with stored(tmp_path) as store:
        view = Recent.view

        def moving(recent: Recent) -> View:
            if before:
                store.move()
            found = view(recent)
            if not before:
                store.move()
            return found

        monkeypatch.setattr(Recent, "view", moving)
        with store.reader.snapshot():
            assert store.seqs() == FIRST


def test_memory_is_looked_at_before_the_database(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        recent = store.writer.recent
        recent.weight_max = 1_000_000
        with store.reader.snapshot():
            recent.weight_max = 0
            store.move()  # nothing was read yet: the database is seen as of now, memory as before
            assert store.seqs() == FIRST


def test_what_comes_later_is_not_in_a_snapshot(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.writer.recent.weight_max = 1_000_000
        with store.reader.snapshot():
            assert store.seqs() == FIRST
            store.writer.write([c.AccountMade(LATE, "latecomer", "", 1)])
            store.post(4, LATE)
            assert store.seqs() == FIRST
        assert store.seqs() == [*FIRST, 4]
        assert store.reader.history(OPS, 3, 5, 1)[0].sender == "latecomer"


def test_a_read_that_fails_leaves_no_snapshot_behind(tmp_path: Path) -> None:
    with stored(tmp_path) as store:
        store.move()
        store.writer._db.execute("UPDATE chunk SET body_box = zeroblob(99) WHERE last_seq = 3")
        with pytest.raises(BoxError) as kept, store.reader.snapshot():
            store.reader.history(OPS, 0, 99, 99)
        store.post(4)
        store.move()
        with store.reader.snapshot():
            assert [m.seq for m in store.reader.history(OPS, 3, 99, 99)] == [4]
        assert kept.value.__traceback__ is not None
