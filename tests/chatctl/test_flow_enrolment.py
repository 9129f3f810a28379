"""The way of somebody whom the operator has met, from the first meeting to a message, and what one
who records every line of it has in the end: nothing.

(1) Face to face: the operator makes a one-time ID, the client saves what it needs under a password.
(2) Registration: keys are made and exchanged, and the first token is given out.
(3) Each session: the person unlocks the client, the client logs in, and the token is another.
(4) A service of the server is called.
(5) A message goes to another collaborator.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from chatctl.e2e import RecoveryKey
from tests.peer import Peer
from tests.serving import Server, running

from .enrol_world import PASSWORD, Unlocked, enrols, invite, once, stranger
from .terminal import Terminal
from .wire import Wire, wire

TEXT = "the roses are in bloom again"
ALICE, BOB = "wanda-alice", "wanda-bob"
LEVEL = 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server for those who were met, and for nobody else."""
    with running(tmp_path, registration="invite", login_failures_free=1000) as server:
        yield server


@pytest.fixture
def tapped(server: Server) -> Iterator[Wire]:
    with wire(server) as tapped:
        yield tapped


class Secrets(list[str]):
    """What must not be found on the way, nor in a file."""

    def of(self, shell: Unlocked) -> None:
        """All that a profile holds now, but for whose server it is."""
        profile, device = shell.opened(), shell.device()
        held = [profile.user, profile.token, profile.vault_key, device.key, device.token]
        self.extend(secret for secret in held if secret)


def test_from_the_first_meeting_to_a_message(server: Server, tapped: Wire, tmp_path: Path) -> None:
    line = invite(server, ALICE, "--level", str(LEVEL), address=tapped.address)
    secrets = Secrets([PASSWORD, TEXT, ALICE, BOB, once(line), once(line).replace("-", "")])
    alice = stranger(server, tmp_path / "alice", tapped.address)
    registers_at_the_terminal(alice, line, secrets)
    bob = stranger(server, tmp_path / "bob", tapped.address)
    secrets.append(enrols(bob, invite(server, BOB, address=tapped.address)).objects[0][_KEY])

    logs_in_anew_each_session(alice, tapped, secrets)
    secrets.of(bob)

    assert alice.done("whoami", "--json").objects[0]["level"] == LEVEL
    assert alice.done("call-service", "sqrt", "1764").out == "42\n"
    refused = alice.type("call-service", "root", "1024", "10")
    assert refused.status == 1 and "FORBIDDEN" in refused.err  # that takes level 3

    alice.type("send", BOB, TEXT)
    assert [item["text"] for item in bob.type("history", ALICE, "--json").objects] == [TEXT]

    nothing_is_found(tapped, secrets)
    nothing_is_found_at_rest(alice, secrets)
    played_again_it_gets_nowhere(server, tapped, bob)


_KEY = "recovery_key"


def registers_at_the_terminal(alice: Unlocked, line: str, secrets: Secrets) -> None:
    """(1) and (2), typed by a person who has the one-time ID on paper."""
    _, _, place, _, server_key, typed = line.split("/")
    host, port = place.split(":")
    alice.password = None
    answers = {
        "Enrolment line": "",
        "Host": host,
        "Port": port,
        "Your name": ALICE,
        "The server's key": server_key,
        "One-time ID": typed,
        "Password for profile 'default'": PASSWORD,
        "Once more": PASSWORD,
    }
    with Terminal(alice, "enrol") as terminal:
        for asked, answer in answers.items():
            terminal.until(asked)
            terminal.keys(f"{answer}\r")
        terminal.until(f"This is a device of {ALICE}")
        assert terminal.status() == 0
        [written] = [word for word in terminal.shown.split() if word.count("-") == 7]
    RecoveryKey.read(written)
    alice.password = PASSWORD
    secrets.append(written)
    secrets.of(alice)


def logs_in_anew_each_session(alice: Unlocked, tapped: Wire, secrets: Secrets) -> None:
    """(3): nothing goes out before the password; then the token is another each time."""
    tapped_before = len(tapped.sent)
    alice.password = "a guess"
    assert alice.type("login").status == 6
    assert len(tapped.sent) == tapped_before
    alice.password = PASSWORD
    tokens = [alice.device().token]
    for _ in range(3):
        alice.done("login")
        tokens.append(alice.device().token)
        secrets.of(alice)
    assert len({*tokens}) == 4


def nothing_is_found(tapped: Wire, secrets: Secrets) -> None:
    """But for the greeting and the handshakes all is sealed."""
    lines = [*tapped.sent, *tapped.answered]
    assert {line.partition("|")[0] for line in lines if line[0] != "="} == {"SEAL", "*HELLO"}
    everything = "\n".join(lines)
    assert len(secrets) > 15 and all(len(secret) > 8 for secret in secrets)
    assert [secret for secret in secrets if secret in everything] == []


def nothing_is_found_at_rest(alice: Unlocked, secrets: Secrets) -> None:
    """Who takes the profile has a file and no way into it."""
    for file in (alice.folder / "chatctl").iterdir():
        assert [secret for secret in secrets if secret in file.read_text()] == []


def played_again_it_gets_nowhere(server: Server, tapped: Wire, bob: Unlocked) -> None:
    """Each connection that was recorded: the handshake may be answered, and nothing else is."""
    starts = [at for at, line in enumerate(tapped.sent) if line.startswith("SEAL|")]
    assert {tapped.sent[at].split("|")[1] for at in starts} == {"NK", "IK"}
    before = bob.done("history", ALICE, "--json").out, bob.done("sessions", "--json").out
    for start, end in pairwise([*starts, len(tapped.sent)]):
        with Peer(socket.create_connection(("127.0.0.1", server.port))) as peer:
            assert peer.read().startswith("*HELLO|")
            assert peer.ask(tapped.sent[start]).startswith("SEAL|SUCCESS|")
            peer.send(*tapped.sent[start + 1 : end])
            peer.half_close()
            # A goodbye, sealed for the one who made the handshake, and the end of the channel.
            assert [said[0] for said in peer.rest()] == ["=", "="]
    now = bob.done("history", ALICE, "--json").out, bob.done("sessions", "--json").out
    assert [_steady(one) for one in now] == [_steady(one) for one in before]


def _steady(objects: str) -> str:
    """Without the time of use, which each command moves."""
    return "\n".join(line.partition('"last_used"')[0] for line in objects.splitlines())


def test_a_stolen_profile_and_an_older_token(server: Server, tapped: Wire, tmp_path: Path) -> None:
    """Without the password it opens nothing; with it, an older one ends the device."""
    alice = stranger(server, tmp_path / "alice", tapped.address)
    enrols(alice, invite(server, ALICE, address=tapped.address))
    stolen = alice.copied(tmp_path / "stolen")
    tapped.forget()
    stolen.password = "a guess"
    assert stolen.type("login").status == 6
    assert not tapped.sent
    stolen.password = PASSWORD
    alice.done("login")
    alice.done("login")
    assert stolen.type("login").status == 4
    assert alice.type("login").status == 4
