"""Pairs that exchange messages at a modest rate, and others that log in meanwhile: how long do
messages take?"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .storm import PATIENCE_SECONDS, READ_BYTES_MAX, Unanswered, connect

SECRET = "correct horse battery"
PAIRS = 10
MESSAGES_PER_SECOND = 50
LOGINS_UNDER_WAY = 16


def ask(sock: socket.socket, request: str, want: bytes) -> bytes:
    """Send a request and wait for the line that answers it."""
    sock.settimeout(PATIENCE_SECONDS)
    sock.sendall(request.encode())
    came = b""
    while want not in came:
        new = sock.recv(READ_BYTES_MAX)
        if not new or b"|FAILURE|" in new:
            raise Unanswered((came + new).decode())
        came += new
    return came


def logged_in(port: int, user: str) -> socket.socket:
    """A connection of a new account."""
    sock = connect(port)
    ask(sock, f"REGISTER|{user}|{SECRET}\nAUTH|{user}|{SECRET}\nPING|in\n", b"PING|SUCCESS|in\n")
    return sock


@dataclass
class Talk:
    """`speakers` write to the listener of the same place. Whoever logs in does so with a
    connection of its own, and leaves; `log_in` sends the request of the next."""

    speakers: list[socket.socket]
    listeners: list[socket.socket]
    log_in: Callable[[], socket.socket]
    latencies_ms: list[float] = field(default_factory=list)
    logins: int = 0
    _epoll: select.epoll = field(default_factory=select.epoll)
    _open: dict[int, socket.socket] = field(default_factory=dict)

    def run(self, seconds: float, under_way: int) -> None:
        """Talk for so long, with so many log-ins at once."""
        for sock in [*self.speakers, *self.listeners]:
            self._watch(sock)
        waiting = {self._watch(self.log_in()) for _ in range(under_way)}
        begun = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - begun) < seconds:
            if passed * MESSAGES_PER_SECOND >= sent:
                pair = sent % len(self.speakers)
                self.speakers[pair].send(f"MSG|listener{pair}|{time.monotonic_ns()}\n".encode())
                sent += 1
            for descriptor, _ in self._epoll.poll(0.001):
                if descriptor in waiting:
                    self._logged_in(descriptor, waiting)
                else:
                    self._heard(self._open[descriptor])
        for descriptor in waiting:
            self._open.pop(descriptor).close()
        self._epoll.close()

    def _watch(self, sock: socket.socket) -> int:
        descriptor = sock.fileno()
        self._open[descriptor] = sock
        self._epoll.register(descriptor, select.EPOLLIN)
        return descriptor

    def _heard(self, sock: socket.socket) -> None:
        data = sock.recv(READ_BYTES_MAX)
        now = time.monotonic_ns()
        for line in data.splitlines():
            if line.startswith(b"*MSG|"):
                self.latencies_ms.append((now - int(line.rpartition(b"|")[2])) / 1e6)

    def _logged_in(self, descriptor: int, waiting: set[int]) -> None:
        sock = self._open[descriptor]
        data = sock.recv(READ_BYTES_MAX)
        if b"AUTH|SUCCESS|" not in data:
            if not data or b"|FAILURE|" in data:
                raise Unanswered(data.decode())
            return
        waiting.remove(descriptor)
        self._open.pop(descriptor).close()
        self.logins += 1
        waiting.add(self._watch(self.log_in()))
