"""argon2id and zxcvbn in threads, as many at a time as there are cores, behind a bounded queue.

A thread is taken until the work is really done, also when the client is gone: a cancelled wait that
freed it early would let a flood through. Hashing has threads of its own that take from their queue
by themselves, so that no core waits for the loop between two hashes. They are nice: on a core that
they share, whoever carries messages goes first.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, TypeVar

import trio

from chatd.chat.counts import Histogram
from chatd.protocol.errors import ChatError, Code
from chatd.security.passwords import Hasher, weakness

NICENESS = 10
"""Of the hashing threads. Beside a busy program a tenth of a core is left to them: were they nicer,
log-ins would take seconds there, and one that waits while it holds the interpreter stops us all."""
HASHING_SECONDS_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

T = TypeVar("T")


class PasswordThreads:
    """`chat.ports.Passwords` over a `Hasher`. `seconds` tells how long hashing took, without the
    wait for a thread."""

    def __init__(self, hasher: Hasher, threads: int, queue_max: int) -> None:
        self.hasher = hasher
        self.queue_max = queue_max
        self.seconds = Histogram(*HASHING_SECONDS_BOUNDS)
        self._hashing = ThreadPoolExecutor(threads, "hashing", os.nice, (NICENESS,))
        self._threads = threads
        self._under_way = 0  # at work or waiting for it
        self._scoring = trio.CapacityLimiter(1)  # zxcvbn is not thread-safe, and holds the GIL
        self._turns: dict[Hashable, trio.Lock] = {}

    @property
    def waiting(self) -> int:
        """How many secrets wait for a thread to hash them."""
        return max(0, self._under_way - self._threads)

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
        return await self._hashed(self.hasher.hash, secret)

    async def verify(self, secret: str, hashed: str | None) -> bool:
        known = hashed or self.hasher.decoy
        right = await self._hashed(self.hasher.verify, secret, known)
        return right and bool(hashed)

    async def rehashed(self, secret: str, hashed: str) -> str | None:
        if not self.hasher.needs_rehash(hashed):
            return None
        return await self.hash(secret)

    async def weakness(self, secret: str, user: str) -> str | None:
        if self._scoring.statistics().tasks_waiting >= self.queue_max:
            raise _too_many()
        return await trio.to_thread.run_sync(weakness, secret, user, limiter=self._scoring)

    async def _hashed(self, work: Callable[..., T], *arguments: str) -> T:
        if self._under_way >= self._threads + self.queue_max:
            raise _too_many()
        self._under_way += 1
        took_seconds: list[float] = []  # the threads must not count: that is for this one
        try:
            return await _in_pool(self._hashing, _timed, took_seconds, work, *arguments)
        finally:
            self._under_way -= 1
            for seconds in took_seconds:
                self.seconds.observe(seconds)


def _timed(took_seconds: list[float], work: Callable[..., T], *arguments: str) -> T:
    begun = perf_counter()
    done = work(*arguments)
    took_seconds.append(perf_counter() - begun)
    return done


def _too_many() -> ChatError:
    """A new one each time: what is raised again keeps the frames of every time before."""
    return ChatError(Code.RATE_LIMITED, "1 second to wait. Too many log-ins at this moment.")


async def _in_pool(pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> T:
    """Who is cancelled leaves the queue; what has begun is waited for."""
    token, done = trio.lowlevel.current_trio_token(), trio.Event()
    future = pool.submit(work, *arguments)
    future.add_done_callback(lambda _: token.run_sync_soon(done.set))
    try:
        await done.wait()
    except trio.Cancelled:
        if not future.cancel():
            with trio.CancelScope(shield=True):
                await done.wait()
        raise
    return future.result()
