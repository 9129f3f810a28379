"""What a connection has yet to be sent, bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Owner = TypeVar("Owner")

IDLE, LATER, DIRTY = range(3)


class Outbox(Generic[Owner]):
    """Bytes on their way to one connection, its owner. `bytes` counts them all.

    Replies are always taken, since reading from the connection pauses while they pile up. Once the
    kernel takes no more, events past `bytes_max` are dropped until half of it has left; `lagged`
    tells, by conversation, after which seq, and `dropped` how many lines. (Between two flushes one
    batch of the ledger is all that can come, so whoever reads misses nothing.) `due` tells how soon
    it is to be flushed: when it gets so, the owner is added to `dirty`, or `later` is called. One
    that is `closed` takes no events.
    """

    __slots__ = (
        "_dirty",
        "_later",
        "_owner",
        "bytes",
        "bytes_max",
        "chunks",
        "closed",
        "dropped",
        "due",
        "lagged",
        "unsent",
    )

    def __init__(
        self, bytes_max: int, owner: Owner, dirty: list[Owner], later: Callable[[], None]
    ) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self.chunks: list[bytes] = []
        self.unsent: memoryview | None = None  # joined, and only begun to be sent
        self.lagged: dict[str, int] | None = None
        self.due = IDLE
        self.closed = False
        self.dropped = 0
        self._owner = owner
        self._dirty = dirty
        self._later = later

    def put(self, data: bytes) -> None:
        """Add what must not be lost."""
        if self.due != DIRTY:
            self.due = DIRTY
            self._dirty.append(self._owner)
        self.chunks.append(data)
        self.bytes += len(data)

    def put_later(self, data: bytes) -> None:
        """Add what must not be lost, but may wait for something to leave with."""
        if self.due == IDLE:
            self.due = LATER
            self._later()
        self.chunks.append(data)
        self.bytes += len(data)

    def deliver(self, lines: bytes, conversation: str, seq: int) -> None:
        """Add events of a conversation, the first at `seq`, unless too much waits already."""
        hindered = self.unsent is not None or self.lagged is not None or self.closed
        if hindered and self._refuses(lines, conversation, seq):
            return
        if self.due != DIRTY:
            self.due = DIRTY
            self._dirty.append(self._owner)
        self.chunks.append(lines)
        self.bytes += len(lines)

    def take(self) -> bytes:
        """All that waits, joined; it still counts until `sent`."""
        self.due = IDLE
        chunks, self.chunks = self.chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def caught_up(self) -> dict[str, int]:
        """What was missed, to be told now; empty where nothing was or too much still waits."""
        return {} if self.bytes > self.bytes_max // 2 else self.missed()

    def missed(self) -> dict[str, int]:
        """What was missed, to be told now however much waits."""
        lagged, self.lagged = self.lagged, None
        return lagged or {}

    def clear(self) -> None:
        """Drop everything: nobody is left to read it."""
        self.chunks, self.unsent, self.lagged, self.bytes = [], None, None, 0
        self.due = IDLE

    def _refuses(self, lines: bytes, conversation: str, seq: int) -> bool:
        """Whether events that come behind what is unsent are missed, which is marked."""
        if self.closed:
            return True
        if self.lagged is None and self.bytes + len(lines) <= self.bytes_max:
            return False
        self._miss(conversation, seq)
        self.dropped += lines.count(b"\n")
        return True

    def _miss(self, conversation: str, seq: int) -> None:
        if self.lagged is None:
            self.lagged = {}
        if conversation:
            self.lagged.setdefault(conversation, seq - 1)
