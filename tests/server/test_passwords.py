"""Password hashing in threads: a bounded queue, and permits held until the work is done."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from threading import Event as ThreadEvent
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from chatd.protocol.errors import ChatError, Code
from chatd.security.passwords import MALFORMED, Hasher
from chatd.server.passwords import NICENESS, PasswordThreads

PATIENCE_SECONDS = 20


class Held(Hasher):
    """A real hasher that waits for a signal in each `hash`, and counts how many have begun."""

    __slots__ = ("begun", "go_on")

    def __init__(self) -> None:
        self.go_on = ThreadEvent()
        self.go_on.set()
        self.begun = 0
        super().__init__(8, 1, 1)
        self.begun = 0

    def hash(self, secret: str) -> str:
        self.begun += 1
        assert self.go_on.wait(PATIENCE_SECONDS)
        return super().hash(secret)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so that a thread sees to."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not true():
            await trio.lowlevel.checkpoint()


async def test_who_comes_when_the_queue_is_full_is_told_at_once() -> None:
    hasher = Held()
    passwords = PasswordThreads(hasher, threads=1, queue_max=2)
    hasher.go_on.clear()
    async with trio.open_nursery() as nursery:
        for _ in range(3):  # one at work, two wait
            nursery.start_soon(passwords.hash, "a secret")
        await until(lambda: hasher.begun == 1)
        await wait_all_tasks_blocked()
        with pytest.raises(ChatError) as told:
            await passwords.verify("a secret", None)
        hasher.go_on.set()
    assert told.value.code is Code.RATE_LIMITED
    assert told.value.sentence.split()[0].isdigit()
    assert (await passwords.hash("a secret")).startswith("$argon2id$")


async def test_a_permit_is_held_until_the_work_is_done_also_when_nobody_waits() -> None:
    hasher = Held()
    passwords = PasswordThreads(hasher, threads=1, queue_max=10)
    hasher.go_on.clear()
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def gone() -> None:
            with scope:
                await passwords.hash("of a client that is gone")

        nursery.start_soon(gone)
        await until(lambda: hasher.begun == 1)
        nursery.start_soon(passwords.hash, "of another")
        scope.cancel()
        await wait_all_tasks_blocked(0.01)
        assert hasher.begun == 1
        hasher.go_on.set()
        await until(lambda: hasher.begun == 2)


async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    hasher = Held()
    passwords = PasswordThreads(hasher, threads=1, queue_max=1)
    hasher.go_on.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(passwords.hash, "at work")
        await until(lambda: hasher.begun == 1)
        with trio.move_on_after(0):
            await passwords.hash("gives up")
        nursery.start_soon(passwords.hash, "waits in its place")
        await wait_all_tasks_blocked()
        hasher.go_on.set()
    assert hasher.begun == 2


async def test_right_wrong_and_unknown() -> None:
    passwords = PasswordThreads(Hasher(8, 1, 1), 2, 10)
    hashed = await passwords.hash("right")
    assert await passwords.verify("right", hashed)
    assert not await passwords.verify("wrong", hashed)
    assert not await passwords.verify("right", None)
    with pytest.raises(MALFORMED):
        await passwords.verify("right", "no hash")


async def test_a_hash_of_other_parameters_is_made_anew() -> None:
    passwords = PasswordThreads(Hasher(8, 1, 1), 2, 10)
    hashed = await passwords.hash("secret")
    assert await passwords.rehashed("secret", hashed) is None
    passwords.hasher = Hasher(16, 1, 1)
    anew = await passwords.rehashed("secret", hashed)
    assert anew is not None and anew != hashed
    assert await passwords.verify("secret", anew)


async def test_a_weak_secret_is_explained() -> None:
    passwords = PasswordThreads(Hasher(8, 1, 1), 2, 10)
    assert await passwords.weakness("password", "alice") is not None
    assert await passwords.weakness("correct horse battery", "alice") is None


async def gather(*waits: Callable[[], Awaitable[Any]]) -> None:
    async with trio.open_nursery() as nursery:
        for wait in waits:
            nursery.start_soon(wait)


async def test_a_key_has_one_turn_at_a_time_and_leaves_no_trace() -> None:
    passwords = PasswordThreads(Hasher(8, 1, 1), 2, 10)
    log: list[str] = []

    def turn(key: str, name: str) -> Callable[[], Awaitable[None]]:
        async def take() -> None:
            async with passwords.turn(key):
                log.append(f"{name} in")
                await wait_all_tasks_blocked()
                log.append(f"{name} out")

        return take

    await gather(turn("a", "one"), turn("a", "two"), turn("a", "three"))
    assert [word.split()[1] for word in log] == ["in", "out"] * 3
    log.clear()
    await gather(turn("a", "one"), turn("b", "two"))
    assert [word.split()[1] for word in log] == ["in", "in", "out", "out"]
    assert vars(passwords)["_turns"] == {}


async def test_who_gives_up_its_turn_leaves_no_trace() -> None:
    passwords = PasswordThreads(Hasher(8, 1, 1), 2, 10)
    async with passwords.turn("a"):
        with trio.move_on_after(0):
            async with passwords.turn("a"):
                pytest.fail("two at once")
        with trio.move_on_after(0) as again:
            async with passwords.turn("a"):
                pytest.fail("two at once")
        assert again.cancelled_caught
    assert vars(passwords)["_turns"] == {}


async def test_only_the_threads_that_hash_are_nice() -> None:
    niceness: list[int] = []

    class Noting(Hasher):
        def hash(self, secret: str) -> str:
            niceness.append(os.getpriority(os.PRIO_PROCESS, 0))
            return super().hash(secret)

    passwords = PasswordThreads(Noting(8, 1, 1), 1, 10)
    await passwords.hash("secret")
    ours, theirs = niceness  # the decoy is made in this thread
    assert theirs == min(ours + NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == ours


async def test_who_is_cancelled_waits_for_what_has_begun() -> None:
    hasher = Held()
    passwords = PasswordThreads(hasher, threads=1, queue_max=1)
    hasher.go_on.clear()
    ended: list[str] = []

    async def gone() -> None:
        try:
            await passwords.hash("of a client that is gone")
        finally:
            ended.append("gone")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(gone)
        await until(lambda: hasher.begun == 1)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await wait_all_tasks_blocked(0.01)
        assert not ended
        hasher.go_on.set()
    assert ended
    assert (await passwords.hash("of another")).startswith("$argon2id$")


async def test_it_tells_how_many_wait_and_how_long_hashing_took() -> None:
    hasher = Held()
    passwords = PasswordThreads(hasher, threads=1, queue_max=2)
    hasher.go_on.clear()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(passwords.hash, "secret")
        await until(lambda: hasher.begun == 1)
        await until(lambda: passwords.waiting == 2)
        assert sum(passwords.seconds.counts) == 0
        hasher.go_on.set()
    assert passwords.waiting == 0
    assert sum(passwords.seconds.counts) == 3
