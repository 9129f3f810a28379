"""Messages on their way from the journal into chunks, against a model that keeps them in a list.

Bounds are tiny, so that much moves at every commit; commits fail, and the process is killed, at any
statement.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chatd.chat import changes as c
from chatd.chat.ports import StoredMessage, StoredUnread
from chatd.security.keys import ServerKey
from chatd.storage import chunks, journal
from chatd.storage.codec import Codec
from chatd.storage.database import open_database
from chatd.storage.reads import Reader
from chatd.storage.recent import Recent
from chatd.storage.runs import Run, weight
from chatd.storage.writes import Writer

from .sample import Sample

KEY = ServerKey(bytes(range(7, 39)))
USERS = {1: "annabel", 2: "benedict", 3: "carol"}
ROOMS = {10: "#one", 11: "#two", 12: "#three"}


@dataclass(frozen=True)
class Said:
    """A message of the model."""

    seq: int
    commit: int
    sender: int
    time_ms: int
    text: str


class Killed(Exception):
    """What a statement raises that the process does not live to finish."""


class Log(RuleBasedStateMachine):
    """The store as it runs, and what it must hold."""

    @initialize(weight_max=st.integers(0, 20_000), ripe_weight=st.integers(0, 10_000))
    def make(self, weight_max: int, ripe_weight: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.weights = weight_max, ripe_weight
        self.said: dict[int, list[Said]] = {room: [] for room in ROOMS}
        self.next_seq = dict.fromkeys(ROOMS, 1)
        self.seen = {(room, user): 0 for room in ROOMS for user in USERS}
        self.commits = 0
        self.latest = [0]
        self.open()
        self.writer.write(
            [
                *(c.AccountMade(user, name, "", 1) for user, name in USERS.items()),
                *(c.RoomMade(room, name, 1) for room, name in ROOMS.items()),
                *(c.MemberJoined(room, u, "member", 0, 1) for room in ROOMS for u in USERS),
            ]
        )

    def open(self) -> None:
        codec = Codec(KEY)
        self.db = open_database(self.folder / "chatd.db", codec)
        self.writer = Writer(self.db, codec, Recent(*self.weights))
        reading = apsw.Connection(str(self.folder / "chatd.db"))
        self.reader = Reader(reading, codec, self.writer.recent)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.reader.close()
            self.db.close()
            shutil.rmtree(self.folder)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        batch = self.batch(data)
        self.writer.write(batch)
        self.keep(batch)

    @rule(data=st.data(), statement=st.integers(0, 8))
    def commit_that_fails(self, data: st.DataObject, statement: int) -> None:
        """At the statement of that number, or not at all where there are fewer."""
        batch = self.batch(data)
        self.fail_at(statement, apsw.FullError("no room"))
        try:
            self.writer.write(batch)
        except apsw.Error:
            assert not self.db.in_transaction
        else:
            self.keep(batch)
        finally:
            self.db.exec_trace = None

    @rule(data=st.data(), statement=st.integers(0, 8))
    def kill(self, data: st.DataObject, statement: int) -> None:
        """The files are left as they are at that statement of a commit."""
        batch = self.batch(data)
        copy = self.folder.with_name(self.folder.name + "-killed")
        self.fail_at(statement, Killed(), lambda: shutil.copytree(self.folder, copy))
        with suppress(Killed):
            self.writer.write(batch)
            self.keep(batch)
        self.db.exec_trace = None
        if copy.exists():
            self.teardown()
            copy.rename(self.folder)
        else:
            self.close()
        self.open()

    @rule(settled=st.booleans())
    def reopen(self, settled: bool) -> None:
        self.close()
        if settled:
            with closing(open_database(self.folder / "chatd.db", Codec(KEY))) as db:
                journal.replay(db, Codec(KEY))
        self.open()

    @rule(user=st.sampled_from(list(USERS)), data=st.data())
    def see(self, user: int, data: st.DataObject) -> None:
        room = data.draw(st.sampled_from(list(self.said)))
        seq = data.draw(st.integers(0, self.next_seq[room]))
        self.writer.write([c.SeenSet(room, user, seq)])
        self.seen[room, user] = max(self.seen[room, user], seq)

    @precondition(lambda self: len(self.said) > 1)
    @rule(data=st.data())
    def delete_room(self, data: st.DataObject) -> None:
        room = data.draw(st.sampled_from(list(self.said)))
        gone: list[c.Change] = [c.MemberLeft(room, user) for user in USERS]
        batch = self.batch(data)
        self.writer.write([*gone, *batch, c.RoomGone(room)])
        self.keep(batch)
        del self.said[room], self.next_seq[room]

    def close(self) -> None:
        self.reader.close()
        self.db.close()

    def fail_at(self, statement: int, error: Exception, before: Any = lambda: None) -> None:
        left = statement

        def trace(_cursor: apsw.Cursor, sql: str, _bindings: Any) -> bool:
            nonlocal left
            left -= 1
            if left == -1 and sql != "ROLLBACK":
                before()
                raise error
            return True

        self.db.exec_trace = trace

    def batch(self, data: st.DataObject) -> list[c.Change]:
        """Up to four runs of up to a dozen messages; some seqs are left out."""
        seqs, found = dict(self.next_seq), []
        runs = st.tuples(
            st.sampled_from(list(self.said)),
            st.sampled_from(list(USERS)),
            st.integers(0, 2),
            st.lists(st.sampled_from(["", "ü", "some text", "x" * 3_000]), min_size=1, max_size=12),
        )
        for room, sender, gap, texts in data.draw(st.lists(runs, min_size=1, max_size=4)):
            seq = seqs[room] + gap
            found.append(c.MessagesPosted(room, seq, 1_000 + seq, sender, texts))
            seqs[room] = seq + len(texts)
        return list(found)

    def keep(self, batch: list[c.Change]) -> None:
        self.commits += 1
        for m in batch:
            assert isinstance(m, c.MessagesPosted)
            for seq, text in enumerate(m.texts, m.seq):
                said = Said(seq, self.commits, m.sender, m.time_ms, text)
                self.said[m.conversation].append(said)
            self.next_seq[m.conversation] = m.seq + len(m.texts)
        self.latest.append(self.writer.latest)

    @invariant()
    def holds_what_was_said(self) -> None:
        for room, said in self.said.items():
            found = self.reader.history(room, 0, 10_000, 10_000)
            assert found == [StoredMessage(s.seq, s.time_ms, USERS[s.sender], s.text) for s in said]
            loaded = self.reader.room(room)
            assert loaded is not None and loaded.last_seq == (said[-1].seq if said else 0)

    @rule(after=st.integers(0, 60), before=st.integers(0, 60), limit=st.integers(1, 40))
    def read_pages(self, after: int, before: int, limit: int) -> None:
        for room, said in self.said.items():
            seqs = [s.seq for s in said if s.seq < before]
            assert self.reader.history_start(room, before, limit) == (
                seqs[-limit:][0] if seqs else 0
            )
            page = self.reader.history(room, after, before, limit)
            assert [m.seq for m in page] == [seq for seq in seqs if seq > after][:limit]

    @rule(user=st.sampled_from(list(USERS)), data=st.data())
    def read_unread(self, user: int, data: st.DataObject) -> None:
        known = data.draw(st.integers(0, len(self.latest) - 1))
        upto = data.draw(st.sampled_from([None, self.latest[known]]))
        expected = []
        for room, said in self.said.items():
            new = [
                s.seq
                for s in said
                if s.seq > self.seen[room, user] and s.sender != user
                if upto is None or s.commit <= known
            ]
            if new:
                expected.append(StoredUnread(ROOMS[room], len(new), new[0], new[-1]))
        expected.sort(key=lambda unread: unread.conversation)
        assert self.reader.unread(user, upto) == expected

    @rule()
    def check(self) -> None:
        assert Sample(self.folder, KEY).check().findings == []
        live = self.db.execute("SELECT max(id) FROM journal").get
        assert live is None or live <= self.writer.latest


def test_the_log_holds_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert weight(Run(1, 1, 1, 1, ["x"])) < 1_000  # so that some fit in, and some do not
    monkeypatch.setattr(chunks, "CHUNK_MESSAGES", 5)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 5_000)
    monkeypatch.setattr(journal, "BOX_BYTES_MAX", 8_000)
    monkeypatch.setattr(journal, "STALE_WEIGHT", 5_000)
    run_state_machine_as_test(
        Log, settings=settings(max_examples=30, stateful_step_count=20, deadline=None)
    )
