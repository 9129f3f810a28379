"""Lines as they leave byte by byte, and how to know that all have arrived."""

from __future__ import annotations

import fcntl
import socket
import termios
from collections.abc import Iterator

_SINGLY_BYTES_MAX = 400


def pieces(line: bytes) -> Iterator[bytes]:
    """Byte by byte; only the two ends of a very long line, its middle at once."""
    half = _SINGLY_BYTES_MAX // 2
    cut = max(half, len(line) - half)
    for at in range(min(half, len(line))):
        yield line[at : at + 1]
    if middle := line[half:cut]:
        yield middle
    for at in range(cut, len(line)):
        yield line[at : at + 1]


def wait_until_received(sock: socket.socket) -> None:
    """Until the other end's system has all; a reset, as is to close on unread replies, drops it."""
    left = b"1"
    while any(left):
        left = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
