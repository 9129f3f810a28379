"""Runs of messages: one sender's to one conversation, at one time, in one commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

ALL = 2**62
"""Above every seq and every commit."""

MESSAGE_WEIGHT = 512


class Run(msgspec.Struct, array_like=True, gc=False):
    """Messages with seqs from `seq` on, one for each text. Never changed once it is made."""

    seq: int
    commit: int  # the journal's first row of the commit it came with; 0: before there was one
    time_ms: int
    sender: int
    texts: list[str]

    @property
    def last_seq(self) -> int:
        return self.seq + len(self.texts) - 1

    def part(self, start: int, end: int) -> Run:
        """The messages from the `start`-th to before the `end`-th."""
        texts = self.texts[start:end]
        if len(texts) == len(self.texts):
            return self
        return Run(self.seq + start, self.commit, self.time_ms, self.sender, texts)

    def __repr__(self) -> str:
        return f"Run({self.seq}, {len(self.texts)} messages)"


Entry = tuple[int, Run]
"""A conversation, and a run in it."""


def count(runs: Iterable[Run]) -> int:
    """How many messages they hold."""
    return sum([len(run.texts) for run in runs])


def weight(run: Run) -> int:
    """What it costs to keep it or to move it, in bytes: each message counts for some."""
    return sum(map(str.__sizeof__, run.texts)) + MESSAGE_WEIGHT * len(run.texts)


def between(runs: Iterable[Run], after: int, before: int) -> list[Run]:
    """The messages with after < seq < before."""
    found = []
    for run in runs:
        if run.seq < before and run.last_seq > after:
            found.append(run.part(max(0, after + 1 - run.seq), before - run.seq))
    return found


def start_of_newest(runs: list[Run], limit: int) -> int:
    """The seq of the oldest of the `limit` newest messages; 0 if there are none."""
    for run in reversed(runs):
        if limit <= len(run.texts):
            return run.last_seq - limit + 1
        limit -= len(run.texts)
    return runs[0].seq if runs else 0


def evenly(runs: Iterable[Run], total: int, pieces: int) -> Iterator[list[Run]]:
    """All `total` messages, in so many pieces, or fewer, of as many messages each."""
    size = -(-total // pieces)
    piece: list[Run] = []
    left = size
    for run in runs:
        start, end = 0, len(run.texts)
        while end - start >= left:
            piece.append(run.part(start, start + left))
            start += left
            yield piece
            piece, left = [], size
        if start < end:
            piece.append(run.part(start, end))
            left -= end - start
    if piece:
        yield piece
