"""invite, invites, user and passwd, while the server runs and while it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatctl.e2e import fresh_kdf
from chatd.protocol.enrolment import EnrolmentLine
from tests.dialogs.devices import one_time_ids, private, public
from tests.serving import SECRET, Server, running

from .test_cli import refusal, run

DERIVED = "A" * 43
BLOB = '{"only":"its owner opens it"}'
LINE = re.compile(r"^  chatctl enrol '(.*)'$", re.MULTILINE)


@contextmanager
def stopped(folder: Path) -> Iterator[Path]:
    """The data of a server that has run."""
    with running(folder) as server:
        server.stop()
    yield server.data


def invited(data: Path, *words: str) -> EnrolmentLine:
    """What an invitation prints."""
    status, said, _ = run("invite", *words, "--data", data)
    assert status == 0
    line = EnrolmentLine.read(LINE.findall(said)[0])
    assert [line.one_time_id] == [one.replace("-", "") for one in one_time_ids(said)]
    return line


def enrol(server: Server, line: EnrolmentLine, client: str = "phone") -> str:
    """The device's first token."""
    with server.connect() as peer:
        said = peer.ask(f"ENROL|{line.user}|{line.one_time_id.lower()}|{public(client)}")
    assert said.startswith("ENROL|SUCCESS|"), said
    return said.split("|")[2]


@pytest.mark.parametrize("runs", [True, False])
def test_an_invitation_leads_in(tmp_path: Path, runs: bool) -> None:
    with running(tmp_path) as server:
        if not runs:
            server.stop()
        line = invited(server.data, "Alice", "--level", "3", "--host", "chat.example.net")
        if not runs:
            server.start()
        assert (line.user, line.host) == ("alice", "chat.example.net")
        assert line.server_key == server.key().channel_public()
        assert line.port == (server.port if runs else 4040)
        token = enrol(server, line)
        with server.connect_by(private("phone")) as phone:
            assert phone.ask(f"LOGIN|alice|{token}").startswith("LOGIN|SUCCESS|")
            assert phone.ask("WHOAMI").endswith("|3")
        assert line.one_time_id not in server.log.read_text()


def test_invitations_are_listed_replaced_and_taken_back(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        data = server.data
        first = invited(data, "alice", "--expires", "30m")
        status, said, told = run("invite", "alice", "--data", data)
        assert (status, "The invitation of before is good for nothing" in told) == (0, True)
        assert first.one_time_id not in said.replace("-", "")
        listed = run("invites", "--data", data)[1]
        assert re.fullmatch(r"alice  level 0  until \S+Z  not used yet\n", listed)
        assert run("invite", "alice", "--revoke", "--data", data)[0] == 0
        assert "nobody is invited" in refusal(1, "invite", "alice", "--revoke", "--data", data)
        assert run("invites", "--data", data) == (0, "", "Nobody is invited.\n")
        with server.connect() as peer:
            wrong = f"ENROL|alice|{first.one_time_id}|{public('phone')}"
            assert peer.ask(wrong).startswith("ENROL|FAILURE|DENIED|")


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    with stopped(tmp_path) as data:
        assert "white space" in refusal(1, "invite", "a b", "--data", data)
        assert "look like others" in refusal(1, "invite", "pаypal", "--data", data)
        assert "30m, 12h or 7d" in refusal(2, "invite", "bob", "--expires", "soon", "--data", data)
        assert "365 days" in refusal(1, "invite", "bob", "--expires", "366d", "--data", data)
        assert "--help" in refusal(2, "invite", "bob", "--level", "10", "--data", data)
        assert "there is no user bob" in refusal(1, "user", "bob", "--level", "1", "--data", data)
        port = refusal(2, "invite", "bob", "--data", data, listen="127.0.0.1:0")
        assert "--port" in port
        assert run("invites", "--data", data)[2] == "Nobody is invited.\n"


@pytest.mark.parametrize(
    "host", ["x'y", "bad host", "x/y:1", "e\x1b[31mvil", "", "-x", "fe80::1%x'y", "[::1]:4040"]
)
def test_what_is_no_host_leaves_the_invitation_of_before(tmp_path: Path, host: str) -> None:
    with running(tmp_path) as server:
        line = invited(server.data, "alice")
        told = refusal(2, "invite", "alice", f"--host={host}", "--data", server.data)
        assert ("--host must be a name" in told and host not in told) or not host
        enrol(server, line)


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "[2001:db8::7]", "chat.example.net."])
def test_a_host_is_a_name_or_an_address(tmp_path: Path, host: str) -> None:
    with stopped(tmp_path) as data:
        assert invited(data, "alice", "--host", host).host == host.strip("[]")


