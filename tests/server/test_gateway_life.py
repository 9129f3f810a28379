"""The gateway of a server that runs: mail through a real SMTP server, over restarts and kill -9."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dialogs.spool import Letters
from tests.peer import Peer
from tests.serving import SECRET, Server, environment, running
from tests.tls import certificate

from .gateway.office import PASSWORD, USER, PostOffice

CONTACT = "mailto:alice@example.org"
ANOTHER = "staple tiger seven"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Of a server that sends mail, once it is told the port."""
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text(PASSWORD)
    return {
        "registration": "gateway",
        "gateway_mail": "smtp",
        "smtp_host": "127.0.0.1",
        "smtp_ca": certificate()[0],
        "smtp_user": USER,
        "smtp_password_file": password,
        "mail_from": "chat@example.org",
    }


def registers(peer: Peer, user: str = "alice") -> None:
    line = f"REGISTER|{user}|{SECRET}|contact={CONTACT}"
    assert peer.ask(line) == "REGISTER|SUCCESS|pending"


def code_of(text: str) -> str:
    [line] = [line.strip() for line in text.splitlines() if line.startswith("    ACTIVATE|")]
    return line.split("|")[2]


def activates(server: Server, code: str) -> None:
    with server.connect() as peer:
        assert peer.ask(f"ACTIVATE|alice|{code}") == "ACTIVATE|SUCCESS"
        assert peer.ask(f"AUTH|alice|{SECRET}").startswith("AUTH|SUCCESS|")


def test_a_mail_arrives_and_its_code_opens_the_account(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    with (
        PostOffice(login=True) as office,
        running(tmp_path, smtp_port=office.port, **settings) as server,
    ):
        registers(server.connect())
        mail = office.next()
        assert (mail.by, mail.by_tls, mail.to) == (USER, True, ["alice@example.org"])
        activates(server, code_of(mail.text))
        assert server.complaints() == []
        assert code_of(mail.text) not in server.log.read_text()
        assert "alice" not in server.log.read_text()


def test_what_could_not_be_sent_is_sent_after_kill_9(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    with PostOffice(login=True) as office:
        port = office.port
    with running(tmp_path, smtp_port=port, **settings) as server:
        registers(server.connect())
        server.kill()
        office = PostOffice(login=True)
        with office:
            server.settings["smtp_port"] = office.port
            server.start()
            activates(server, code_of(office.next().text))
            assert server.stop() == 0
            assert office.delivered.empty()


def test_the_gateway_changes_with_the_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    config = tmp_path / "chatd.toml"
    config.write_text('registration = "gateway"\n')
    with running(tmp_path, config=config) as server, server.connect() as peer:
        registers(peer)
        spool = server.data / "spool"
        Letters().code(spool, "alice", lambda: peer.ask("PING"))
        with PostOffice(login=True) as office:
            lines = [f'{key} = "{value}"' for key, value in settings.items()]
            config.write_text("\n".join([*lines, f"smtp_port = {office.port}"]))
            server.signal(signal.SIGHUP)
            while "settings reloaded" not in server.log.read_text():
                peer.ask("PING")
            assert peer.ask("RESET|alice") == "RESET|SUCCESS"
            activates(server, code_of(office.next().text))
            assert len(list(spool.iterdir())) == 1
            config.write_text('registration = "gateway"\nsmtp_password_file = "/nowhere"\n')
            server.signal(signal.SIGHUP)
            while "settings not reloaded" not in server.log.read_text():
                peer.ask("PING")
            assert peer.ask("RESET|alice") == "RESET|SUCCESS"
            assert "RECOVER|alice|" in office.next().text


def test_a_server_that_cannot_send_does_not_start(settings: dict[str, Any], tmp_path: Path) -> None:
    settings["smtp_password_file"] = tmp_path / "nowhere"
    server = Server(tmp_path, **settings)
    with pytest.raises(AssertionError, match=r"no server \(exit 2\)") as wrong:
        server.start()
    assert "smtp_password_file: can't read" in str(wrong.value)


def test_who_hangs_keeps_no_server_from_stopping(settings: dict[str, Any], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with running(tmp_path, smtp_port=port, **settings) as server:
            registers(server.connect())
            with listener.accept()[0]:
                assert server.stop() == 0


def test_check_finds_nothing_in_the_spool(tmp_path: Path) -> None:
    with running(tmp_path, registration="gateway") as server, server.connect() as peer:
        registers(peer, "christopher-robin")
        Letters().code(server.data / "spool", "christopher-robin", lambda: peer.ask("PING"))
        check = server.command()
        check[3:] = ["check", "--data", str(server.data)]
        ended = subprocess.run(
            check, env=environment(), capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stdout[:12]) == (0, "All is well:")
