"""SIGHUP: the settings are read again, and nobody is disturbed."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.peer import Peer, eventually
from tests.serving import running


def infos(peer: Peer) -> dict[str, str]:
    return dict(peer.items("INFO"))


def test_sighup_takes_new_settings_and_keeps_connections(tmp_path: Path) -> None:
    config = tmp_path / "chatd.toml"
    config.write_text('registration = "open"\n')
    with running(tmp_path, config=config) as server:
        (alice,) = server.join("alice")
        assert infos(alice)["registration"] == "open"
        config.write_text('registration = "closed"\nargon2_memory_kib = 16\n')
        server.signal(signal.SIGHUP)
        assert eventually(lambda: infos(alice)["registration"] == "closed")
        with server.connect() as bob:
            assert bob.ask("REGISTER|bob|correct horse battery").startswith(
                "REGISTER|FAILURE|CLOSED|"
            )
        server.login("alice")  # whose password is hashed anew, with the new parameters
        assert alice.ask("PING|still here") == "PING|SUCCESS|still here"


def test_settings_that_are_wrong_change_nothing(tmp_path: Path) -> None:
    config = tmp_path / "chatd.toml"
    config.write_text("registrations_max = 7\n")
    with running(tmp_path, config=config) as server:
        (alice,) = server.join("alice")
        config.write_text('registration = "perhaps"\n')
        server.signal(signal.SIGHUP)
        assert eventually(lambda: bool(alice.ask("PING") and server.complaints()))
        complaint = server.complaints()[0]
        assert "line 1" in complaint
        assert "registration" in complaint
        assert infos(alice)["registration"] == "open"
