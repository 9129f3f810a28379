"""Ways in: other addresses than loopback, Unix sockets, and a server that is full."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.peer import PATIENCE_SECONDS, Peer
from tests.serving import Server, own_address, running

GOOD = "correct horse battery"
KEEPALIVE_TIMER = "02"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def connect_unix(path: Path) -> Peer:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE_SECONDS)
    sock.connect(str(path))
    return Peer(sock)


def fails_to_log_in(server: Server, host: str, code: str) -> bool:
    with server.connect(host=host) as peer:
        return peer.ask("AUTH|alice|wrong").startswith(f"AUTH|FAILURE|{code}|")


def test_a_unix_socket_is_for_the_owner_and_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "door"
    with running(tmp_path, unix=path, registrations_max=1) as server:
        assert path.stat().st_mode & 0o777 == 0o600
        with connect_unix(path) as peer:
            assert peer.read().startswith("*HELLO|chat/1|test|")
            for user in ("alice", "bob", "carol"):  # Unix sockets are free of the limit
                assert peer.ask(f"REGISTER|{user}|{GOOD}") == "REGISTER|SUCCESS"
            assert peer.ask(f"AUTH|alice|{GOOD}").startswith("AUTH|SUCCESS|")
            peer.half_close()
            assert peer.rest()[-1].startswith("*BYE|EOF|")
        server.kill()
        server.start()
        with connect_unix(path) as peer:
            assert peer.ask(f"AUTH|bob|{GOOD}").startswith("AUTH|SUCCESS|")
        assert server.stop() == 0
        assert not path.exists()


def test_registrations_are_limited_by_address_but_not_on_loopback(tmp_path: Path) -> None:
    outside = own_address()
    with running(tmp_path, host="0.0.0.0", registrations_max=3) as server:
        with server.connect(host=outside) as peer:
            replies = [peer.ask(f"REGISTER|guest{number}|{GOOD}") for number in range(4)]
            assert replies[:3] == ["REGISTER|SUCCESS"] * 3
            assert replies[3].startswith("REGISTER|FAILURE|RATE_LIMITED|")
            assert int(replies[3].split("|")[3].split()[0]) >= 1
        with server.connect() as peer:
            for number in range(40):
                assert peer.ask(f"REGISTER|local{number}|{GOOD}") == "REGISTER|SUCCESS"


def test_an_attacker_elsewhere_cannot_lock_one_out(tmp_path: Path) -> None:
    outside = own_address()
    with running(tmp_path, host="0.0.0.0", login_failures_free=2) as server:
        server.join("alice")
        assert fails_to_log_in(server, outside, "DENIED")
        assert fails_to_log_in(server, outside, "DENIED")
        assert fails_to_log_in(server, outside, "RATE_LIMITED")
        with server.login("alice") as again:
            assert again.ask("PING|here I am") == "PING|SUCCESS|here I am"


def test_a_full_server_lets_those_give_way_who_have_not_logged_in(tmp_path: Path) -> None:
    with running(tmp_path, connections_max=3) as server:
        alice, bob = server.join("alice", "bob")
        idle = server.connect()
        assert idle.read().startswith("*HELLO|")
        carol = server.login("carol", register=True)
        assert [line[:17] for line in idle.rest()] == ["*BYE|UNAVAILABLE|"]
        late = server.connect()
        assert [line.split("|")[0] for line in late.rest()] == ["*HELLO", "*BYE"]
        for peer in (alice, bob, carol):
            assert peer.ask("PING|not me") == "PING|SUCCESS|not me"


def test_a_dead_peer_that_owes_nothing_is_looked_for_within_2_minutes(tmp_path: Path) -> None:
    """The kernel's own timer on the server's side of the connection; see proc(5), /proc/net/tcp."""
    with running(tmp_path) as server:
        (alice,) = server.join("alice")
        alice.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # nothing is owed now
        here, there = f":{server.port:04X}", f":{alice.sock.getsockname()[1]:04X}"
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        (timer,) = [row[5] for row in rows if row[1].endswith(here) and row[2].endswith(there)]
        kind, _, ticks = timer.partition(":")
        assert kind == KEEPALIVE_TIMER
        assert int(ticks, 16) <= 120 * TICKS_PER_SECOND
