"""The local log of a profile: entries, each once, and which of them came before."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from enum import Enum, auto

import msgspec

from ..desk import Desk
from ..device import kept_secret, state_folder
from .chain import Chain, Head, Line
from .entry import Entry, Key, Way
from .store import Damaged, Store

REMEMBERED_MAX = 10_000
"""Entries that are known when they come again."""


class Kept(Enum):
    """What became of an entry: written, there before, or another text was under its id."""

    NEW = auto()
    KNOWN = auto()
    CONFLICT = auto()


class LocalLog:
    """Everything blocks: for a thread, one at a time. Several processes may have it open."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head: Head | None = None
        self._places: OrderedDict[Key, None] = OrderedDict()
        self._ids: OrderedDict[Key, tuple[bytes, Way]] = OrderedDict()

    @property
    def first(self) -> int:
        """The number of the oldest entry that is still there."""
        return self._head.first if self._head else 1

    def open(self) -> None:
        """Remember the newest entries. Damaged, OSError."""
        with self._store.locked():
            self._store.catch_up(None)  # takes in what a crash left
            newest = deque(self._store.lines(), REMEMBERED_MAX)
            self._head, _ = self._store.catch_up(None)
        for line in newest:
            self._remember(_entry(line))

    def append(self, entries: Sequence[Entry]) -> list[Kept]:
        """Keep what is new, durably, or nothing. Damaged, OSError."""
        with self._store.locked():
            self._head, others = self._store.catch_up(self._head)
            for line in others:
                self._remember(_entry(line))
            kept = [self._judge(entry) for entry in entries]
            new = [entry for entry, one in zip(entries, kept) if one is Kept.NEW]
            if new:
                try:
                    self._head = self._store.append(self._head, [*map(msgspec.json.encode, new)])
                except OSError:
                    self._forget(new)
                    raise
        return kept

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """All that are there, with their numbers, held against each other. Damaged, OSError."""
        with self._store.locked():
            for line in self._store.lines():
                yield line.seq, _entry(line)

    def came_directly(self, entry: Entry) -> bool:
        """Whether a message from the server is one that came without it before."""
        return self._before(entry) == (entry.digest, "direct")

    def _before(self, entry: Entry) -> tuple[bytes, Way] | None:
        """The text, and the way it came, of what had the same id."""
        return self._ids.get(entry.signed_id) if entry.signed_id else None

    def _judge(self, entry: Entry) -> Kept:
        """Whether it is new, which it is then no more."""
        before = self._before(entry)
        if entry.place in self._places or (before and before[0] == entry.digest):
            return Kept.KNOWN
        if before is not None and entry.way != "server":
            return Kept.CONFLICT
        self._remember(entry)
        return Kept.NEW

    def _remember(self, entry: Entry) -> None:
        if entry.place is not None:
            self._places[entry.place] = None
        if entry.signed_id is not None:
            self._ids.setdefault(entry.signed_id, (entry.digest, entry.way))
        for known in (self._places, self._ids):
            if len(known) > REMEMBERED_MAX:
                known.popitem(last=False)

    def _forget(self, entries: Sequence[Entry]) -> None:
        """What was judged to be new, and is not kept, comes as new again."""
        for entry in entries:
            self._places.pop(entry.place or (), None)
            if self._before(entry) == (entry.digest, entry.way):
                self._ids.pop(entry.signed_id or (), None)


def local_log(desk: Desk) -> LocalLog:
    """The profile's, made where it has none. Problem, OSError."""
    secret = kept_secret(desk, "log_key", lambda made: _begin(_store(desk, made)))
    return LocalLog(_store(desk, secret))


def clear(desk: Desk) -> None:
    """Do away with the profile's log; the next one begins anew. Problem, OSError."""
    if desk.profile.log_key is not None:
        store = _store(desk, kept_secret(desk, "log_key"))
        desk.amend(log_key=None)
        store.remove()


def _begin(store: Store) -> None:
    with store.locked():
        store.begin()


def _store(desk: Desk, secret: bytes) -> Store:
    return Store(state_folder() / "log", desk.profile_name, Chain(secret))


def _entry(line: Line) -> Entry:
    try:
        return msgspec.json.decode(line.plain, type=Entry)
    except msgspec.DecodeError:
        raise Damaged(f"Entry {line.seq} is of a kind that is not known here") from None
