"""Recent messages: those that are on disk in the journal and not yet in a chunk, in memory.

The writer's thread changes them, after a commit. Readers, in other threads, take a view of them
first and a snapshot of the database then: what has left here meanwhile is in both, and counts once,
by seq.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from threading import Lock

from .runs import Entry, Run

RECENT_WEIGHT_MAX = 8 * 1_048_576
RIPE_WEIGHT = 96 * 1_024
"""A conversation with that much makes a chunk or two."""
BACKLOG_WEIGHT = 1_024
"""What a conversation costs however little was said: a row, a key."""


class Backlog:
    """A conversation's recent messages, in order of seq."""

    __slots__ = ("runs", "weight")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.weight = BACKLOG_WEIGHT


class View:
    """What `Recent` held at one moment."""

    __slots__ = ("_backlogs", "_latest")

    def __init__(self, backlogs: dict[int, Backlog], latest: int) -> None:
        self._backlogs = backlogs
        self._latest = latest

    def of(self, conversation: int) -> list[Run]:
        """A copy of its backlog."""
        backlog = self._backlogs.get(conversation)
        if backlog is None:
            return []
        runs = backlog.runs.copy()
        while runs and runs[-1].commit > self._latest:  # came since
            runs.pop()
        return runs


class Recent:
    """Backlogs of conversations, the one with the oldest message first."""

    def __init__(self, weight_max: int = RECENT_WEIGHT_MAX, ripe_weight: int = RIPE_WEIGHT) -> None:
        self.weight_max = weight_max
        self._ripe_weight = ripe_weight
        self._lock = Lock()
        self._backlogs: dict[int, Backlog] = {}
        self._ripe: dict[int, None] = {}
        self._latest = 0  # the commit of the newest message
        self.weight = 0

    def view(self) -> View:
        """What is here now. Any thread may call it."""
        with self._lock:
            return View(self._backlogs.copy(), self._latest)

    def of(self, conversation: int) -> list[Run]:
        """A copy of its backlog. Any thread may call it."""
        with self._lock:
            backlog = self._backlogs.get(conversation)
            return [] if backlog is None else backlog.runs.copy()

    def add(self, entries: Iterable[Entry], weights: Sequence[int]) -> None:
        """Take in what was committed."""
        with self._lock:
            backlogs = self._backlogs
            for (conversation, run), weight in zip(entries, weights):
                backlog = backlogs.get(conversation)
                if backlog is None:
                    backlog = backlogs[conversation] = Backlog()
                    self.weight += BACKLOG_WEIGHT
                backlog.runs.append(run)
                backlog.weight += weight
                self._latest = run.commit
                if backlog.weight >= self._ripe_weight:
                    self._ripe[conversation] = None
        self.weight += sum(weights)

    def drop(self, conversations: Iterable[int]) -> None:
        """Forget backlogs: they are in chunks now, or gone for good."""
        with self._lock:
            for conversation in conversations:
                self._ripe.pop(conversation, None)
                backlog = self._backlogs.pop(conversation, None)
                if backlog is not None:
                    self.weight -= backlog.weight

    def due(self, budget: int, hurry: bool) -> dict[int, list[Run]]:
        """Backlogs to be moved into chunks now, of this weight or little more: ripe ones, and the
        oldest where there is too much in all, or in a hurry."""
        oldest = self._backlogs if hurry or self.weight > self.weight_max else ()
        found: dict[int, list[Run]] = {}
        for conversation in chain(self._ripe, oldest):
            if budget <= 0:
                break
            if conversation not in found:
                backlog = self._backlogs[conversation]
                found[conversation] = backlog.runs
                budget -= backlog.weight
        return found

    def oldest_commit(self) -> int | None:
        """The commit of the oldest message; None where there is none."""
        for backlog in self._backlogs.values():
            return backlog.runs[0].commit
        return None
