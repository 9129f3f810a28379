"""The admin socket: private, bounded, deaf to nonsense; and what happens where it cannot be."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from chatd.chat import admin as orders
from chatd.chat.ports import Unavailable
from chatd.server.admin import ORDER_BYTES_MAX, SOCKET, carry_out
from tests.chat.enrolled import invite
from tests.chat.harness import serving
from tests.peer import Peer
from tests.serving import Server, running

from .test_cli import refusal, run


def order(server: Server, line: bytes) -> dict[str, object]:
    """What is answered to a line that somebody writes into the socket."""
    sock = socket.socket(socket.AF_UNIX)
    with Peer(sock) as peer:
        sock.connect(str(server.data / SOCKET))
        peer.send_bytes(line)
        answer: dict[str, object] = json.loads(peer.read())
    return answer


def test_it_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        path = server.data / SOCKET
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o600
        assert server.stop() == 0
        assert not path.exists()


def test_what_a_killed_server_left_is_in_nobody_s_way(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.kill()
        assert (server.data / SOCKET).exists()
        assert run("invites", "--data", server.data)[0] == 0
        server.start()
        assert run("invites", "--data", server.data)[0] == 0


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b'{"type":"shutdown"}\n',
        b'{"type":"invite","name":7}\n',
        b"x" * (2 * ORDER_BYTES_MAX),
        b"\xff\xfe\n",
    ],
)
def test_nonsense_is_refused(tmp_path: Path, line: bytes) -> None:
    with running(tmp_path) as server:
        assert "does not know" in str(order(server, line)["refused"])
        assert order(server, b'{"type":"invites"}\n')["outcome"] == {"type": "invites", "items": []}
        assert server.complaints() == []


def test_who_says_nothing_is_in_nobody_s_way(tmp_path: Path) -> None:
    with running(tmp_path) as server, socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(server.data / SOCKET))
        assert run("invites", "--data", server.data)[0] == 0
        assert server.stop() == 0


def test_a_path_too_long_for_a_socket_is_said_and_the_server_runs(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with running(folder) as server, server.connect() as peer:
        assert peer.ask("PING") == "PING|SUCCESS"
        assert "no admin socket" in server.log.read_text()
        assert "107 bytes" in refusal(3, "invites", "--data", server.data)
        peer.close()
        server.stop()
        assert run("invites", "--data", server.data)[0] == 0


def test_no_server_and_no_folder(tmp_path: Path) -> None:
    assert "no data folder" in refusal(3, "invite", "bob", "--data", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


async def test_what_cannot_be_stored_is_said_and_undone(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        world.store.hold()
        world.store.fail()
        with pytest.raises(Unavailable):
            await invite(world, "alice")
        listed = await carry_out(world.chat, orders.ListInvites())
        assert listed == orders.Invites([])
        await invite(world, "alice")
