"""The web listener as a part of a server: its address, its stop, and what it costs where it is
not."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

import pytest

from tests.peer import PATIENCE_SECONDS
from tests.server.web.world import get, give, is_open, register, web_server
from tests.serving import Server, running

HEAVY = {"h11", "h2", "hypercorn", "prometheus_client", "starlette", "wsproto"}


class Tracing(Server):
    """A server that logs what it imports."""

    def command(self) -> list[str]:
        python, *rest = super().command()
        return [python, "-X", "importtime", *rest]


def imported(folder: Path, **settings: object) -> set[str]:
    """The packages that a server has imported once it serves."""
    server = Tracing(folder, **settings)  # type: ignore[arg-type]
    folder.mkdir()
    server.start()
    server.join("alice")
    server.part()
    assert server.stop() == 0
    return set(re.findall(r"\| +(\w+)$", server.log.read_text(), re.MULTILINE))


def test_a_server_without_loads_nothing_of_it(tmp_path: Path) -> None:
    assert HEAVY & imported(tmp_path / "without") == set()
    assert imported(tmp_path / "with", http="127.0.0.1:0") >= HEAVY


def test_it_says_where_it_listens(tmp_path: Path) -> None:
    with web_server(tmp_path) as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", server.web)
        assert get(f"{server.web}/health").status_code == 200


def test_a_server_without_says_nothing_of_it(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert server.web == ""


def test_links_begin_with_what_others_see(tmp_path: Path) -> None:
    with web_server(tmp_path, http_url="https://chat.example.net/in/") as server:
        letter = register(server, "alice")
        assert letter.link.startswith("https://chat.example.net/in/activate?user=alice&code=")
        server.signal(signal.SIGHUP)
        letter = register(server, "bob")
        assert letter.link.startswith("https://chat.example.net/in/activate?user=bob&code=")
        assert give(server, letter.form).status_code == 200
        assert is_open(server, "bob")


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{port}"):
            Server(tmp_path, http=f"127.0.0.1:{port}").start()


def test_the_chat_port_is_no_web_server_all_the_same(tmp_path: Path) -> None:
    with web_server(tmp_path) as server, server.connect() as peer:
        peer.send_bytes(b"POST /activate HTTP/1.1\r\nHost: a\r\n\r\nREGISTER|a|b\n")
        hello, bye = peer.rest()
        assert hello.startswith("*HELLO|")
        assert bye.startswith("*BYE|BAD_LINE|")


def test_slow_web_clients_do_not_keep_it_from_stopping(tmp_path: Path) -> None:
    with web_server(tmp_path) as server:
        port = int(server.web.rpartition(":")[2])
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        slow[1].send(b"GET /health HTT")
        slow[2].send(b"POST /activate HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nuser=")
        assert get(f"{server.web}/health").status_code == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        for sock in slow:
            sock.settimeout(PATIENCE_SECONDS)
            sock.close()
        assert server.complaints() == []


def test_a_crowd_of_web_clients_leaves_the_chat_alone(tmp_path: Path) -> None:
    """However many knock, those who chat are served, and so is whoever asks next."""
    with web_server(tmp_path, registration="open") as server:
        (alice,) = server.join("alice")
        port = int(server.web.rpartition(":")[2])
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        for _ in range(20):
            assert alice.ask("MSG|alice|hi").startswith("MSG|SUCCESS|")
        (bob,) = server.join("bob")
        assert bob.ask("PING") == "PING|SUCCESS"
        for sock in crowd:
            sock.close()
        assert get(f"{server.web}/health").status_code == 200
        assert server.complaints() == []
