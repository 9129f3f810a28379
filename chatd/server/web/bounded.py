"""A connection of a web client, bounded: in what it may send, and in how long it may take."""

from __future__ import annotations

from collections.abc import Callable

import trio

INPUT_BYTES_MAX = 65_536
"""Of one connection, which is one request: its head (hypercorn takes 16 KiB) and its body."""
READ_BYTES_MAX = 4_096
"""At a time: whether a head is too long is judged between two reads."""
SEND_SECONDS_MAX = 10
"""For one piece of a response. All that is told here fits into the kernel's buffer, so that only
who takes nothing at all is waited for."""
HEAD_END = b"\r\n\r\n"
BODILESS = b"GET ", b"HEAD "
"""Requests that are all head."""


class BoundedStream:
    """A `trio.SocketStream` for hypercorn, which takes it for a bare one: it has no handshake.
    `closed` is called at its end, for hypercorn goes on waiting for what may come next."""

    def __init__(self, stream: trio.SocketStream, closed: Callable[[], None]) -> None:
        self.socket = stream.socket
        self._stream = stream
        self._closed = closed
        self._left = INPUT_BYTES_MAX
        self._head = b""
        self._asked = False  # what a GET says has come, and nothing behind it counts

    async def receive_some(self, max_bytes: int) -> bytes:
        """b"" at the end, or when it was too much."""
        while data := await self._received(max_bytes):
            if not self._asked:
                return self._first(data)
        return b""

    async def _received(self, max_bytes: int) -> bytes:
        if not self._left:
            return b""
        data = bytes(await self._stream.receive_some(min(max_bytes, self._left, READ_BYTES_MAX)))
        self._left -= len(data)
        return data

    def _first(self, data: bytes) -> bytes:
        """`data` without what follows a GET's head: of a second request hypercorn would take notice
        before it has answered the first, and close."""
        known = len(self._head)
        self._head = (self._head + data)[: INPUT_BYTES_MAX + 1]
        end = self._head.find(HEAD_END, max(0, known - len(HEAD_END)))
        if end < 0 or not self._head.startswith(BODILESS):
            return data
        self._asked = True
        return data[: end + len(HEAD_END) - known]

    async def send_all(self, data: bytes) -> None:
        """trio.BrokenResourceError where the other end is gone or does not read. (Hypercorn shields
        this from being cancelled, so it needs an end of its own.)"""
        with trio.move_on_after(SEND_SECONDS_MAX) as scope:
            await self._stream.send_all(data)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("it does not read")

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()
        self._closed()
