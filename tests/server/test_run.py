"""How the parts are put together: every address is served, said aloud, and the limits hold."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.peer import PATIENCE_SECONDS, Peer
from tests.serving import running


def over_unix(path: Path) -> Peer:
    """A connection through a Unix socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE_SECONDS)
    sock.connect(str(path))
    return Peer(sock)


def test_it_serves_tcp_and_a_unix_socket_alike(tmp_path: Path) -> None:
    path = tmp_path / "chatd.sock"
    with running(tmp_path, unix=path) as server:
        (alice,) = server.join("alice")
        with over_unix(path) as bob:
            assert bob.read().startswith("*HELLO|chat/1|test|")
            assert bob.ask("REGISTER|bob|correct horse battery") == "REGISTER|SUCCESS"
            assert bob.ask("AUTH|bob|correct horse battery").startswith("AUTH|SUCCESS|")
            assert bob.ask("MSG|alice|hello").startswith("MSG|SUCCESS|1|")
        assert alice.read().endswith("|bob|hello")
        assert server.stop() == 0
    assert not path.exists()


def test_what_a_killed_server_left_of_a_unix_socket_does_not_keep_the_next(tmp_path: Path) -> None:
    path = tmp_path / "chatd.sock"
    with running(tmp_path, unix=path) as server:
        server.kill()
        assert path.exists()
        server.start()
        with over_unix(path) as peer:
            assert peer.read().startswith("*HELLO|")


def test_the_fingerprint_stays_over_restarts(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        first = server.connect().read()
        server.kill()
        server.start()
        assert server.connect().read() == first


def test_info_tells_the_limits(tmp_path: Path) -> None:
    serving = running(tmp_path, registration="closed", send_ids_hours=72, transport="private")
    with serving as server:
        with server.connect() as peer:
            assert peer.read().startswith("*HELLO|")
            infos = peer.items("INFO")
        told = {item[0]: item[1] for item in infos}
        assert told["protocol"] == "chat/1"
        assert (told["registration"], told["send id hours"]) == ("closed", "72")
        assert told["transport"] == "private"


def test_the_server_takes_so_many_connections_and_no_more(tmp_path: Path) -> None:
    with running(tmp_path, connections_max=2) as server:
        alice, bob = server.join("alice", "bob")
        with server.connect() as other:
            hello, bye = other.rest()
        assert hello.startswith("*HELLO|")
        assert bye.startswith("*BYE|UNAVAILABLE|")
        assert alice.ask("PING|x") == bob.ask("PING|x") == "PING|SUCCESS|x"
