"""`secure`, and registrations that were cut short: how an account comes by its keys and vault."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.e2e import RecoveryKey
from tests.serving import SECRET, Server

from .shell import Shell, by_netcat, logs_in
from .terminal import Terminal
from .test_cli_recovery import forgotten, recover
from .test_cli_secrets import NEW, profile
from .wire import Wire


@pytest.fixture
def shell(tapped: Wire, tmp_path: Path) -> Shell:
    """A shell of somebody who is not logged in, at the wire."""
    return Shell(tmp_path, tapped.address)


@pytest.fixture
def other(shell: Shell) -> Shell:
    """Another device of the same person."""
    return Shell(shell.folder, shell.address, "other")


def published(server: Server, shell: Shell, user: str) -> str:
    """The thumbprint that others are shown."""
    with server.connect() as peer:
        peer.ask(f"RESUME|{profile(shell)['token']}")
        verb, outcome, thumbprint, _ = peer.ask(f"IDENTITY|{user}").split("|", 3)
        assert (verb, outcome) == ("IDENTITY", "SUCCESS")
        return thumbprint


def thumbprint_of(shell: Shell) -> str:
    """The thumbprint of one's own key for signatures."""
    keys = shell.done("keys", "show", "--json").objects
    [found] = [key["thumbprint"] for key in keys if key["use"] == "sig"]
    return str(found)


@pytest.mark.parametrize("new", [NEW, ""])
def test_an_account_made_by_netcat_is_secured(
    tapped_server: Server, tapped: Wire, shell: Shell, new: str
) -> None:
    user = f"sec{len(new)}"
    by_netcat(tapped_server, user)
    assert "chatctl secure" in logs_in(shell, user).out
    assert shell.type("vault", "list").status == 6
    tapped.forget()
    ended = shell.type("secure", "--password-stdin", "--json", stdin=f"{SECRET}\n{new}\n")
    assert (ended.status, "seen this password before" in ended.err) == (0, not new)
    [passwd] = tapped.said("PASSWD")
    assert passwd.startswith(f"PASSWD|{SECRET}|")
    assert SECRET not in passwd.removeprefix(f"PASSWD|{SECRET}|")
    assert [line for line in tapped.sent if NEW in line] == []
    shell.done("vault", "set", "note", "kept")
    tapped.forget()
    logs_in(shell, user, new or SECRET)
    assert shell.done("vault", "get", "note").out == "kept\n"
    assert [line for line in tapped.sent if SECRET in line] == []
    again = shell.type("secure", "--password-stdin", stdin=f"{new or SECRET}\n{NEW}\n")
    assert (again.status, tapped.said("PASSWD")) == (2, [])
    assert "secured already" in again.err
    forgotten(tapped_server, tapped, user)
    assert recover(shell, user, ended.objects[0]["recovery_key"], "a third good one").status == 0


def test_securing_ends_other_sessions_and_asks_for_the_password(
    tapped_server: Server, shell: Shell, other: Shell
) -> None:
    by_netcat(tapped_server, "sue-2")
    logs_in(shell, "sue-2")
    logs_in(other, "sue-2")
    wrong = shell.type("secure", "--password-stdin", stdin=f"wrong\n{NEW}\n")
    assert (wrong.status, wrong.err.split(":")[1]) == (1, " DENIED")
    weak = shell.type("secure", "--password-stdin", stdin=f"{SECRET}\naaaa\n")
    assert (weak.status, weak.err.split(":")[1]) == (1, " WEAK_PASSWORD")
    assert other.done("whoami", "--json").objects[0]["user"] == "sue-2"
    with Terminal(shell, "secure") as terminal:
        terminal.until("Password:")
        terminal.keys(f"{SECRET}\r")
        terminal.until("Enter keeps the old one")
        terminal.keys("\r")
        terminal.until("a new one is safer")
        assert terminal.status() == 0
        assert "Secured" in terminal.shown
    assert other.type("whoami").status == 4


def test_a_vault_that_is_there_is_not_replaced(tapped_server: Server, shell: Shell) -> None:
    by_netcat(tapped_server, "vin")
    with tapped_server.connect() as peer:
        peer.ask(f"AUTH|vin|{SECRET}")
        assert peer.ask("STORE|0|of another program") == "STORE|SUCCESS|1"
        logs_in(shell, "vin")
        ended = shell.type("secure", "--password-stdin", stdin=f"{SECRET}\n{NEW}\n")
        assert (ended.status, ended.out) == (2, "")
        assert "has a vault" in ended.err
        assert peer.ask("VAULT") == "VAULT|SUCCESS|1|of another program"


@pytest.mark.parametrize("verb", ["AUTH", "VAULT", "STORE", "PUBLISH"])
def test_an_interrupted_registration_is_made_whole_by_the_login(
    tapped_server: Server, tapped: Wire, shell: Shell, other: Shell, verb: str
) -> None:
    user = f"cut-{verb.lower()}"
    tapped.cut = verb
    cut = shell.type("register", user, "--password-stdin", stdin=SECRET)
    stored = verb == "PUBLISH"
    assert (cut.status, cut.out, cut.err.count("\n")) == (3, "", 2 if stored else 1)
    assert ("Write down your recovery key: " in cut.err) == stored
    tapped.cut = None
    login = shell.type("login", user, "--password-stdin", "--json", stdin=SECRET)
    assert (login.status, "had no vault of yours" in login.err) == (0, not stored)
    assert ("recovery_key" in login.objects[0]) == (not stored)
    shell.done("vault", "set", "note", "kept")
    logs_in(other, user)
    assert other.done("vault", "get", "note").out == "kept\n"
    assert published(tapped_server, shell, user) == thumbprint_of(other)


@pytest.mark.parametrize(("command", "verb"), [("register", "LOGOUT"), ("secure", "PUBLISH")])
def test_the_recovery_key_is_shown_before_anything_else_can_fail(
    tapped_server: Server, tapped: Wire, shell: Shell, command: str, verb: str
) -> None:
    user = f"lost-{verb.lower()}"
    words = [command, "--password-stdin", "--json"]
    if command == "register":
        words.append(user)
    else:
        by_netcat(tapped_server, user)
        logs_in(shell, user)
    tapped.cut = verb
    cut = shell.type(*words, stdin=SECRET)
    key = cut.objects[0]["recovery_key"]
    assert (cut.status, RecoveryKey.read(key).written()) == (3, key)
    tapped.cut = None
    logs_in(shell, user)
    assert published(tapped_server, shell, user) == thumbprint_of(shell)
    forgotten(tapped_server, tapped, user)
    assert recover(shell, user, key).status == 0