def test_an_invitation_that_cannot_be_shown_replaces_none(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        line = invited(server.data, "alice")
        server.stop()
        refusal(2, "invite", "alice", "--data", server.data, listen="127.0.0.1:0")
        server.start()
        enrol(server, line)


@pytest.mark.parametrize("words", [("--level", "0"), ("--expires", "7d"), ("--no-qr",)])
def test_who_takes_an_invitation_back_says_no_more(tmp_path: Path, words: tuple[str, ...]) -> None:
    with running(tmp_path) as server:
        line = invited(server.data, "alice")
        told = refusal(2, "invite", "alice", "--revoke", *words, "--data", server.data)
        assert "no other option" in told
        enrol(server, line)


def test_a_used_id_is_listed_until_its_device_has_logged_in(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        token = enrol(server, invited(server.data, "alice"))
        assert "used, not logged in yet" in run("invites", "--data", server.data)[1]
        with server.connect_by(private("phone")) as phone:
            assert phone.ask(f"LOGIN|alice|{token}").startswith("LOGIN|SUCCESS|")
        assert run("invites", "--data", server.data)[1] == ""


def test_a_level_is_set_live(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (alice,) = server.join("alice")
        assert run("user", "alice", "--level", "5", "--data", server.data)[0] == 0
        assert alice.ask("WHOAMI").endswith("|5")
        assert "chatd user alice" in refusal(
            1, "invite", "alice", "--level", "2", "--data", server.data
        )
        server.stop()
        assert run("user", "alice", "--level", "4", "--data", server.data)[0] == 0
        server.start()
        with server.login("alice") as again:
            assert again.ask("WHOAMI").endswith("|4")


@pytest.mark.parametrize("runs", [True, False])
def test_a_new_password_ends_all_sessions_and_keeps_the_vault(tmp_path: Path, runs: bool) -> None:
    with running(tmp_path) as server:
        peer = server.connect()
        assert peer.ask(f"REGISTER|ann|{DERIVED}|kdf={fresh_kdf()}") == "REGISTER|SUCCESS"
        token = peer.ask(f"AUTH|ann|{DERIVED}").split("|")[2]
        assert peer.ask(f"STORE|0|{BLOB}") == "STORE|SUCCESS|1"
        if not runs:
            server.stop()
        status, password, told = run("passwd", "ann", "--data", server.data)
        assert (status, "chatctl recover ann" in told) == (0, True)
        if runs:
            assert peer.read().startswith("*BYE|DENIED|")
        else:
            server.start()
        with server.connect() as again:
            assert again.ask("SALT|ann") == "SALT|SUCCESS|none"
            assert again.ask(f"RESUME|{token}").startswith("RESUME|FAILURE|DENIED|")
            assert again.ask(f"AUTH|ann|{DERIVED}").startswith("AUTH|FAILURE|DENIED|")
            assert again.ask(f"AUTH|ann|{password.strip()}").startswith("AUTH|SUCCESS|")
            assert again.ask("VAULT") == f"VAULT|SUCCESS|1|{BLOB}"


def test_a_password_only_of_a_user_there_is(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (ann,) = server.join("ann")
        data = server.data
        assert refusal(1, "passwd", "ben", "--data", data) == (
            "there is no user ben; check the spelling"
        )
        assert "is no user's name" in refusal(1, "passwd", "a b", "--data", data)
        assert "--help" in refusal(2, "passwd", "--data", data)
        assert ann.ask("PING") == "PING|SUCCESS"
        with server.connect() as peer:
            assert peer.ask(f"AUTH|ann|{SECRET}").startswith("AUTH|SUCCESS|")


def test_kill_9_right_after_the_answers_loses_none_of_it(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        token = enrol(server, invited(server.data, "alice"))
        server.kill()
        server.start()
        for _ in range(3):
            with server.connect_by(private("phone")) as phone:
                following = phone.ask(f"LOGIN|alice|{token}").split("|")[2]
                server.kill()
            server.start()
            with server.connect_by(private("phone")) as phone:
                assert phone.ask(f"LOGIN|alice|{token}").startswith("LOGIN|SUCCESS|")
            token = following


def test_the_log_tells_of_a_theft_and_no_secret(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        tokens = [enrol(server, invited(server.data, "alice"))]
        for _ in range(2):
            with server.connect_by(private("phone")) as phone:
                tokens += phone.ask(f"LOGIN|alice|{tokens[-1]}").split("|")[2:3]
        with server.connect_by(private("phone")) as thief:
            assert thief.ask(f"LOGIN|alice|{tokens[0]}").startswith("LOGIN|FAILURE|DENIED|")
            assert thief.ask(f"LOGIN|alice|{tokens[-1]}").startswith("LOGIN|FAILURE|DENIED|")
        log = server.log.read_text()
        assert log.count("old device token used") == 1
        assert not [token for token in [*tokens, "alice"] if token in log]
