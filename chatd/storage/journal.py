"""The journal: every commit's messages in one row, whatever their conversations, so that storing a
message costs next to nothing. From there they move into chunks, bit by bit, within later commits.

    turn = journal.write(posted)     # inside a transaction
    journal.settle(turn)             # after COMMIT; after ROLLBACK nothing is to be done

Messages are in chunks or in memory (`Recent`) as well as in the journal, whose rows are deleted
once nothing in memory is as old. The next start reads what is in the journal into memory again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import apsw

from chatd.chat.changes import MessagesPosted

from .chunks import insert_chunks, last_seq
from .codec import Codec, pack
from .recent import BACKLOG_WEIGHT, Recent
from .runs import ALL, Entry, Run, between, evenly, weight

BOX_BYTES_MAX = 1_048_576
STALE_WEIGHT = 128 * 1_024
"""So much is worth a deletion."""
MORE_WEIGHT = 128 * 1_024
"""So much more than a commit brings is moved on in it, at most."""

_INSERT = "INSERT INTO journal (id, box) VALUES (?, ?)"
_LATEST = "SELECT seq FROM sqlite_sequence WHERE name = 'journal'"


@dataclass(slots=True)
class Turn:
    """What one transaction does to the journal."""

    entries: list[Entry] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    latest: int = 0
    moved: dict[int, list[Run]] = field(default_factory=dict)
    deleted: int = 0  # rows up to this one


class Journal:
    """Writes the journal, and moves messages on; owned by the writer's thread."""

    def __init__(self, db: apsw.Connection, codec: Codec, recent: Recent) -> None:
        self._db = db
        self._codec = codec
        self._recent = recent
        self._rows: deque[tuple[int, int]] = deque()  # of each commit: the last, and the weight
        self._rows_weight = 0
        self._stale: deque[tuple[int, int]] = deque()  # the same, of what is in chunks
        self._stale_weight = 0
        self.latest: int = db.execute(_LATEST).get or 0
        self._load()

    def _load(self) -> None:
        """Go on where the last process ended. It writes nothing: the disk may be full."""
        for row, row_weight, entries in _unmoved(self._db, self._codec):
            self._recent.add(entries, [weight(run) for _, run in entries])
            self._rows.append((row, row_weight))
            self._rows_weight += row_weight
        self._part_stale()

    def write(self, posted: Sequence[MessagesPosted], only: bool = False) -> Turn:
        """Store messages, inside a transaction; unless `only` that is asked for, move more into
        chunks where it is time."""
        commit = self.latest + 1
        entries = [
            (m.conversation, Run(m.seq, commit, m.time_ms, m.sender, m.texts)) for m in posted
        ]
        weights = [weight(run) for _, run in entries]
        turn = Turn(entries, weights, self._insert(entries))
        if not only:
            added = sum(weights) + BACKLOG_WEIGHT * len(entries)
            budget = added + min(added, MORE_WEIGHT)
            turn.moved = self._move(budget)
            turn.deleted = self._delete(budget)
        return turn

    def settle(self, turn: Turn) -> None:
        """The transaction is on disk."""
        self.latest = turn.latest
        self._recent.drop(turn.moved)
        self._recent.add(turn.entries, turn.weights)
        while self._stale and self._stale[0][0] <= turn.deleted:
            self._stale_weight -= self._stale.popleft()[1]
        self._rows.append((turn.latest, sum(turn.weights)))
        self._rows_weight += self._rows[-1][1]
        self._part_stale()

    def _part_stale(self) -> None:
        """Find the rows that are older than all that is in memory."""
        oldest = self._recent.oldest_commit() or ALL
        while self._rows and self._rows[0][0] < oldest:
            row = self._rows.popleft()
            self._rows_weight -= row[1]
            self._stale.append(row)
            self._stale_weight += row[1]

    def _insert(self, entries: list[Entry]) -> int:
        """Returns the last row's id."""
        seal = self._codec.seal_entries
        boxes = [
            (row, seal(row, packed)) for row, packed in enumerate(_packed(entries), self.latest + 1)
        ]
        self._db.executemany(_INSERT, boxes)
        return boxes[-1][0]

    def _move(self, budget: int) -> dict[int, list[Run]]:
        hurry = self._rows_weight > 2 * self._recent.weight_max
        moved = self._recent.due(budget, hurry)
        if moved:
            insert_chunks(self._db, self._codec, moved)
        return moved

    def _delete(self, budget: int) -> int:
        """Delete stale rows, where it is worth it. Returns the last one's id, or 0."""
        if self._stale_weight < min(STALE_WEIGHT, self._recent.weight_max):
            return 0
        budget = max(budget, STALE_WEIGHT)
        deleted = 0
        for last, row_weight in self._stale:
            deleted = last
            budget -= row_weight
            if budget <= 0:
                break
        self._db.execute("DELETE FROM journal WHERE id <= ?", (deleted,))
        return deleted


def _packed(entries: list[Entry]) -> list[bytes]:
    """What goes into each box; several only where one would be too big."""
    packed = pack(entries)
    if len(packed) <= BOX_BYTES_MAX:
        return [packed]
    if len(entries) > 1:
        middle = len(entries) // 2
        return _packed(entries[:middle]) + _packed(entries[middle:])
    ((conversation, run),) = entries
    messages = len(run.texts)
    if messages == 1:
        return [packed]
    halves = evenly([run], messages, 2)
    return [box for (half,) in halves for box in _packed([(conversation, half)])]


def replay(db: apsw.Connection, codec: Codec) -> None:
    """Move all that is in the journal into chunks, and empty it; nothing is in memory now.
    BoxError, apsw.Error."""
    backlogs: dict[int, list[Run]] = {}
    with db:
        for _, _, entries in _unmoved(db, codec):
            for conversation, run in entries:
                backlogs.setdefault(conversation, []).append(run)
        insert_chunks(db, codec, backlogs)
        db.execute("DELETE FROM journal")


def _unmoved(db: apsw.Connection, codec: Codec) -> Iterator[tuple[int, int, list[Entry]]]:
    """Each row with the weight of all that it holds, and of that what is not in chunks already, nor
    of a conversation that is gone."""
    ends: dict[int, int] = {}
    for row, box in db.execute("SELECT id, box FROM journal ORDER BY id"):
        found = []
        entries = codec.open_entries(row, box)
        for conversation, run in entries:
            end = ends.get(conversation)
            if end is None:
                end = ends[conversation] = _end(db, conversation)
            found += [(conversation, part) for part in between([run], end, ALL)]
        yield row, sum([weight(run) for _, run in entries]), found


def _end(db: apsw.Connection, conversation: int) -> int:
    exists = db.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation,)).get
    return last_seq(db, conversation) if exists else ALL
