"""One connection of many, logged in already: its socket, and what it has under way."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

RECEIVE_BYTES_MAX = 262_144
DUE_DIGITS = 10
"""In a message stands when it was due, in µs: up to three hours."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A room to send to: what stands before the time in each message and what behind it, and how
    often one is delivered."""

    head: bytes
    tail: bytes
    deliveries: int

    def line(self, due_us: int) -> bytes:
        """A message that was due at this time."""
        return b"%b%0*d%b" % (self.head, DUE_DIGITS, due_us, self.tail)


def aim_at(room: str, mark: str, payload_bytes: int, deliveries: int) -> Aim:
    """Messages of so many bytes, which begin with `mark`."""
    filling = payload_bytes - len(mark) - DUE_DIGITS
    return Aim(f"MSG|{room}|{mark}".encode(), b"x" * filling + b"\n", deliveries)


class Peer:
    """A connection. It sends to its aims in turn; one that only listens has none."""

    __slots__ = ("_part", "aims", "due", "fd", "in_flight", "number", "place", "sock", "unsent")

    def __init__(self, sock: socket.socket, aims: Sequence[Aim] = (), place: int = 0) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.aims = aims
        self.place = place
        """Which of the senders it is."""
        self.due = 0
        """How many messages it is to send as soon as its window allows."""
        self.number = 0
        """How many it has sent."""
        self.in_flight: deque[tuple[int, int]] = deque()
        """Of each message without an answer: when it was due, and its deliveries."""
        self.unsent = b""
        self._part = b""  # of a line

    def receive(self) -> bytes:
        """The lines that have come, whole; empty if there are none yet. OSError at the end."""
        try:
            data = self.sock.recv(RECEIVE_BYTES_MAX)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionResetError
        if self._part:
            data = self._part + data
        end = data.rfind(b"\n") + 1
        self._part = data[end:]
        return data[:end]

    def post(self, dues_us: Sequence[int]) -> None:
        """Send a message for each of these times. OSError."""
        lines = []
        for due_us in dues_us:
            aim = self.aims[self.number % len(self.aims)]
            self.number += 1
            self.in_flight.append((due_us, aim.deliveries))
            lines.append(aim.line(due_us))
        self.send(b"".join(lines))

    def send(self, data: bytes = b"") -> None:
        """Send this after what is `unsent`; what the kernel does not take stays so. OSError."""
        data = self.unsent + data
        try:
            sent = self.sock.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        self.unsent = data[sent:]
