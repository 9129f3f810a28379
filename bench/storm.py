"""A light client for very many connections: one epoll, and as little as can be done for each."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

READ_BYTES_MAX = 65_536
PATIENCE_SECONDS = 30
DESCRIPTORS_SPARE = 100

_TICKS = os.sysconf("SC_CLK_TCK")
_BUSY = slice(0, 3)  # of /proc/stat: user, nice, system

Start = Callable[[int], socket.socket]
"""Sends the request of that number, and returns the connection that will be answered."""


class Unanswered(Exception):
    """The server refused, or said nothing for too long."""


def connect(port: int, request: bytes = b"") -> socket.socket:
    """A new connection, with a request sent at once."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if request:
        sock.send(request)
    return sock


@dataclass
class Storm:
    """Sends requests, `under_way` of them at once, each on a connection of its own, until each
    was answered with a line that holds `want`. `on_answer` gets the number of the request, its
    connection, and all that came."""

    start: Start
    want: bytes
    on_answer: Callable[[int, socket.socket, bytes], None] | None = None
    _epoll: select.epoll = field(default_factory=select.epoll)
    _asked: dict[int, tuple[int, socket.socket]] = field(default_factory=dict)
    _came: dict[int, bytes] = field(default_factory=dict)

    def run(self, count: int, under_way: int) -> list[socket.socket]:
        """The connections, in the order of their answers; the caller closes them."""
        begun, done = 0, list[socket.socket]()
        while len(done) < count:
            while begun < count and begun - len(done) < under_way:
                self._begin(begun)
                begun += 1
            done += self._answered()
        self._epoll.close()
        return done

    def _begin(self, number: int) -> None:
        sock = self.start(number)
        self._asked[sock.fileno()] = number, sock
        self._epoll.register(sock, select.EPOLLIN)

    def _answered(self) -> Iterator[socket.socket]:
        events = self._epoll.poll(PATIENCE_SECONDS)
        if not events:
            raise Unanswered(f"no answer within {PATIENCE_SECONDS} s")
        for descriptor, _ in events:
            number, sock = self._asked[descriptor]
            new = sock.recv(READ_BYTES_MAX)
            data = self._came.pop(descriptor, b"") + new
            if self.want in data and data.endswith(b"\n"):
                self._epoll.unregister(descriptor)
                if self.on_answer is not None:
                    self.on_answer(number, sock, data)
                yield sock
            elif not new or b"|FAILURE|" in data or b"*BYE|" in data:
                raise Unanswered(data.decode())
            else:
                self._came[descriptor] = data


def cpu_seconds(pid: int) -> float:
    """What a process has used up to now, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def machine_seconds() -> float:
    """What all programs have used up to now."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(ticks) for ticks in fields[_BUSY]) / _TICKS


class Meter:
    """Measures from its making to `stop`: wall clock, CPU of the server, ourselves, others."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = self._now()

    def stop(self, count: int) -> dict[str, float]:
        """For so many requests: their rate, and what each cost the server."""
        wall, server, own, machine = (b - a for a, b in zip(self._began, self._now()))
        return {
            "seconds": round(wall, 3),
            "rate": round(count / wall, 1),
            "server_us": round(server / count * 1e6, 1),
            "server_cpu": round(server / wall, 3),
            "client_cpu": round(own / wall, 3),
            "other_cpu": round(max(0.0, machine - server - own) / wall, 3),
        }

    def _now(self) -> tuple[float, float, float, float]:
        return (
            time.monotonic(),
            cpu_seconds(self._pid),
            time.process_time(),
            machine_seconds(),
        )


@contextmanager
def keeping_to(core: int) -> Iterator[None]:
    """Keep this thread to one core (1: not the server's); programs started within keep to it."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[core % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
