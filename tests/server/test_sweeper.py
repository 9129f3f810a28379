"""What time demands, on a clock that jumps."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from chatd.chat.changes import Change
from chatd.chat.ports import Unavailable
from chatd.protocol.errors import Code
from chatd.protocol.lifecycle import State
from chatd.server.sweeper import (
    GOODBYE_SECONDS_MAX,
    LINGER_SECONDS_MAX,
    SESSIONS_SWEEP_SECONDS,
    TIDY_SECONDS,
    Sweeper,
    unanswered,
)
from tests.chat.harness import SECRET, Client, World, serving


@asynccontextmanager
async def swept(folder: Path) -> AsyncIterator[World]:
    """A server whose time-outs are 60, 600 and, where it is sealed, 300 seconds."""
    async with serving(folder) as world, trio.open_nursery() as nursery:
        nursery.start_soon(Sweeper(world.chat, world.reactor, world.store, 60, 600, 300).run)
        await world.rest()
        yield world
        nursery.cancel_scope.cancel()


async def jump(world: World, clock: MockClock, seconds: float) -> None:
    """Let time pass, second by second."""
    for _ in range(int(seconds)):
        clock.jump(1)
        await world.rest()


def left(client: Client) -> list[str]:
    """The goodbyes a client was told."""
    client.receive()
    return ["|".join(line.split("|")[:2]) for line in client.lines if line.startswith("*BYE")]


async def test_who_says_nothing_is_let_go_after_a_minute(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with swept(tmp_path) as world:
        silent, half = world.connect(), world.connect()
        await jump(world, mock_clock, 30)
        half.sock.send(b"PING|half a line")
        await jump(world, mock_clock, 28)
        assert left(silent) == left(half) == []
        await jump(world, mock_clock, 3)
        assert left(silent) == left(half) == ["*BYE|TIMEOUT"]


async def test_who_talks_and_does_not_log_in_is_let_go_after_ten_minutes(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with swept(tmp_path) as world:
        talker = world.connect()
        for _ in range(11):
            await jump(world, mock_clock, 54)
            assert await world.ask(talker, "PING|x") == ["PING|SUCCESS|x"]
        await jump(world, mock_clock, 7)
        assert left(talker) == ["*BYE|TIMEOUT"]


async def test_who_is_logged_in_may_stay_quiet(tmp_path: Path, mock_clock: MockClock) -> None:
    async with swept(tmp_path) as world:
        alice = await world.login("alice")
        await jump(world, mock_clock, 700)
        assert left(alice) == []
        assert (await world.ask(alice, "WHOAMI"))[0].startswith("WHOAMI|SUCCESS|alice|")


@pytest.mark.parametrize("ends", ["LOGOUT", f"ERASE|{SECRET}"])
async def test_after_a_log_out_the_connection_is_as_new(
    tmp_path: Path, mock_clock: MockClock, ends: str
) -> None:
    async with swept(tmp_path) as world:
        alice = await world.login("alice")
        await jump(world, mock_clock, 700)
        await world.ask(alice, ends)
        await jump(world, mock_clock, 55)
        assert left(alice) == []
        await jump(world, mock_clock, 6)
        assert left(alice) == ["*BYE|TIMEOUT"]


async def test_who_waits_for_the_server_is_not_let_go(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with swept(tmp_path) as world:
        client = world.connect()
        world.store.hold()
        client.send(f"REGISTER|alice|{SECRET}", f"AUTH|alice|{SECRET}")
        await world.rest()
        await jump(world, mock_clock, 65)
        assert left(client) == []
        world.store.let_go()
        await world.rest()
        assert [line.split("|")[1] for line in client.news()] == ["SUCCESS", "SUCCESS"]


async def test_a_goodbye_that_nobody_reads_waits_for_some_time(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with swept(tmp_path) as world:
        client = world.connect()
        client.connection.put(b"x" * 1_000_000 + b"\n")
        client.connection.goodbye(Code.QUIT, "Goodbye.")
        await world.reactor.flush()
        await jump(world, mock_clock, GOODBYE_SECONDS_MAX)
        assert client.where() is State.CLOSING
        await jump(world, mock_clock, 2)
        assert client.where() is State.CLOSED
        assert world.reactor.connections == {}


async def test_after_its_goodbye_a_connection_lingers_however_long_that_took(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with swept(tmp_path) as world:
        client = world.connect()
        client.connection.put(b"x" * 1_000_000 + b"\n")
        client.connection.goodbye(Code.QUIT, "Goodbye.")
        await world.reactor.flush()
        await jump(world, mock_clock, GOODBYE_SECONDS_MAX - 3)
        while not client.ended:
            client.receive()
            await world.rest()
        assert client.where() is State.LINGERING
        await jump(world, mock_clock, LINGER_SECONDS_MAX)
        assert client.where() is State.LINGERING
        await jump(world, mock_clock, 2)
        assert client.where() is State.CLOSED


async def test_a_session_that_is_connected_is_in_use(tmp_path: Path, mock_clock: MockClock) -> None:
    async with swept(tmp_path) as world:
        alice = await world.login("alice")
        session = alice.connection.session
        assert session is not None
        session.used_ms -= 2 * 3_600_000
        before_ms = session.used_ms
        mock_clock.jump(SESSIONS_SWEEP_SECONDS + 1)
        await world.rest()
        stored = await world.store.session_listed(1, session.public_id)
        assert stored is not None and stored.used_ms > before_ms + 3_600_000


async def test_a_store_that_cannot_be_tidied_is_tried_again(
    tmp_path: Path, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with swept(tmp_path) as world:
        tries: list[int] = []

        async def failing(now_ms: int) -> None:
            tries.append(now_ms)
            raise Unavailable("FullError: database or disk is full")

        monkeypatch.setattr(world.store, "tidy", failing)
        for _ in range(2):
            mock_clock.jump(TIDY_SECONDS + 1)
            await world.rest()
        assert len(tries) == 2


async def test_tidying_goes_on_beside_commits(tmp_path: Path, mock_clock: MockClock) -> None:
    async with swept(tmp_path) as world:
        alice = await world.login("alice")
        await world.ask(alice, "JOIN|#gone", "MSG|#gone|hi", "LEAVE|#gone")
        mock_clock.jump(TIDY_SECONDS + 1)
        await world.rest()
        changes: list[Change] = []
        await world.store.commit(changes)  # waits for its turn behind the tidying
        lines = await world.ask(alice, "JOIN|#gone", "HISTORY|#gone")
        assert lines == ["JOIN|SUCCESS|#gone|0|1", "HISTORY|SUCCESS|0"]


def test_a_peer_that_answers_owes_nothing() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert not unanswered(here)
    door = socket.create_server(("127.0.0.1", 0))
    with door, socket.create_connection(door.getsockname()) as client:
        sock, _ = door.accept()
        with sock:
            sock.send(b"hello")
            assert client.recv(5) == b"hello"
            assert not unanswered(sock)
