"""Rules in the handlers that take several clients, or a failure, to show."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from chatd.security.passwords import Hasher
from tests.chat.harness import SECRET, World, heads, in_ops, serving


@pytest.mark.parametrize(
    ("setup", "line"),
    [
        ([], "JOIN|#new"),
        ([], "BLOCK|bob"),
        (["BLOCK|bob"], "UNBLOCK|bob"),
        ([], "BAN|#ops|carol"),
        (["BAN|#ops|carol"], "UNBAN|#ops|carol"),
        ([], "INVITE|#ops|carol"),
        ([], "SEND|#ops|id|text"),
        (["SET|#ops|history=no"], "SEND|#ops|id|text"),
    ],
)
async def test_success_never_rests_on_what_may_still_fail(
    tmp_path: Path, setup: list[str], line: str
) -> None:
    async with serving(tmp_path) as world:
        alice, _ = await in_ops(world, "alice", "bob")
        await world.login("carol")
        twin = world.connect()
        await world.ask(twin, f"RESUME|{alice.token}")
        if setup:
            await world.ask(alice, *setup)
        world.store.hold()
        assert await world.ask(alice, line, line) == []
        assert await world.ask(twin, line) == []
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == [f"{line.split('|')[0]}|FAILURE|UNAVAILABLE"] * 2
        assert heads(twin.news(), 3) == [f"{line.split('|')[0]}|FAILURE|UNAVAILABLE"]
        (again,) = await world.ask(alice, line)
        assert again.split("|")[1] == "SUCCESS"
        assert await world.ask(alice, line) == [again]


async def test_a_send_that_failed_is_posted_when_repeated(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        await world.ask(alice, "SET|#ops|history=no")
        world.store.hold()
        alice.send("SEND|#ops|one|text")
        await world.rest()
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == ["SEND|FAILURE|UNAVAILABLE"]
        await world.ask(alice, "SEND|#ops|one|text")
        assert [line.rpartition("|")[2] for line in bob.news()] == ["text"]


async def test_the_senders_other_connection_hears_a_direct_message(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, _ = await in_ops(world, "alice", "bob")
        twin = world.connect()
        await world.ask(twin, f"RESUME|{alice.token}")
        world.store.hold()
        alice.send("MSG|bob|gone already")
        await world.rest()
        alice.sock.close()
        await world.rest()
        world.store.let_go()
        await world.rest()
        assert [line.split("|")[4:] for line in twin.news()] == [["alice", "gone already"]]


class TwoAtOnce:
    """Log-ins that all know the password hash before the first of them is decided."""

    def __init__(self, world: World) -> None:
        self._arrived = 0
        self._both = trio.Event()
        self._rehashed = world.passwords.rehashed

    async def rehashed(self, secret: str, hashed: str) -> str | None:
        self._arrived += 1
        if self._arrived == 2:
            self._both.set()
        await self._both.wait()
        return await self._rehashed(secret, hashed)


async def test_two_may_log_in_at_once_after_the_hashing_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as world:
        await world.login("alice")
        world.passwords.hasher = Hasher(16, 1, 1)
        monkeypatch.setattr(world.passwords, "rehashed", TwoAtOnce(world).rehashed)
        one, two = world.connect(), world.connect()
        one.send(f"AUTH|alice|{SECRET}")
        two.send(f"AUTH|alice|{SECRET}")
        with trio.fail_after(20):
            while not (one.lines and two.lines):
                one.receive()
                two.receive()
                await trio.lowlevel.checkpoint()
        assert heads(one.news()) == heads(two.news()) == ["AUTH|SUCCESS"]


async def test_who_reads_is_not_told_that_it_lags(tmp_path: Path) -> None:
    async with serving(tmp_path, outbox_bytes_max=200_000) as world:
        alice, *others = await in_ops(world, "alice", *(f"user{number}" for number in range(9)))
        alice.news()
        alice.send("MSG|#ops|hi")
        for client in others:
            client.send(f"MSG|#ops|{'x' * 30_000}")
        for _ in range(30):
            await world.rest()
            alice.receive()
        assert heads(alice.news(), 1) == ["MSG", *["*MSG"] * 9]
