"""Changes of password, second devices and recovery keys: whatever happens, the vault stays one's
own, and opens for what should open it alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import SECRET, Server

from .shell import Ended, Shell, logs_in, registered
from .terminal import Terminal
from .test_cli_secrets import NEW, profile
from .wire import Wire

GIVEN = "given by the keeper"
"""A password that who runs the server set."""


@pytest.fixture
def shell(tapped: Wire, tmp_path: Path) -> Shell:
    """A shell of somebody who is not logged in, at the wire."""
    return Shell(tmp_path, tapped.address)


@pytest.fixture
def other(shell: Shell) -> Shell:
    """Another device of the same person."""
    return Shell(shell.folder, shell.address, "other")


def person(shell: Shell, user: str) -> str:
    """A new account, logged in; its recovery key."""
    key = registered(shell, user)
    logs_in(shell, user)
    return key


def writes(shell: Shell, user: str, text: str) -> None:
    """A first message, which tells that the key is new."""
    ended = shell.type("send", user, text)
    assert (ended.status, "is new to you" in ended.err) == (0, True)


def passwd(shell: Shell, old: str, new: str, *options: str) -> Ended:
    return shell.type("passwd", "--password-stdin", *options, stdin=f"{old}\n{new}\n")


def recover(shell: Shell, user: str, key: str, new: str = NEW, current: str = GIVEN) -> Ended:
    words = ("recover", user, "--password-stdin", "--json")
    return shell.type(*words, stdin=f"{current}\n{key}\n{new}\n")


def forgotten(server: Server, tapped: Wire, user: str) -> None:
    """The password is lost, and who runs the server sets another, which the server sees."""
    secrets = [line.split("|")[2] for line in tapped.said("AUTH")]
    secrets += [line.split("|")[2] for line in tapped.said("PASSWD")]
    with server.connect() as peer:
        assert peer.ask(f"AUTH|{user}|{secrets[-1]}").startswith("AUTH|SUCCESS|")
        assert peer.ask(f"PASSWD|{secrets[-1]}|{GIVEN}") == "PASSWD|SUCCESS"
        assert peer.ask(f"SALT|{user}") == "SALT|SUCCESS|none"
        assert peer.ask("LOGOUT") == "LOGOUT|SUCCESS"


def test_a_second_device_needs_only_the_password(shell: Shell, other: Shell) -> None:
    person(shell, "ada")
    person(Shell(shell.folder, shell.address, "bo"), "ada-bo")
    shell.done("vault", "set", "note", "kept")
    writes(shell, "ada-bo", "in secret")
    mine = shell.done("keys", "show", "--json").objects
    assert [known["user"] for known in mine] == ["ada", "ada", "ada-bo"]
    logs_in(other, "ada")
    assert other.done("vault", "get", "note").out == "kept\n"
    assert other.done("keys", "show", "--json").objects == mine
    [message] = other.done("history", "ada-bo", "--json").objects
    assert (message["text"], message["findings"]) == ("in secret", [])
    other.done("send", "ada-bo", "from here too")


def test_a_new_password_ends_the_other_device_which_then_needs_it(
    shell: Shell, other: Shell
) -> None:
    person(shell, "pam")
    shell.done("vault", "set", "note", "kept")
    logs_in(other, "pam")
    assert passwd(shell, SECRET, NEW).status == 0
    assert shell.done("vault", "get", "note").out == "kept\n"
    assert other.type("vault", "get", "note").status == 4
    assert other.type("login", "--password-stdin", stdin=SECRET).status == 1
    logs_in(other, "pam", NEW)
    assert other.done("vault", "get", "note").out == "kept\n"
    other.done("vault", "set", "note", "changed")
    assert shell.done("vault", "get", "note").out == "changed\n"


def test_the_recovery_key_opens_the_vault(
    tapped_server: Server, tapped: Wire, shell: Shell
) -> None:
    key = person(shell, "kay")
    person(Shell(shell.folder, shell.address, "bo"), "kay-bo")
    shell.done("vault", "set", "note", "kept")
    writes(shell, "kay-bo", "in secret")
    keys = shell.done("keys", "show", "--json").objects
    tapped.sent = [line for line in tapped.sent if "kay-bo" not in line]
    forgotten(tapped_server, tapped, "kay")
    tapped.forget()
    recovered = recover(shell, "kay", f" {key.lower().replace('-', ' ')} ")
    assert (recovered.status, recovered.objects) == (0, [{"user": "kay"}])
    assert shell.done("vault", "get", "note").out == "kept\n"
    assert shell.done("keys", "show", "--json").objects == keys
    assert shell.done("history", "kay-bo", "--json").objects[0]["text"] == "in secret"
    assert tapped.said("AUTH") == [f"AUTH|kay|{GIVEN}"]
    assert [line for line in tapped.sent if NEW in line or key in line] == []
    shell.done("logout")
    logs_in(shell, "kay", NEW)
    assert shell.done("vault", "get", "note").out == "kept\n"


def test_recovery_at_a_terminal_of_another_device(
    tapped_server: Server, tapped: Wire, shell: Shell, other: Shell
) -> None:
    key = person(shell, "kit-2")
    forgotten(tapped_server, tapped, "kit-2")
    with Terminal(other, "recover", "kit-2") as terminal:
        for prompt, answer in [
            ("Password that the server accepts now:", GIVEN),
            ("Recovery key:", key),
            ("New password:", NEW),
            ("Once more:", NEW),
        ]:
            terminal.until(prompt)
            terminal.keys(f"{answer}\r")
        terminal.until("you are logged in as kit-2")
        assert terminal.status() == 0
        assert not {GIVEN, key, NEW} & {*terminal.shown.splitlines()}
        assert key not in terminal.shown
    assert other.done("whoami", "--json").objects[0]["user"] == "kit-2"


def test_what_does_not_recover(tapped_server: Server, tapped: Wire, shell: Shell) -> None:
    key = person(shell, "kim-2")
    stranger = registered(Shell(shell.folder, shell.address, "bo"), "kim-bo")
    tapped.sent = [line for line in tapped.sent if "kim-bo" not in line]
    forgotten(tapped_server, tapped, "kim-2")
    before = profile(shell)
    for status, typed, new, current in [
        (2, key[:-1], NEW, GIVEN),
        (2, key.translate(str.maketrans("0123456789", "1234567890")), NEW, GIVEN),
        (6, stranger, NEW, GIVEN),
        (1, key, "aaaa", GIVEN),
        (1, key, NEW, "wrong"),
    ]:
        ended = recover(shell, "kim-2", typed, new, current)
        assert (ended.status, ended.err.count("\n")) == (status, 1), ended
        assert profile(shell) == before
    with tapped_server.connect() as peer:
        peer.ask(f"AUTH|kim-2|{GIVEN}")
        assert [item[-1] for item in peer.items("SESSIONS")] == ["this"]
        assert peer.ask("VAULT").startswith("VAULT|SUCCESS|1|")
    assert recover(shell, "kim-2", key).status == 0


def test_a_new_recovery_key_makes_the_old_one_useless(
    tapped_server: Server, tapped: Wire, shell: Shell
) -> None:
    old = person(shell, "ren")
    changed = passwd(shell, SECRET, NEW, "--new-recovery-key", "--json")
    new = changed.objects[0]["recovery_key"]
    assert passwd(shell, NEW, SECRET, "--json").objects == [{}]
    forgotten(tapped_server, tapped, "ren")
    useless = recover(shell, "ren", old)
    assert useless.status == 6
    assert "the recovery key is wrong" in useless.err
    assert recover(shell, "ren", new).status == 0


def test_a_lost_password_of_a_known_account_is_no_reason_to_send_one(
    tapped_server: Server, tapped: Wire, shell: Shell
) -> None:
    person(shell, "los")
    forgotten(tapped_server, tapped, "los")
    tapped.forget()
    ended = shell.type("login", "--password-stdin", stdin=GIVEN)
    assert (ended.status, "chatctl recover" in ended.err) == (5, True)
    assert tapped.sent == ["SALT|los"]


def test_a_new_password_while_another_device_stores(
    tapped: Wire, shell: Shell, other: Shell
) -> None:
    person(shell, "con")
    logs_in(other, "con")
    raced: list[str] = []

    def between(line: str) -> str:
        if line.startswith("VAULT|") and not raced:
            raced.append(line)
            other.done("vault", "set", "note", "kept")
        return line

    tapped.lie = between
    ended = passwd(shell, SECRET, NEW)
    assert (ended.status, ended.err.split(":")[1]) == (1, " CONFLICT")
    assert passwd(shell, SECRET, NEW).status == 0
    assert shell.done("vault", "get", "note").out == "kept\n"


def broken_at_passwd(line: str) -> str:
    """The line breaks before this answer."""
    if line.startswith("PASSWD|"):
        raise ConnectionAbortedError
    return line


def test_a_change_that_did_not_arrive(tapped: Wire, shell: Shell) -> None:
    person(shell, "amb")
    shell.done("vault", "set", "note", "kept")
    tapped.cut = "PASSWD"
    assert passwd(shell, SECRET, NEW).status == 3
    tapped.cut = None
    assert shell.done("vault", "get", "note").out == "kept\n"
    assert passwd(shell, SECRET, NEW).status == 0


def test_a_change_whose_answer_is_lost(tapped: Wire, shell: Shell) -> None:
    person(shell, "lex")
    shell.done("vault", "set", "note", "kept")
    tapped.lie = broken_at_passwd
    assert passwd(shell, SECRET, NEW).status == 3
    tapped.lie = str
    assert shell.type("login", "--password-stdin", stdin=SECRET).status == 1
    logs_in(shell, "lex", NEW)
    assert shell.done("vault", "get", "note").out == "kept\n"
