"""How commands end: one line of complaint, an exit status, never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from chatctl.app import COMMANDS
from chatd.protocol.declare import COMMANDS as WIRE
from tests.peer import PATIENCE_SECONDS, nowhere
from tests.serving import Server

from .shell import Shell, member

NOT_COMMANDS = {
    *{"AUTH", "RESUME", "MSG", "HELP", "INFO", "PING", "QUIT"},
    *{"SALT", "SEAL", "VAULT", "STORE", "PUBLISH", "IDENTITY", "UNENROL", "WHERE"},
    *{"ANSWER", "REFUSE", "UNSERVE"},
}
"""Verbs that have no command of their own: `login`, `send` and others use them, or `call` does."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing command"),
        (("--nonsense",), "No such option"),
        (("histry",), "Did you mean 'history'?"),
        (("history",), "Missing argument"),
        (("history", "#x", "--limit", "many"), "--limit"),
        (("history", "#x", "--after", "-1"), "--after"),
        (("whoami", "extra"), "unexpected extra argument"),
        (("whoami", "--profile", "../up"), "profile's name"),
        (("chat",), "needs a terminal"),
        (("login",), "chatctl login NAME"),
        (("--server", "a b:c", "call", "PING"), "is no address"),
        (("send", "#x", os.fsdecode(b"\xff")), "UTF-8"),
    ],
)
def test_typed_wrong(shell: Shell, words: tuple[str, ...], said: str) -> None:
    ended = shell.type(*words)
    assert (ended.status, ended.out) == (2, ""), ended
    assert ended.err.startswith("chatctl: ")
    assert ended.err.count("\n") == 1
    assert said in ended.err


def test_global_options_before_and_after(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "kay")
    shell.profile, shell.address = "nobody", "127.0.0.1:1"
    options = ("--profile", "kay", "--server", shared_server.address, "--json")
    before = shell.done(*options, "whoami").objects
    after = shell.done("whoami", *options).objects
    both = shell.done(*options[:2], "whoami", *options[2:]).objects
    assert before[0]["user"] == "kay"
    assert before == after == both


def test_help(shell: Shell) -> None:
    shown = shell.done("--help").out
    functions = [function for heading in COMMANDS.values() for function in heading]
    names = {function.__name__.rstrip("_").replace("_", "-") for function in functions}
    assert {name for name in names if f" {name} " not in shown} == set()
    assert {verb for verb in WIRE if verb.lower() not in names} == NOT_COMMANDS
    assert "--limit" in shell.done("history", "--help").out


def test_no_server(shell: Shell) -> None:
    with nowhere() as port:
        for address in (f"127.0.0.1:{port}", f"unix:{shell.folder}/none"):
            shell.address = address
            ended = shell.type("call", "PING")
            assert (ended.status, ended.out, ended.err.count("\n")) == (3, "", 1)
            assert address in ended.err


def test_no_chat_server(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        shell.address = f"127.0.0.1:{listener.getsockname()[1]}"
        with shell.start("call", "PING") as process:
            accepted, _ = listener.accept()
            accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            accepted.close()
            assert process.wait(PATIENCE_SECONDS) == 3
            assert process.stderr is not None
            assert process.stderr.read().count(b"\n") == 1


def test_output_that_cannot_be_written(shared_server: Server, shell: Shell) -> None:
    lee = member(shared_server, shell.folder, "lee", "#full")
    with Path("/dev/full").open("wb") as full, lee.start("rooms", stdout=full) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        assert (process.wait(PATIENCE_SECONDS), said.count(b"\n")) == (2, 1)


def test_nobody_reads(shared_server: Server, shell: Shell) -> None:
    mia = member(shared_server, shell.folder, "mia", "#unread")
    reader, writer = os.pipe()
    os.close(reader)
    with mia.start("rooms", stdout=writer) as process:
        os.close(writer)
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(shared_server: Server, shell: Shell, closed: str) -> None:
    nia = member(shared_server, shell.folder, f"nia{len(closed)}{closed[0] == '<'}")
    script = f'"$@" {closed}'
    ended = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *nia.argv("whoami")],
        env=nia.environ,
        cwd=nia.folder,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_locale_that_cannot_write_a_name(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "漢")
    environ = {**shell.environ, "PYTHONIOENCODING": "latin-1"}
    ended = subprocess.run(
        shell.argv("whoami"), env=environ, cwd=shell.folder, capture_output=True, check=False
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith(b"\\u6f22 at ")
