"""Waits for many sockets, to the microsecond."""

from __future__ import annotations

import select
from typing import Self

READ = select.EPOLLIN
WRITE = select.EPOLLOUT


class Watch:
    """An epoll descriptor that is waited for by `select`: it rounds to whole milliseconds itself.

    Make it before there are many sockets, because `select` takes low descriptors only.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()

    def add(self, descriptor: int) -> None:
        """Wait for its input."""
        self._epoll.register(descriptor, READ)

    def writing(self, descriptor: int, wanted: bool) -> None:
        """Wait until it takes output too, or no longer."""
        self._epoll.modify(descriptor, READ | (WRITE if wanted else 0))

    def remove(self, descriptor: int) -> None:
        """No longer."""
        self._epoll.unregister(descriptor)

    def ready(self, seconds_max: float) -> list[tuple[int, int]]:
        """Descriptors and what they are ready for; waits if there are none."""
        found = self._epoll.poll(0)
        if found or seconds_max <= 0:
            return found
        select.select([self._epoll], [], [], seconds_max)
        return self._epoll.poll(0)
