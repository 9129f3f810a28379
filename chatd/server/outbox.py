"""What a connection has yet to be sent, bounded."""

from __future__ import annotations

from collections.abc import Callable


class Outbox:
    """Bytes on their way to one connection. `bytes` counts them all.

    Replies are always taken, since reading from the connection pauses while they pile up. Once the
    kernel takes no more, events past `bytes_max` are dropped until half of it has left; `lagged`
    tells, by conversation, after which seq. (Between two flushes one batch of the ledger is all
    that can come, so whoever reads misses nothing.)
    """

    __slots__ = ("_dirty", "bytes", "bytes_max", "chunks", "lagged", "unsent")

    def __init__(self, bytes_max: int, dirty: Callable[[], None]) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self.chunks: list[bytes] = []
        self.unsent: memoryview | None = None  # joined, and only begun to be sent
        self.lagged: dict[str, int] | None = None
        self._dirty = dirty

    def put(self, data: bytes) -> None:
        """Add what must not be lost."""
        if not self.chunks:
            self._dirty()
        self.chunks.append(data)
        self.bytes += len(data)

    def deliver(self, lines: bytes, conversation: str, seq: int) -> None:
        """Add events of a conversation, the first at `seq`, unless too much waits already."""
        full = self.unsent is not None and self.bytes + len(lines) > self.bytes_max
        if full or self.lagged is not None:
            self._miss(conversation, seq)
            return
        if not self.chunks:
            self._dirty()
        self.chunks.append(lines)
        self.bytes += len(lines)

    def take(self) -> bytes:
        """All that waits, joined; it still counts until `sent`."""
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

    def _miss(self, conversation: str, seq: int) -> None:
        if self.lagged is None:
            self.lagged = {}
        if conversation:
            self.lagged.setdefault(conversation, seq - 1)
