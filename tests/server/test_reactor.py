"""The reactor: whose turn it is, and that nobody's input or silence costs the others anything."""

from __future__ import annotations

import socket
from pathlib import Path

import trio
from trio.testing import wait_all_tasks_blocked

from chatd.protocol.lifecycle import State
from chatd.server.codecs import Plain
from chatd.server.connection import READ_BYTES_MAX, REPLY_BYTES_MAX, Connection
from chatd.server.reactor import CROWD
from tests.chat.harness import Client, World, heads, serving

PATIENCE_SECONDS = 20


class Refilling(Plain):
    """A codec that sees to it that more input waits whenever some was read, `times` over."""

    def __init__(self, data: bytes, times: int) -> None:
        self.peer: socket.socket
        self.times = times
        self._data = data

    def receive(self, data: bytes) -> bytes:
        if self.times:
            self.times -= 1
            self.refill()
        return data

    def refill(self) -> None:
        """Send until the kernel takes no more."""
        try:
            while True:
                self.peer.send(self._data)
        except BlockingIOError:
            return


def flooding(world: World, line: bytes, times: int) -> tuple[Client, Refilling]:
    """A client that sends as fast as it is read."""
    codec = Refilling(line * (READ_BYTES_MAX // len(line)), times)
    client = world.connect(codec=codec)
    codec.peer = client.sock
    return client, codec


async def answered(world: World, client: Client, line: str) -> None:
    """Send a line and wait until it was answered."""
    client.news()
    client.send(line)
    with trio.fail_after(PATIENCE_SECONDS):
        while not client.news():
            await trio.lowlevel.checkpoint()


async def test_who_floods_after_goodbye_costs_others_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        other = world.connect()
        client, codec = flooding(world, b"x" * 63 + b"\n", times=2_000)
        client.send("QUIT")
        await wait_all_tasks_blocked()
        assert client.connection.state is State.LINGERING
        codec.times = 2_000
        codec.refill()
        await answered(world, other, "PING|still here?")
        assert codec.times > 1_900


async def test_who_sends_without_pause_gets_one_turn_like_everybody(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        steady, once = world.connect(), world.connect()
        turns: list[Client] = []
        carry_on = world.reactor.carry_on

        def noted(connection: Connection) -> None:
            client = steady if connection is steady.connection else once
            turns.append(client)
            client.receive()
            if client is steady and len(turns) < 500:
                client.send("X")  # so that its socket is ready again in each turn
            carry_on(connection)

        world.reactor.carry_on = noted
        steady.send(*["X"] * 30_000)
        once.send(*["X"] * 10_000)
        await world.rest()
        between = "".join("s" if client is steady else "o" for client in turns).split("o")
        assert len(between) > 30
        assert max(map(len, between[:30])) <= 2


async def test_a_burst_is_carried_out_in_turns(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        one, other = world.connect(), world.connect()
        await world.rest()
        one.send(*["PING|one"] * 1_000)
        other.send("PING|other")
        with trio.fail_after(PATIENCE_SECONDS):
            while not other.lines:
                other.receive()
                await trio.lowlevel.checkpoint()
        one.receive()
        assert 0 < len(one.lines) < 1_000
        await world.rest()
        assert one.news() == ["PING|SUCCESS|one"] * 1_000


async def test_a_line_comes_byte_by_byte(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        for byte in b"PING|\xc3\xa9\xe2\x82\xac\nPING|x\n":
            client.sock.send(bytes([byte]))
            await wait_all_tasks_blocked()
        assert client.news() == ["PING|SUCCESS|é€", "PING|SUCCESS|x"]


async def test_nothing_is_read_while_reading_is_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        world.reactor.reading = False
        assert await world.ask(client, "PING|later") == []


async def test_a_door_that_is_no_longer_watched_stays_shut(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        here, there = socket.socketpair()
        with here, there:
            calls: list[bytes] = []
            world.reactor.wakeups.watch(there.fileno(), lambda: calls.append(there.recv(1)))
            here.send(b"a")
            await wait_all_tasks_blocked()
            world.reactor.wakeups.unwatch(there.fileno())
            world.reactor.wakeups.unwatch(there.fileno())
            here.send(b"b")
            await wait_all_tasks_blocked()
            assert calls == [b"a"]


async def test_a_descriptor_that_is_used_again_is_another_connection(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        old = world.connect()
        descriptor = old.connection.fd
        old.send("PING|never read")
        world.reactor.close(old.connection)
        new = world.connect()
        assert new.connection.fd == descriptor
        assert await world.ask(new, "PING|new") == ["PING|SUCCESS|new"]
        assert old.connection.state is State.CLOSED


async def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        world.reactor.close(alice.connection)
        world.reactor.close(alice.connection)
        await world.rest()
        assert world.is_empty()
        assert world.reactor.connections == {}


async def test_drained_waits_for_the_reader(tmp_path: Path) -> None:
    async with serving(tmp_path) as world, trio.open_nursery() as nursery:
        client = world.connect()
        client.connection.put(b"x" * (REPLY_BYTES_MAX + 500_000) + b"\n")
        done: list[str] = []

        async def wait() -> None:
            await world.reactor.drained(client.connection)
            done.append("drained")

        nursery.start_soon(wait)
        await world.reactor.flush()
        await wait_all_tasks_blocked()
        assert done == []
        with trio.fail_after(PATIENCE_SECONDS):
            while not done:
                client.receive()
                await wait_all_tasks_blocked()
        assert client.connection.outbox.bytes <= REPLY_BYTES_MAX


async def test_drained_ends_when_the_connection_does(tmp_path: Path) -> None:
    async with serving(tmp_path) as world, trio.open_nursery() as nursery:
        client = world.connect()
        client.connection.put(b"x" * (REPLY_BYTES_MAX + 500_000) + b"\n")
        nursery.start_soon(world.reactor.drained, client.connection)
        await world.reactor.flush()
        await wait_all_tasks_blocked()
        world.reactor.close(client.connection)
        with trio.fail_after(PATIENCE_SECONDS):
            await world.reactor.drained(client.connection)
        assert not client.connection.alive


async def test_in_a_crowd_acknowledgements_wait_but_not_for_ever(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        clients = [await world.login(f"user{number}") for number in range(CROWD)]
        for number, client in enumerate(clients):
            await world.ask(client, f"JOIN|#room{number}")
        world.store.hold()
        for number, client in enumerate(clients):
            client.send(f"MSG|#room{number}|hi")
        await world.rest()
        world.store.let_go()
        await world.rest()
        assert [heads(client.news()) for client in clients] == [["MSG|SUCCESS"]] * CROWD
        assert world.reactor.later == []
