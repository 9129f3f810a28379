"""chatctl over a bare line to another machine: it seals, and knows the server again by its key."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import SECRET, Server, own_address, running

from .shell import Shell
from .test_cli_listen import listening
from .wire import Wire, wire

TEXT = "the roses are in bloom again"
UNKNOWN = "ERROR|FAILURE|UNKNOWN_VERB|There is no such command; HELP lists them."


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes no secret in the clear; it hears the proxies as its own machine."""
    folder = tmp_path_factory.mktemp("private")
    with running(folder, host="0.0.0.0", transport="private") as server:
        yield server


@pytest.fixture
def tapped(private: Server) -> Iterator[Wire]:
    with wire(private, own_address()) as tapped:
        yield tapped


@pytest.fixture
def shell(tapped: Wire, tmp_path: Path) -> Shell:
    return Shell(tmp_path, tapped.address)


def fingerprint(server: Server) -> str:
    with socket.create_connection(("127.0.0.1", server.port)) as sock, sock.makefile() as lines:
        return lines.readline().rstrip().split("|")[3]


def logs_in(shell: Shell, user: str) -> None:
    ended = shell.type("register", user, "--password-stdin", stdin=SECRET)
    assert (ended.status, "is new to you" in ended.err) == (0, True)
    shell.done("login", user, "--password-stdin", stdin=SECRET)


def test_nothing_but_the_hello_is_readable(private: Server, tapped: Wire, shell: Shell) -> None:
    logs_in(shell, "ann")
    shell.done("send", "ann", TEXT)
    assert shell.done("history", "ann").out.endswith(f"ann: {TEXT}\n")
    assert {line[:1] for line in tapped.sent if not line.startswith("SEAL|")} == {"="}
    clear = {line.partition("|")[0] for line in tapped.answered if not line.startswith("=")}
    assert clear == {"*HELLO", "SEAL"}
    # What it meets for the first time, to register, it knows from then on.
    assert [line.split("|")[1] for line in tapped.said("SEAL")] == ["NX", "NK", "NK", "NK"]


def test_without_a_proxy_too(private: Server, shell: Shell) -> None:
    shell.address = f"{own_address()}:{private.port}"
    logs_in(shell, "abe")
    assert shell.done("whoami").out.startswith(f"abe at {shell.address}, session ")


def test_the_first_key_is_told_and_kept(private: Server, shell: Shell) -> None:
    told = shell.type("register", "bob", "--password-stdin", stdin=SECRET).err
    assert fingerprint(private) in told
    shell.done("login", "bob", "--password-stdin", stdin=SECRET)
    shell.done("whoami")


def test_another_key_is_refused(private: Server, shell: Shell) -> None:
    logs_in(shell, "cyn")
    path = shell.folder / "chatctl" / "default.json"
    kept = path.read_text()
    pin = kept.partition('"pin":"sha256:')[2][:64]
    path.write_text(kept.replace(pin, "ab" * 32))
    ended = shell.type("whoami")
    assert (ended.status, ended.out, ended.err.count("\n")) == (5, "", 1)
    assert fingerprint(private) in ended.err
    assert "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s" in ended.err
    shell.done("whoami", "--pin", fingerprint(private))


def test_a_pin_given_at_first(private: Server, tapped: Wire, shell: Shell) -> None:
    wrong = shell.type("register", "dan", "--password-stdin", "--pin", "A" * 43, stdin=SECRET)
    assert (wrong.status, len(tapped.sent)) == (5, 1)
    pin = fingerprint(private)
    shell.done("register", "dan", "--password-stdin", "--pin", pin, stdin=SECRET)
    shell.done("login", "dan", "--password-stdin", "--pin", pin, stdin=SECRET)
    shell.done("whoami")


def test_a_server_that_cannot_seal_gets_nothing(tapped: Wire, shell: Shell) -> None:
    tapped.lie = lambda line: UNKNOWN if line.startswith("SEAL|") else line
    ended = shell.type("register", "eve", "--password-stdin", stdin=SECRET)
    assert (ended.status, ended.err.count("\n")) == (3, 1)
    assert "chats://" in ended.err
    assert [line.partition("|")[0] for line in tapped.sent] == ["SEAL"]


@pytest.mark.parametrize("at", [14, 40, 80, -1])
def test_a_handshake_that_was_changed(tapped: Wire, shell: Shell, at: int) -> None:
    def changed(line: str) -> str:
        if not line.startswith("SEAL|"):
            return line
        letters = [*line]
        letters[at] = "A" if letters[at] != "A" else "Q"
        return "".join(letters)

    tapped.lie = changed
    ended = shell.type("register", "fay", "--password-stdin", stdin=SECRET)
    assert ended.status in (3, 5)
    assert ended.err.count("\n") == 1
    assert [line.partition("|")[0] for line in tapped.sent] == ["SEAL"]


def test_a_hello_with_another_key(tapped: Wire, shell: Shell) -> None:
    tapped.lie = lambda line: f"{line[:-43]}{'A' * 43}" if line.startswith("*HELLO") else line
    ended = shell.type("register", "gil", "--password-stdin", stdin=SECRET)
    assert (ended.status, ended.err.count("\n")) == (5, 1)


@pytest.mark.parametrize("lie", [lambda line: line[:-2] + "AA", lambda _: "*MSG|x|1|x|x|x"])
def test_a_line_that_was_changed_ends_it(tapped: Wire, shell: Shell, lie: object) -> None:
    logs_in(shell, f"hal{len(tapped.sent)}{id(lie)}")
    assert callable(lie)
    tapped.lie = lambda line: lie(line) if line.startswith("=") else line
    ended = shell.type("whoami")
    assert (ended.status, ended.out, ended.err.count("\n")) == (3, "", 1)


def test_listening_and_sending(shell: Shell) -> None:
    logs_in(shell, "ida")
    kim = Shell(shell.folder, shell.address, "kim")
    logs_in(kim, "kim")
    assert kim.type("send", "ida", "first").status == 0
    with listening(shell) as found:
        assert found.next()["text"] == "first"
        kim.done("send", "ida", TEXT)
        assert found.next()["text"] == TEXT


def test_nc_is_netcat_through_the_channel(tapped: Wire, shell: Shell) -> None:
    logs_in(shell, "jan")
    tapped.forget()
    token = shell.done("token").out.strip()
    said = shell.done("nc", stdin=f"RESUME|{token}\nPING|{'x' * 30_000}\nWHOAMI").out.splitlines()
    assert [line.partition("|")[0] for line in said] == [
        "*HELLO", "RESUME", "PING", "WHOAMI", "*BYE"
    ]  # fmt: skip
    assert said[2] == f"PING|SUCCESS|{'x' * 30_000}"
    assert not any(token in line for line in tapped.sent)


def test_nc_to_a_place_that_is_named(private: Server, shell: Shell) -> None:
    said = shell.done("nc", private.address, stdin="PING|here\n").out
    assert "PING|SUCCESS|here\n" in said
    gone = shell.type("nc", "127.0.0.1:1", stdin="PING\n")
    assert (gone.status, gone.err.count("\n")) == (3, 1)
