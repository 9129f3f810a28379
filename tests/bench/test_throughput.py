"""The load generator against real servers, for a moment: what it says is not looked at here, but
that it gets on with them."""

from __future__ import annotations

import shutil
import socket

import pytest

from bench import harness, servers, throughput
from bench.peers import CannotStart, Peer
from bench.servers import Server
from bench.throughput import Cell

SECONDS = 0.2
PAIRS = Cell(4, "--scenario pairs --pairs 2 --warm 0 --phases 1:4")
ROOM = Cell(5, "--scenario fanout --members 5 --warm 0 --phases 2:8", tenth=True)

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None and shutil.which("gcc") is None, reason="needs a C compiler"
)


@pytest.fixture(scope="module", autouse=True)
def generator() -> None:
    harness.build()


def named(name: str) -> Server:
    return next(server for server in servers.servers() if server.name == name)


def history(port: int, *conversations: str) -> list[str]:
    """How the generator's first user is answered who asks for the last message of each."""
    asked = [f"HISTORY|{name}|limit=1" for name in conversations]
    lines = "".join(f"{line}\n" for line in ("AUTH|u0|correct-horse-7", *asked))
    with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile() as answers:
        sock.sendall(lines.encode())
        sock.shutdown(socket.SHUT_WR)
        finals = [line.strip() for line in answers if line.startswith("HISTORY|")]
        return [line for line in finals if not line.startswith("HISTORY|ITEM")]


CAN_SEAL = pytest.mark.skipif(not harness.CAN_SEAL, reason="OpenSSL's headers are not here")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("chatd", ["HISTORY|SUCCESS|1", "HISTORY|SUCCESS|1"]),
        pytest.param("chatd-sealed", ["HISTORY|SUCCESS|1", "HISTORY|SUCCESS|1"], marks=CAN_SEAL),
        ("chatd-live", ["HISTORY|SUCCESS|0", "HISTORY|SUCCESS|0"]),
        ("floor", None),
    ],
)
def test_every_message_arrives_and_is_kept_where_it_should_be(
    name: str, kept: list[str] | None
) -> None:
    server = named(name)
    with server.start(5) as running:
        pairs = throughput.load(server, running, PAIRS, SECONDS)
        room = throughput.load(server, running, ROOM, SECONDS)
        if kept is not None:
            assert history(running.port, "#r0", "u1") == kept
    for row in (*pairs, *room):
        assert row["deliveries_s"] > 0
        assert (row["lost"], row["bad"], row["dead"]) == (0, 0, 0)
    assert room[0]["rate"] > 0


def test_a_server_that_does_not_start_is_a_row_that_says_so() -> None:
    broken = Peer((), "sh -c exit")
    with pytest.raises(CannotStart), broken.start(1):
        pytest.fail("it runs")
    turn = throughput.Turn(1, "f10", Server("x", "X", broken.start, broken.version, []))
    [row] = throughput.take(turn, SECONDS)
    assert row["error"].startswith("did not start")
