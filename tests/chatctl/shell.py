"""chatctl as a person types it: real processes, with a folder of settings of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatd.protocol.fields import escape
from tests.serving import SECRET, Server

from .ready import ready

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The output as JSON, one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Types commands; `profile` is CHATCTL_PROFILE."""

    def __init__(self, folder: Path, address: str, profile: str = "default") -> None:
        self.folder = folder
        self.address = address
        self.profile = profile

    @property
    def environ(self) -> dict[str, str]:
        """What a command is started with."""
        kept = {name: held for name, held in os.environ.items() if not name.startswith("CHATCTL_")}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "CHATCTL_SERVER": self.address,
            "CHATCTL_PROFILE": self.profile,
            "TERM": "xterm",
        }

    def argv(self, *words: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "chatctl", *words]

    def type(self, *words: str, stdin: str | bytes = b"") -> Ended:
        """Run a command to its end; `stdin` is a pipe, and there is no terminal."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        status, out, err = ready().run([*words], given, self.environ, self.folder)
        return Ended(status, out.decode(), err.decode())

    def done(self, *words: str, stdin: str | bytes = b"") -> Ended:
        """As `type`; the command must succeed and complain of nothing."""
        ended = self.type(*words, stdin=stdin)
        assert (ended.status, ended.err) == (0, ""), ended
        return ended

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
        """Start a command, with pipes unless `streams` says otherwise."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            self.argv(*words), env=self.environ, cwd=self.folder, **{**pipes, **streams}
        )


def member(server: Server, folder: Path, user: str, *rooms: str) -> Shell:
    """A new account, logged in with a profile of its name if that can be, and in these rooms."""
    with server.connect() as peer:
        assert peer.ask(f"REGISTER|{user}|{SECRET}") == "REGISTER|SUCCESS"
        token = peer.ask(f"AUTH|{user}|{SECRET}").removeprefix("AUTH|SUCCESS|")
        for room in rooms:
            assert peer.ask(f"JOIN|{room}").startswith("JOIN|SUCCESS|")
    profile = user if user.isascii() else "default"
    path = folder / "chatctl" / f"{profile}.json"
    path.parent.mkdir(exist_ok=True)
    path.touch(0o600)
    path.write_text(json.dumps({"server": server.address, "user": user, "token": token}))
    return Shell(folder, server.address, profile)


def registered(shell: Shell, user: str) -> str:
    """A new account with keys; its recovery key."""
    words = ("register", user, "--password-stdin", "--json")
    key: str = shell.done(*words, stdin=SECRET).objects[0]["recovery_key"]
    return key


def logs_in(shell: Shell, user: str, password: str = SECRET) -> Ended:
    """Log in with a password."""
    return shell.done("login", user, "--password-stdin", stdin=password)


def by_netcat(server: Server, user: str) -> None:
    """A new account without keys, whose password the server knows."""
    with server.connect() as peer:
        assert peer.ask(f"REGISTER|{user}|{SECRET}") == "REGISTER|SUCCESS"


def posts(server: Server, user: str, target: str, *texts: str) -> None:
    """Messages from an account that there is."""
    with server.login(user) as peer:
        for text in texts:
            assert peer.ask(f"MSG|{target}|{escape(text)}").startswith("MSG|SUCCESS|")
