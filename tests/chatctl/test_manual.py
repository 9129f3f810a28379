"""What people type at the shell in the manual, typed: with the real chatctl, netcat and jose.

Where one of these is missing the test is skipped; in CI, whose set-up installs all, it fails.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from chatctl.e2e import Master, accepted_kdf
from tests.dialogs.spool import Letters
from tests.peer import eventually
from tests.serving import SECRET, Server, running
from tests.sources import ROOT

from .console import LINE, Console, Step, agrees, steps
from .shell import Shell

PROTOCOL = (ROOT / "protocol.md").read_text()
README = (ROOT / "README.md").read_text()
NETCAT = "nc.openbsd"
CODE, CODES = "48151623", "## Run it"


class Town:
    """Where the manual's people live, each with a folder and a shell of their own."""

    def __init__(self, folder: Path, server: Server, stack: ExitStack) -> None:
        self._folder = folder
        self._server = server
        self._stack = stack
        self._consoles: dict[str, Console] = {}
        self._bin = folder / "bin"
        self._bin.mkdir()
        (self._bin / "nc").symlink_to(tool(NETCAT))
        self._enrolment_line = ""
        for name in ("chatctl", "chatd"):
            (self._bin / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {name} "$@"\n')
            (self._bin / name).chmod(0o755)

    def shell(self, user: str) -> Shell:
        """Where chatctl keeps what is `user`'s."""
        folder = self._folder / user
        folder.mkdir(exist_ok=True)
        return Shell(folder, self._server.address)

    def knows(self, *users: str) -> None:
        """These have accounts, made by chatctl, and are logged in."""
        for user in users:
            for command in ("register", "login"):
                self.shell(user).done(command, user, "--password-stdin", stdin=SECRET)

    def speaks_plainly(self, user: str, line: str) -> None:
        """Somebody with a netcat makes an account, and says this."""
        with self._server.connect() as peer:
            for asked in (f"REGISTER|{user}|{SECRET}", f"AUTH|{user}|{SECRET}", line):
                assert "|SUCCESS" in peer.ask(asked)

    def play(self, step: Step) -> None:
        """Type it, and compare."""
        console = self._console(step.user)
        typed = step.typed.replace("127.0.0.1 4040", f"127.0.0.1 {self._server.port}")
        typed = LINE.sub(lambda _: self._enrolment_line, typed)
        if step.typed.startswith("chatctl listen"):
            # What was shown is marked as read a moment later.
            shell = self.shell(step.user)
            seen = console.watch(typed, len(step.seen), lambda: not shell.done("unread").out)
        else:
            seen = console.type(typed)
        if line := LINE.search(seen):
            self._enrolment_line = line[0]
        assert agrees(seen, step.seen), f"{step.user}$ {step.typed}\n{seen}"

    def play_once_found(self, user: str, played: list[Step]) -> None:
        """Play these once `user` listens directly."""
        shell = self.shell(played[0].user)
        assert eventually(lambda: shell.type("call", "WHERE", user).status == 0)
        for step in played:
            self.play(step)

    def _console(self, user: str) -> Console:
        if user not in self._consoles:
            shell = self.shell(user)
            data = {"CHATD_DATA": str(self._server.data)}
            environ = {**shell.environ, **data, "PATH": f"{self._bin}:{os.environ['PATH']}"}
            console = Console(shell.folder, environ, SECRET)
            self._consoles[user] = self._stack.enter_context(console)
        return self._consoles[user]


def tool(name: str) -> str:
    """Where a program is."""
    if found := shutil.which(name):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


class Post(Town):
    """A town in which codes come by mail; the manual's stands for the one that came."""

    def play(self, step: Step) -> None:
        if CODE in step.typed:
            spool = self._server.data / "spool"
            with self._server.connect() as peer:
                came = Letters().code(spool, step.user, lambda: peer.ask("PING"))
            step.typed = step.typed.replace(CODE, came)
        super().play(step)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with running(tmp_path, name="chat.example.net") as server, ExitStack() as stack:
        yield Town(tmp_path, server, stack)


def section(document: str, heading: str) -> str:
    """What stands under a heading, up to the next of its kind."""
    _, found, after = document.partition(f"\n{heading}\n")
    assert found, heading
    return after.partition(f"\n{heading.partition(' ')[0]} ")[0]


def test_stock_tools_suffice(town: Town) -> None:
    tool("jose")
    town.knows("alice", "bob")
    (town.shell("carol").folder / "secret").write_text("nine purple elephants\n")
    for step in steps(section(PROTOCOL, "### With nc and jose")):
        town.play(step)


def test_chatctl_does_what_the_readme_shows(town: Town) -> None:
    town.knows("bob")
    (town.shell("bob").folder / "app.log").write_text("one\ntwo\n")
    played = steps(section(README, "## The same with chatctl"))
    for step in played:
        town.play(step)
    assert {"alice", "bob"} == {step.user for step in played}
    town.speaks_plainly("carol", "MSG|alice|lunch?")
    for step in steps(section(README, "## What only you can read")):
        town.play(step)


def test_somebody_is_enrolled_as_the_readme_shows(town: Town) -> None:
    for step in steps(section(README, "## Enrolled by somebody you have met")):
        town.play(step)


def test_an_account_opens_with_a_code_as_the_readme_shows(tmp_path: Path) -> None:
    with running(tmp_path, registration="gateway") as server, ExitStack() as stack:
        post = Post(tmp_path, server, stack)
        for step in steps(section(README, CODES)):
            post.play(step)


def test_two_clients_do_what_the_readme_shows(town: Town) -> None:
    town.knows("alice", "bob")
    for user, other in (("alice", "bob"), ("bob", "alice")):
        town.shell(user).type("send", other, "hi")
        town.shell(user).done("seen", other)
    listens, *others = steps(section(README, "## From client to client"))
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(town.play_once_found, "bob", others[:2])
        town.play(listens)
        sent.result()
    for step in others[2:]:
        step.typed = step.typed.replace("~/.local/state", '"$XDG_STATE_HOME"')
        town.play(step)


def test_no_block_of_the_manual_is_left_unplayed() -> None:
    parts = [section(PROTOCOL, "### With nc and jose")]
    parts += [section(README, "## The same with chatctl")]
    parts += [section(README, "## What only you can read")]
    parts += [section(README, "## Enrolled by somebody you have met")]
    parts += [section(README, "## From client to client")]
    parts += [section(README, CODES)]
    assert sum(map(len, map(steps, parts))) == len(steps(PROTOCOL)) + len(steps(README))


def test_the_derived_secret_is_the_one_in_the_document() -> None:
    kdf = accepted_kdf("argon2id$v=19$m=65536,t=3,p=4$c2l4dGVlbiBieXRlcy4uLg")
    assert kdf is not None and f"`{kdf}`" in PROTOCOL
    secret = Master.from_password(SECRET, kdf).secret_for("chat.example.net")
    assert f"`{SECRET}`" in PROTOCOL and f"`{secret}`" in PROTOCOL
