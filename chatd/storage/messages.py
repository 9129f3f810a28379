"""How messages are read, from chunks and from memory as if they were one.

Only what memory has above the chunks' last seq counts. Within a snapshot it is looked at before the
database: messages may move into a chunk meanwhile, never back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from .chunks import last_seq, messages_of
from .codec import Codec
from .recent import Recent, View
from .runs import ALL, Run, between, count, start_of_newest

PAGE_BYTES_MAX = 262_144
_MESSAGE_OVERHEAD_BYTES = 36

# The chunk that holds ?2 or begins before it, if any, bounds what must be looked at.
_FROM = (
    "FROM chunk WHERE conversation = ?1 AND last_seq > ?2 AND first_seq >= coalesce("
    "(SELECT max(first_seq) FROM chunk WHERE conversation = ?1 AND first_seq <= ?2 + 1), 0)"
)
_FORWARDS = (
    f"SELECT first_seq, last_seq, messages, body_box {_FROM} AND first_seq < ?3 ORDER BY first_seq"
)
_NEWEST = (
    "SELECT first_seq, last_seq FROM chunk WHERE conversation = ? AND first_seq < ?"
    " ORDER BY first_seq DESC LIMIT 1"
)
_BACKWARDS = (
    "SELECT first_seq, last_seq, messages, body_box FROM chunk"
    " WHERE conversation = ? AND first_seq <= ? ORDER BY first_seq DESC"
)
# What is new as a whole is counted unopened; own messages stand beside it, by sender.
_NEW = "first_seq > ?2 AND commit_last <= ?3"
_UNREAD = (
    f"SELECT min(first_seq), max(last_seq), sum(messages), NULL, NULL {_FROM}"
    f" AND {_NEW} AND instr(senders, ?4) = 0"
    f" UNION ALL SELECT first_seq, last_seq, messages, senders, NULL {_FROM}"
    f" AND {_NEW} AND instr(senders, ?4) > 0"
    f" UNION ALL SELECT first_seq, last_seq, messages, NULL, body_box {_FROM} AND NOT ({_NEW})"
)
_CHUNK = (
    "SELECT first_seq, last_seq, messages, body_box FROM chunk"
    " WHERE conversation = ? AND first_seq = ?"
)

Opened = tuple[int, int, int, str]
"""A message: seq, time_ms, sender and text."""
Unread = tuple[int, int, int]
"""How many messages, the first one's seq and the last one's."""


class Messages:
    """Reads through one connection; used by one thread at a time."""

    def __init__(self, db: apsw.Connection, codec: Codec, recent: Recent) -> None:
        self._db = db
        self._codec = codec
        self._live = recent
        self._recent: Recent | View = recent

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read within is as it was at one moment. Without it, nothing may be written
        while something is read."""
        self._recent = self._live.view()  # before BEGIN: what moves in between is in both
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._recent = self._live
            if self._db.in_transaction:  # an error may have ended it
                self._db.execute("COMMIT")

    def last_seq(self, conversation: int) -> int:
        """The seq of its newest message; 0 where there is none."""
        recent = self._recent.of(conversation)
        last = last_seq(self._db, conversation)
        return max(last, recent[-1].last_seq) if recent else last

    def page(self, conversation: int, after: int, before: int, limit: int) -> list[Opened]:
        """The oldest messages with after < seq < before: `limit` of them, or fewer where they get
        big."""
        found: list[Opened] = []
        page_bytes = 0
        for run in self._forwards(conversation, after, before):
            for seq, text in enumerate(run.texts, run.seq):
                found.append((seq, run.time_ms, run.sender, text))
                page_bytes += len(text.encode()) + _MESSAGE_OVERHEAD_BYTES
                if len(found) >= limit or page_bytes > PAGE_BYTES_MAX:
                    return found
        return found

    def _forwards(self, conversation: int, after: int, before: int) -> Iterator[Run]:
        recent = self._recent.of(conversation)
        for first, last, messages, box in self._db.execute(
            _FORWARDS, (conversation, after, before)
        ):
            yield from between(self._open(conversation, first, last, messages, box), after, before)
            after = last
        yield from between(recent, after, before)

    def start(self, conversation: int, before: int, limit: int) -> int:
        """The seq of the oldest of the `limit` newest messages before `before`; 0 if none."""
        if limit <= 0:
            return 0
        recent = self._recent.of(conversation)
        newest = self._db.execute(_NEWEST, (conversation, before)).fetchone()
        first, last = newest or (0, 0)
        runs = between(recent, last, before)
        oldest, limit = start_of_newest(runs, limit), limit - count(runs)
        if newest is None or limit <= 0:
            return oldest
        return self._start_in_chunks(conversation, first, before, limit)

    def _start_in_chunks(self, conversation: int, newest: int, before: int, limit: int) -> int:
        """The same, from the chunk that begins with `newest` backwards."""
        oldest = 0
        for first, last, messages, box in self._db.execute(_BACKWARDS, (conversation, newest)):
            if last < before and messages < limit:
                oldest, limit = first, limit - messages
                continue
            runs = between(self._open(conversation, first, last, messages, box), 0, before)
            oldest, limit = start_of_newest(runs, limit), limit - count(runs)
            if limit <= 0:
                break
        return oldest

    def unread(
        self, conversation: int, account: int, seen: int, upto: int | None, chunked: int
    ) -> Unread | None:
        """What others have written since `seen`, in commits up to `upto`; None if nothing. Chunks
        hold messages up to the seq `chunked`."""
        latest = ALL if upto is None else upto
        found = []
        if chunked > seen:
            found = self._unread_in_chunks(conversation, account, seen, latest)
        recent = self._recent.of(conversation)
        return _added(found + _others(recent, account, max(chunked, seen), latest))

    def _unread_in_chunks(
        self, conversation: int, account: int, seen: int, latest: int
    ) -> list[Unread]:
        tag = self._codec.sender_tag(conversation, account)
        found: list[Unread] = []
        mixed: list[Unread] = []  # chunks with own messages as well
        for first, chunk_last, messages, senders, box in self._db.execute(
            _UNREAD, (conversation, seen, latest, tag)
        ):
            if box is not None:
                runs = self._open(conversation, first, chunk_last, messages, box)
                found += _others(runs, account, seen, latest)
            elif senders is not None:
                mixed.append((messages - messages_of(senders, tag), first, chunk_last))
            elif messages:
                found.append((messages, first, chunk_last))
        return found + self._exact(conversation, account, [u for u in mixed if u[0]])

    def _exact(self, conversation: int, account: int, mixed: list[Unread]) -> list[Unread]:
        """The first and the last of them are opened for their seqs; between, counts are enough."""
        firsts = [first for _, first, _ in mixed]
        ends = {min(firsts), max(firsts)} if firsts else set()
        found = [unread for unread in mixed if unread[1] not in ends]
        for first in ends:
            row = self._db.execute(_CHUNK, (conversation, first)).fetchone()
            found += _others(self._open(conversation, *row), account, 0, ALL) if row else []
        return found

    def _open(self, conversation: int, first: int, last: int, messages: int, box: Any) -> list[Run]:
        return self._codec.open_chunk(conversation, first, last, messages, box)


def _others(runs: list[Run], account: int, after: int, latest: int) -> list[Unread]:
    """The runs above seq `after` that are not the account's own, and of commits up to `latest`."""
    return [
        (len(run.texts), run.seq, run.last_seq)
        for run in between(runs, after, ALL)
        if run.sender != account and run.commit <= latest
    ]


def _added(found: list[Unread]) -> Unread | None:
    if not found:
        return None
    counts, firsts, lasts = zip(*found)
    return sum(counts), min(firsts), max(lasts)
