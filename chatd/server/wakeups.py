"""What the reactor waits for: one epoll descriptor of its own, which trio waits for in turn."""

from __future__ import annotations

import math
import os
import select
from collections.abc import Callable

import trio

from .connection import Connection

EVENTS_MAX = 512  # of connections, at one time

GONE = select.EPOLLHUP | select.EPOLLERR
ENDS = select.EPOLLRDHUP | GONE
_EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Wakeups:
    """Connections, registered edge-triggered; doors, which are other descriptors; and an alarm."""

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}
        self.doors: dict[int, Callable[[], None]] = {}
        self._epoll = select.epoll()
        self._alarm = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._asleep = False
        self.watch(self._alarm, self._awake)

    def admit(self, connection: Connection) -> None:
        """A new connection."""
        self.connections[connection.fd] = connection
        self._epoll.register(connection.fd, _EDGES)

    def watch(self, descriptor: int, opened: Callable[[], None]) -> None:
        """Call `opened` whenever a descriptor that is no connection has input."""
        self.doors[descriptor] = opened
        self._epoll.register(descriptor, select.EPOLLIN)

    def unwatch(self, descriptor: int) -> None:
        """No longer; before it is closed."""
        if self.doors.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def ring(self) -> None:
        """Wake the reactor; from any thread."""
        os.eventfd_write(self._alarm, 1)

    def rouse(self) -> None:
        """Wake the reactor; from its own thread."""
        if self._asleep:
            self._asleep = False
            self.ring()

    async def sleep(self, until: float) -> None:
        """Wait until something happens, at the longest `until`, on trio's clock; 0: for ever."""
        self._asleep = True
        try:
            with trio.CancelScope(deadline=until or math.inf):
                await trio.lowlevel.wait_readable(self._epoll.fileno())
        finally:
            self._asleep = False

    def happened(self) -> list[tuple[int, int]]:
        """Descriptors and what happened to them, since the last call."""
        return self._epoll.poll(0, EVENTS_MAX)

    def _awake(self) -> None:
        os.eventfd_read(self._alarm)
