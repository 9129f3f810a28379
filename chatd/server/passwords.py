"""argon2id and zxcvbn in threads, as many at a time as there are cores, behind a bounded queue.

A permit is held until the work is really done, also when the client is gone: a cancelled wait that
freed it early would let a flood through.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
import trio

from chatd.protocol.errors import ChatError, Code
from chatd.security.passwords import Hasher, weakness

T = TypeVar("T")

_log = structlog.get_logger()

NICER = 10
NICE_MAX = 19


class PasswordThreads:
    """`chat.ports.Passwords` over a `Hasher`."""

    def __init__(self, hasher: Hasher, threads: int, queue_max: int) -> None:
        self.hasher = hasher
        self.queue_max = queue_max
        self._hashing = trio.CapacityLimiter(threads)
        self._threads = ThreadPoolExecutor(threads, "argon2", initializer=_give_way)
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
        return await self._hash(self.hasher.hash, secret)

    async def verify(self, secret: str, hashed: str | None) -> bool:
        known = hashed or self.hasher.decoy
        right = await self._hash(self.hasher.verify, secret, known)
        return right and hashed is not None

    async def rehashed(self, secret: str, hashed: str) -> str | None:
        if not self.hasher.needs_rehash(hashed):
            return None
        return await self.hash(secret)

    async def weakness(self, secret: str, user: str) -> str | None:
        self._check_queue(self._scoring)
        return await trio.to_thread.run_sync(weakness, secret, user, limiter=self._scoring)

    async def _hash(self, work: Callable[..., T], *arguments: str) -> T:
        """In a thread of our own: trio's serve everybody, and must not give way."""
        self._check_queue(self._hashing)
        async with self._hashing:
            done, token = trio.Event(), trio.lowlevel.current_trio_token()
            future = self._threads.submit(work, *arguments)
            future.add_done_callback(lambda _: token.run_sync_soon(done.set))
            with trio.CancelScope(shield=True):
                await done.wait()
            return future.result()

    def _check_queue(self, limiter: trio.CapacityLimiter) -> None:
        if limiter.statistics().tasks_waiting >= self.queue_max:
            raise ChatError(Code.RATE_LIMITED, "1 second to wait. Too many log-ins at this moment.")


def _give_way() -> None:
    """Run after whoever else wants the core, so that messages go before log-ins. It is no more than
    niceness: a thread that never ran while others are busy could not let go of the interpreter."""
    thread = threading.get_native_id()
    try:
        nice = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(nice + NICER, NICE_MAX))
    except OSError as error:  # a sandbox may forbid it
        _log.warning("log-ins do not give way to messages", problem=str(error))
