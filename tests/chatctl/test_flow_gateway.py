"""One flow from beginning to end, as it was asked for: an account through a safe gateway, a
handshake by public key, then requests and answers under a key that moves on with each; whoever
sends what does not open is kept waiting and shut out; and the password set anew by a code.

The line is bare, and somebody on it hears everything.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dialogs.spool import Letters
from tests.peer import PATIENCE_SECONDS, Peer
from tests.sealed import SealedSocket
from tests.serving import SECRET, Server, own_address, running

from .shell import Ended, Shell
from .wire import Wire, wire

USER, CONTACT, NEW = "anastasia", "mailto:anastasia@example.org", "another good secret"
TEXT = "the roses are in bloom again"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """It asks for codes, and takes no secret in the clear."""
    with running(tmp_path, host="0.0.0.0", registration="gateway", transport="private") as server:
        yield server


@pytest.fixture
def tapped(server: Server) -> Iterator[Wire]:
    with wire(server, own_address()) as tapped:
        yield tapped


def typed(shell: Shell, *words: str, stdin: str = "") -> Ended:
    """What succeeds, though it may tell of a key that is new."""
    ended = shell.type(*words, stdin=stdin)
    assert ended.status == 0, ended
    return ended


def replayed(server: Server, lines: list[str]) -> None:
    """Repeat what was recorded, from another machine: nothing comes of it but the end."""
    with Peer(elsewhere(server)) as peer:
        assert peer.read().startswith("*HELLO|")
        assert peer.ask(lines[0]).startswith("SEAL|SUCCESS|")
        peer.send(*lines[1:])
        # A goodbye and the end, sealed for somebody else.
        assert [line[:1] for line in peer.rest()] == ["=", "="]


def garbled(server: Server) -> None:
    """Send what does not open in a channel of one's own."""
    sock = elsewhere(server)
    with Peer(SealedSocket(sock)) as peer:
        assert peer.read().startswith("*HELLO|")
        socket.socket.sendall(peer.sock, b"=" + b"A" * 100 + b"\n")
        assert [line[:12] for line in peer.rest()] == ["*BYE|DENIED|"]


def elsewhere(server: Server) -> socket.socket:
    return socket.create_connection((own_address(), server.port), PATIENCE_SECONDS)


class Tale:
    """What is told below."""

    def __init__(self, server: Server, tapped: Wire, folder: Path) -> None:
        self.server, self.tapped = server, tapped
        self.shell = Shell(folder, tapped.address)
        self.letters = Letters()
        self.secrets = {SECRET, NEW, CONTACT, TEXT, USER}

    def code(self) -> str:
        """What came to the safe gateway."""
        with self.server.connect() as peer:
            spool, ask = self.server.data / "spool", lambda: peer.ask("PING")
            found = self.letters.code(spool, USER, ask)
        self.secrets.add(found)
        return found

    def logs_in(self, password: str) -> bool:
        words = ("login", USER, "--password-stdin")
        return self.shell.type(*words, stdin=password).status == 0

    def register(self) -> str:
        """A user and a safe gateway are entered; the server keeps the password and sends a code.
        The recovery key."""
        words = ("register", USER, "--contact", CONTACT, "--password-stdin")
        typed(self.shell, *words, stdin=SECRET)
        assert not self.logs_in(SECRET)
        words = ("activate", USER, self.code(), "--password-stdin", "--json")
        key: str = typed(self.shell, *words, stdin=SECRET).objects[0]["recovery_key"]
        self.secrets.add(key)
        return key

    def talk(self) -> list[str]:
        """A handshake, then requests and answers; what went over the line."""
        assert self.logs_in(SECRET)
        self.tapped.forget()
        self.shell.done("send", USER, TEXT)
        recorded = list(self.tapped.sent)
        assert self.shell.done("history", USER).out.endswith(f"{USER}: {TEXT}\n")
        assert recorded[0].startswith("SEAL|")
        assert {line[:1] for line in recorded[1:]} == {"="}
        return recorded

    def repeat(self) -> None:
        """The key moves on: the same requests are never the same on the line."""
        for _ in range(3):
            self.shell.done("nc", stdin="PING|the same\nPING|the same\n")
        lines = [*self.tapped.sent, *self.tapped.answered]
        every = [line for line in lines if line.startswith("=")]
        assert len(set(every)) == len(every) > 20

    def recover(self, key: str) -> None:
        """The password is lost, and set anew through the gateway."""
        typed(self.shell, "reset", USER)
        words = ("recover", USER, "--code", "--password-stdin")
        typed(self.shell, *words, stdin=f"{self.code()}\n{key}\n{NEW}\n")
        assert self.shell.done("history", USER).out.endswith(f"{USER}: {TEXT}\n")
        assert not self.logs_in(SECRET)

    def heard(self) -> set[str]:
        """What somebody on the line, or with the log, learns of all that."""
        lines = [*self.tapped.sent, *self.tapped.answered, self.server.log.read_text()]
        return {word for word in self.secrets if word in "\n".join(lines)}


def test_the_flow(server: Server, tapped: Wire, tmp_path: Path) -> None:
    tale = Tale(server, tapped, tmp_path)
    key = tale.register()
    recorded = tale.talk()
    tale.repeat()
    # What does not open: a delay, a goodbye, and the end; also for what was good once.
    replayed(server, recorded)
    garbled(server)
    tale.recover(key)
    assert tale.heard() == set()
    assert server.complaints() == []
