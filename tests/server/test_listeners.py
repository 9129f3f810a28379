"""The doors: addresses, Unix sockets that were left behind, and a server that is full."""

from __future__ import annotations

import os
import resource
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from chatd.server.listeners import Door, Doors, ListenError, listen_tcp, listen_unix
from tests.chat.harness import SECRET, World, serving


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A door on a port that the system chooses."""
    (sock,) = listen_tcp(host, 0)
    with sock:
        yield sock


@asynccontextmanager
async def open_doors(
    folder: Path, *sockets: socket.socket, connections_max: int = 100
) -> AsyncIterator[tuple[World, Doors]]:
    """A server behind real doors."""
    async with serving(folder) as world:
        doors = Doors(
            world.reactor,
            "test",
            "print",
            1 << 20,
            connections_max,
            lambda: None,
            [Door(sock) for sock in sockets],
        )
        doors.open()
        yield world, doors
        for connection in list(world.reactor.connections.values()):
            world.reactor.close(connection)


async def lines_of(world: World, sock: socket.socket) -> list[str]:
    """What the server has sent so far."""
    await world.rest()
    sock.setblocking(False)
    try:
        return sock.recv(65_536).decode().splitlines()
    except BlockingIOError:
        return []


HELLO = "*HELLO|chat/1|test|print"


async def test_the_first_line_is_hello(tmp_path: Path) -> None:
    with listening() as door:
        async with open_doors(tmp_path, door) as (world, _):
            with socket.create_connection(door.getsockname()) as client:
                assert await lines_of(world, client) == [HELLO]
                client.send(b"PING|x\n")
                assert await lines_of(world, client) == ["PING|SUCCESS|x"]


async def test_ipv6(tmp_path: Path) -> None:
    with listening("::1") as door:
        assert door.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        async with open_doors(tmp_path, door) as (world, _):
            with socket.create_connection(door.getsockname()[:2]) as client:
                assert await lines_of(world, client) == [HELLO]
                (connection,) = world.reactor.connections.values()
                assert connection.address == "::1"


async def test_small_messages_do_not_wait_and_dead_peers_are_noticed(tmp_path: Path) -> None:
    with listening() as door:
        async with open_doors(tmp_path, door) as (world, _):
            with socket.create_connection(door.getsockname()) as client:
                await lines_of(world, client)
                (connection,) = world.reactor.connections.values()
                sock = connection.sock
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                idle, interval, probes = (
                    sock.getsockopt(socket.IPPROTO_TCP, option)
                    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                )
                assert idle + interval * probes <= 120


def test_an_address_in_use_is_named() -> None:
    with listening() as door:
        port = door.getsockname()[1]
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}: "):
            listen_tcp("127.0.0.1", port)


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(ListenError, match=r"no\.such\.host\.invalid:4040"):
        listen_tcp("no.such.host.invalid", 4040)


def test_a_unix_socket_is_its_owners_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "chatd.sock"
    with listen_unix(path) as sock:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sock.getsockname() == str(path)
    assert not path.exists()


def test_a_unix_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "chatd.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(path))
    assert path.exists()
    with listen_unix(path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))


def test_a_unix_socket_that_answers_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "chatd.sock"
    with listen_unix(path):
        with pytest.raises(ListenError, match=r"chatd\.sock"), listen_unix(path):
            pytest.fail("two servers on one socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(path))


def test_a_file_in_the_place_of_a_unix_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(ListenError, match=r"notes\.txt"), listen_unix(path):
        pytest.fail("listening on a file")
    assert path.read_text() == "mine"


async def test_a_full_server_lets_go_of_who_has_not_logged_in(tmp_path: Path) -> None:
    path = tmp_path / "chatd.sock"
    with listen_unix(path) as door:
        async with open_doors(tmp_path, door, connections_max=2) as (world, _):
            clients = []
            for _ in range(3):
                client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                client.connect(str(path))
                await world.rest()
                clients.append(client)
            first, second, third = clients
            with first, second, third:
                said = await lines_of(world, first)
                assert [line.split("|")[:2] for line in said[1:]] == [["*BYE", "UNAVAILABLE"]]
                assert await lines_of(world, second) == [HELLO]
                assert await lines_of(world, third) == [HELLO]


async def test_a_server_full_of_people_turns_newcomers_away(tmp_path: Path) -> None:
    path = tmp_path / "chatd.sock"
    with listen_unix(path) as door:
        async with open_doors(tmp_path, door, connections_max=1) as (world, _):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as member:
                member.connect(str(path))
                member.send(f"REGISTER|alice|{SECRET}\nAUTH|alice|{SECRET}\n".encode())
                said = await lines_of(world, member)
                assert said[-1].startswith("AUTH|SUCCESS|")
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
                    other.connect(str(path))
                    said = await lines_of(world, other)
                    assert said[0] == HELLO
                    assert [line.split("|")[:2] for line in said[1:]] == [["*BYE", "UNAVAILABLE"]]
                    assert other.recv(1) == b""
                member.send(b"PING|mine\n")
                assert await lines_of(world, member) == ["PING|SUCCESS|mine"]


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing more can be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir()) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, limits[1]))
    spare = []
    try:
        with suppress(OSError):
            while True:
                spare.append(os.dup(0))
        yield
    finally:
        for descriptor in spare:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_without_descriptors_the_doors_pause_and_open_again(tmp_path: Path) -> None:
    with listening() as door:
        async with open_doors(tmp_path, door) as (world, doors):
            paused: list[str] = []
            doors.paused = lambda: paused.append("paused")
            with socket.create_connection(door.getsockname()) as client:
                with no_descriptors():
                    assert await lines_of(world, client) == []
                assert paused == ["paused"]
                assert await lines_of(world, client) == []
                doors.open()
                assert await lines_of(world, client) == [HELLO]


async def test_doors_that_are_shut_let_nobody_in(tmp_path: Path) -> None:
    with listening() as door:
        async with open_doors(tmp_path, door) as (world, doors):
            doors.shut()
            with socket.create_connection(door.getsockname()) as client:
                assert await lines_of(world, client) == []
            doors.close()
            with pytest.raises(OSError, match=r"closed|Bad file descriptor"):
                door.getsockname()
