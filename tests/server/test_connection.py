"""A connection's life on a real socket pair: goodbyes, ends of input, resets, slow readers."""

from __future__ import annotations

import socket
from pathlib import Path

import trio

from chatd.protocol.errors import Code
from chatd.protocol.lifecycle import State
from tests.chat.harness import Client, World, serving

PATIENCE_SECONDS = 20
TEXT = "x" * 20_000


async def read_to_the_end(world: World, client: Client) -> list[str]:
    """All that comes until the server closes."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not client.ended:
            client.receive()
            await world.rest()
    return client.news()


def narrow(client: Client) -> None:
    """Let the kernel take in little of what is sent to the client."""
    client.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)


async def stalled(world: World) -> tuple[Client, Client]:
    """Alice, who has missed messages in #ops since she does not read; and Bob, who posts."""
    alice, bob = await world.login("alice"), await world.login("bob")
    narrow(alice)
    await world.ask(alice, "JOIN|#ops")
    await world.ask(bob, "JOIN|#ops")
    alice.news()
    for _ in range(12):
        await world.ask(bob, f"MSG|#ops|{TEXT}")
    assert alice.connection.outbox.lagged is not None
    return alice, bob


async def test_what_a_slow_reader_missed_is_told_once_it_reads_on(tmp_path: Path) -> None:
    async with serving(tmp_path, outbox_bytes_max=65_536) as world:
        alice, bob = await stalled(world)
        with trio.fail_after(PATIENCE_SECONDS):
            while alice.connection.outbox.bytes:
                alice.receive()
                await world.rest()
        news = alice.news()
        *seqs, last = [line.split("|") for line in news if not line.startswith("*JOINED")]
        assert [int(seq[2]) for seq in seqs] == list(range(1, len(seqs) + 1))
        assert last == ["*LAG", "#ops", str(len(seqs))]
        await world.ask(bob, "MSG|#ops|live again")
        assert [line.split("|")[2] for line in alice.news()] == ["13"]


async def test_nothing_comes_after_goodbye_not_even_what_was_missed(tmp_path: Path) -> None:
    async with serving(tmp_path, outbox_bytes_max=65_536) as world:
        alice, _ = await stalled(world)
        alice.connection.goodbye(Code.SHUTDOWN, "Bye.")
        lines = await read_to_the_end(world, alice)
        assert lines[-1] == "*BYE|SHUTDOWN|Bye."
        assert sum(line.startswith("*BYE") for line in lines) == 1


async def test_nothing_is_taken_in_after_goodbye(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        connection = client.connection
        connection.goodbye(Code.TIMEOUT, "First.")
        connection.goodbye(Code.SHUTDOWN, "Second.")
        connection.put(b"PING|SUCCESS|\n")
        connection.deliver(b"*MSG|#ops|1|now|bob|hi\n", "#ops", 1)
        await world.reactor.flush()
        await world.rest()
        assert client.news() == ["*BYE|TIMEOUT|First."]


async def test_the_end_of_input_is_not_goodbye(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        bob = await world.login("bob")
        client = world.connect()
        client.send(f"REGISTER|alice|{'correct horse battery'}", "AUTH|alice|correct horse battery")
        client.sock.sendall(b"MSG|bob|a last line without its end")
        client.sock.shutdown(socket.SHUT_WR)
        lines = await read_to_the_end(world, client)
        assert [line.split("|")[:2] for line in lines] == [
            ["REGISTER", "SUCCESS"],
            ["AUTH", "SUCCESS"],
            ["MSG", "SUCCESS"],
            ["*BYE", "EOF"],
        ]
        assert bob.news()[-1].endswith("|alice|a last line without its end")


async def test_a_half_closed_connection_waits_for_the_commit(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        world.store.hold()
        alice.news()
        alice.send("JOIN|#ops", "MSG|#ops|hi")
        alice.sock.shutdown(socket.SHUT_WR)
        await world.rest()
        assert alice.news() == []
        assert alice.where() is State.DRAINING
        world.store.let_go()
        verbs = [line.split("|")[0] for line in await read_to_the_end(world, alice)]
        assert verbs == ["JOIN", "MSG", "*BYE"]


async def test_a_half_closed_connection_is_told_that_it_failed(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        world.store.hold()
        alice.news()
        alice.send("JOIN|#ops", "MSG|#ops|hi")
        alice.sock.shutdown(socket.SHUT_WR)
        await world.rest()
        world.store.fail()
        lines = await read_to_the_end(world, alice)
        assert [line.split("|")[:3] for line in lines[:2]] == [
            ["JOIN", "FAILURE", "UNAVAILABLE"],
            ["MSG", "FAILURE", "UNAVAILABLE"],
        ]
        assert lines[2].startswith("*BYE|EOF|")


async def test_what_came_before_the_peer_vanished_is_carried_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await world.login("alice"), await world.login("bob")
        await world.ask(alice, "JOIN|#ops")
        await world.ask(bob, "JOIN|#ops")
        alice.send(*(f"MSG|#ops|{number}" for number in range(50)), "MSG|#ops|half a")
        alice.sock.close()
        await world.rest()
        assert [line.rpartition("|")[2] for line in bob.news() if "MSG" in line][:50] == [
            str(number) for number in range(50)
        ]
        assert alice.where() is State.CLOSED
        assert alice.connection.fd not in world.reactor.connections
        who = await world.ask(bob, "WHO|#ops")
        assert who == ["WHO|ITEM|alice|owner|offline", "WHO|ITEM|bob|member|online", who[-1]]


async def test_a_peer_that_vanishes_while_it_is_written_to_leaves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, outbox_bytes_max=65_536) as world:
        alice, bob = await stalled(world)
        alice.sock.close()
        await world.rest()
        assert alice.where() is State.CLOSED
        assert alice.connection.outbox.bytes == 0
        bob.send("QUIT")
        await read_to_the_end(world, bob)
        assert world.is_empty()


async def test_a_reply_bigger_than_the_kernel_takes_comes_whole(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        narrow(client)
        text = "0123456789" * 3_000
        for number in range(8):
            client.send(f"PING|{number}{text}")
            await world.rest()
        assert client.connection.outbox.unsent is not None
        with trio.fail_after(PATIENCE_SECONDS):
            while len(client.lines) < 8:
                client.receive()
                await world.rest()
        assert client.news() == [f"PING|SUCCESS|{number}{text}" for number in range(8)]


async def test_while_replies_pile_up_nothing_more_is_carried_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        narrow(client)
        lines = [f"PING|{'x' * 3_000}"] * 20
        for _ in range(100):
            try:
                client.send(*lines)
            except BlockingIOError:
                break
            await world.rest()
        assert client.connection.outbox.bytes < 400_000
        assert client.connection.choked


async def test_after_goodbye_it_waits_for_the_other_side_to_close(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        lines = await world.ask(client, "QUIT")
        assert lines == ["QUIT|SUCCESS", "*BYE|QUIT|Goodbye."]
        assert client.ended
        assert client.where() is State.LINGERING
        client.send("PING|nobody answers")
        await world.rest()
        assert client.where() is State.LINGERING
        client.sock.close()
        await world.rest()
        assert client.where() is State.CLOSED
        assert world.reactor.connections == {}


async def test_goodbye_goes_to_the_closed_when_the_input_had_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        client.sock.shutdown(socket.SHUT_WR)
        lines = await read_to_the_end(world, client)
        assert [line.split("|")[1] for line in lines] == ["EOF"]
        assert client.where() is State.CLOSED
        assert world.reactor.connections == {}
