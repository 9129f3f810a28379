"""Chunks: the place where messages stay. Each holds some that follow one another in a conversation,
in one box; beside it stands what is needed to count them unopened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Any

import apsw

from .codec import SENDER_TAG_BYTES, Codec, pack
from .runs import Run, count, evenly

CHUNK_MESSAGES = 128
CHUNK_BYTES = 32_768
"""About so many at most; up to half as many again rather than two chunks half as big."""

_SENDER = Struct(f">{SENDER_TAG_BYTES}sI")
SENDER_BYTES = _SENDER.size

_INSERT = (
    "INSERT INTO chunk"
    " (conversation, first_seq, last_seq, messages, commit_last, senders, body_box)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LAST = "SELECT last_seq FROM chunk WHERE conversation = ? ORDER BY first_seq DESC LIMIT 1"


def insert_chunks(db: apsw.Connection, codec: Codec, backlogs: Mapping[int, list[Run]]) -> None:
    """Append messages to those of their conversations; their seqs are above all that are there."""
    rows = [
        _row(codec, conversation, piece, plain)
        for conversation, runs in backlogs.items()
        for piece, plain in _pieces(runs)
    ]
    db.executemany(_INSERT, rows)


def pack_senders(codec: Codec, conversation: int, runs: list[Run]) -> bytes:
    """How many messages are whose, in no order that tells of accounts."""
    counts: Counter[bytes] = Counter()
    for run in runs:
        counts[codec.sender_tag(conversation, run.sender)] += len(run.texts)
    return b"".join([_SENDER.pack(tag, messages) for tag, messages in sorted(counts.items())])


def messages_of(senders: bytes, tag: bytes) -> int:
    """How many messages of a chunk are those of the sender with this tag."""
    counts: dict[bytes, int] = dict(_SENDER.iter_unpack(senders))
    return counts.get(tag, 0)


def last_seq(db: apsw.Connection, conversation: int) -> int:
    """The highest seq in a chunk of the conversation; 0 where there is none."""
    return db.execute(_LAST, (conversation,)).get or 0


def _pieces(runs: list[Run]) -> Iterator[tuple[list[Run], bytes]]:
    """The messages of each chunk, and how they are packed."""
    total = count(runs)
    if not total:
        return
    plain = pack(runs)
    pieces = max(round(total / CHUNK_MESSAGES), round(len(plain) / CHUNK_BYTES))
    if total == 1 or pieces <= 1:
        yield runs, plain
        return
    for piece in evenly(runs, total, min(total, pieces)):
        yield from _pieces(piece)


def _row(codec: Codec, conversation: int, runs: list[Run], plain: bytes) -> tuple[Any, ...]:
    first, last, messages = runs[0].seq, runs[-1].last_seq, count(runs)
    return (
        conversation,
        first,
        last,
        messages,
        runs[-1].commit,
        pack_senders(codec, conversation, runs),
        codec.seal_chunk(conversation, first, last, messages, plain),
    )
