"""argon2id and zxcvbn in threads, as many at a time as there are cores, behind a bounded queue.

A permit is held until the work is really done, also when the client is gone: a cancelled wait that
freed it early would let a flood through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from chatd.protocol.errors import ChatError, Code
from chatd.security.passwords import Hasher, weakness

T = TypeVar("T")


class PasswordThreads:
    """`chat.ports.Passwords` over a `Hasher`."""

    def __init__(self, hasher: Hasher, threads: int, queue_max: int) -> None:
        self.hasher = hasher
        self.queue_max = queue_max
        self._hashing = trio.CapacityLimiter(threads)
        self._scoring = trio.CapacityLimiter(1)  # zxcvbn is not thread-safe, and holds the GIL
        self._turns: dict[Hashable, trio.Lock] = {}

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[None]:
        lock = self._turns.setdefault(key, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            waiting = lock.statistics()
            if not waiting.locked and not waiting.tasks_waiting:
                self._turns.pop(key, None)

    async def hash(self, secret: str) -> str:
        return await self._run(self._hashing, self.hasher.hash, secret)

    async def verify(self, secret: str, hashed: str | None) -> bool:
        known = hashed or self.hasher.decoy
        right = await self._run(self._hashing, self.hasher.verify, secret, known)
        return right and hashed is not None

    async def rehashed(self, secret: str, hashed: str) -> str | None:
        if not self.hasher.needs_rehash(hashed):
            return None
        return await self.hash(secret)

    async def weakness(self, secret: str, user: str) -> str | None:
        return await self._run(self._scoring, weakness, secret, user)

    async def _run(
        self, limiter: trio.CapacityLimiter, work: Callable[..., T], *arguments: str
    ) -> T:
        if limiter.statistics().tasks_waiting >= self.queue_max:
            raise ChatError(Code.RATE_LIMITED, "1 second to wait. Too many log-ins at this moment.")
        return await trio.to_thread.run_sync(work, *arguments, limiter=limiter)
