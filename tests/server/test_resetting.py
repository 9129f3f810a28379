"""A new password from who runs the server: `chatd passwd`."""

from __future__ import annotations

from pathlib import Path

from chatctl.e2e import fresh_kdf
from tests.serving import SECRET, running

from .test_cli import refusal, run

DERIVED = "A" * 43
BLOB = '{"only":"its owner opens it"}'


def test_a_new_password_ends_all_sessions_and_keeps_the_vault(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(tmp_path) as server, server.connect() as peer:
        assert peer.ask(f"REGISTER|ann|{DERIVED}|kdf={fresh_kdf()}") == "REGISTER|SUCCESS"
        token = peer.ask(f"AUTH|ann|{DERIVED}").split("|")[2]
        assert peer.ask(f"STORE|0|{BLOB}") == "STORE|SUCCESS|1"
        assert "in use" in refusal(3, "passwd", "ann", "--data", data)
    status, password, told = run("passwd", "ann", "--data", data)
    assert (status, "chatctl recover ann" in told) == (0, True)
    with running(tmp_path) as server, server.connect() as peer:
        assert peer.ask("SALT|ann") == "SALT|SUCCESS|none"
        assert peer.ask(f"RESUME|{token}").startswith("RESUME|FAILURE|DENIED|")
        assert peer.ask(f"AUTH|ann|{DERIVED}").startswith("AUTH|FAILURE|DENIED|")
        assert peer.ask(f"AUTH|ann|{password.strip()}").startswith("AUTH|SUCCESS|")
        assert peer.ask("VAULT") == f"VAULT|SUCCESS|1|{BLOB}"


def test_only_of_a_user_there_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(tmp_path) as server, server.connect() as peer:
        peer.ask(f"REGISTER|ann|{SECRET}")
    assert refusal(1, "passwd", "ben", "--data", data) == (
        "there is no user ben; check the spelling"
    )
    assert "is no user's name" in refusal(1, "passwd", "a b", "--data", data)
    assert "--help" in refusal(2, "passwd", "--data", data)
    with running(tmp_path) as server, server.connect() as peer:
        assert peer.ask(f"AUTH|ann|{SECRET}").startswith("AUTH|SUCCESS|")
