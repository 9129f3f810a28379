"""Codes that come by mail, at the command line: the account opens, and a lost password is replaced;
the vault opens for the recovery key alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatctl.e2e import RecoveryKey
from tests.dialogs.spool import Letters
from tests.serving import SECRET, Server, running

from .shell import Ended, Shell, logs_in

NEW = "another good secret"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that opens accounts with codes."""
    with running(tmp_path_factory.mktemp("asking"), registration="gateway") as server:
        yield server


@pytest.fixture(scope="module")
def letters() -> Letters:
    """What came for whom."""
    return Letters()


@pytest.fixture
def shell(asking: Server, tmp_path: Path) -> Shell:
    return Shell(tmp_path, asking.address)


def code(server: Server, letters: Letters, user: str) -> str:
    with server.connect() as peer:
        return letters.code(server.data / "spool", user, lambda: peer.ask("PING"))


def registers(shell: Shell, user: str) -> Ended:
    words = ("register", user, "--contact", f"mailto:{user}@example.org", "--password-stdin")
    return shell.done(*words, stdin=SECRET)


def activated(shell: Shell, server: Server, letters: Letters, user: str) -> str:
    """A new account; its recovery key."""
    registers(shell, user)
    words = ("activate", user, code(server, letters, user), "--password-stdin", "--json")
    key: str = shell.done(*words, stdin=SECRET).objects[0]["recovery_key"]
    return key


def recover(shell: Shell, user: str, *lines: str, options: tuple[str, ...] = ()) -> Ended:
    words = ("recover", user, "--code", "--password-stdin", "--json", *options)
    return shell.type(*words, stdin="".join(f"{line}\n" for line in lines))


def test_an_account_opens_with_its_code(asking: Server, letters: Letters, shell: Shell) -> None:
    said = registers(shell, "ann")
    assert "activate ann CODE" in said.out
    assert shell.type("login", "ann", "--password-stdin", stdin=SECRET).status == 1
    wrong = shell.type("activate", "ann", "00000000", "--password-stdin", stdin=SECRET)
    assert (wrong.status, wrong.err.split(":")[1]) == (1, " DENIED")
    sent = code(asking, letters, "ann")
    # The code may also be asked for.
    ended = shell.done("activate", "ann", "--password-stdin", stdin=f"{SECRET}\n{sent}\n")
    assert "write it down" in ended.out
    logs_in(shell, "ann")
    shell.done("vault", "set", "note", "kept")
    assert shell.done("vault", "get", "note").out == "kept\n"


def test_as_json(asking: Server, letters: Letters, shell: Shell) -> None:
    words = ("register", "abe", "--contact", "tel:+49 30 901820", "--password-stdin", "--json")
    assert shell.done(*words, stdin=SECRET).objects == [{"user": "abe", "pending": True}]
    sent = code(asking, letters, "abe")
    typed = ("activate", "abe", sent, "--password-stdin", "--json")
    [made] = shell.done(*typed, stdin=SECRET).objects
    assert RecoveryKey.read(made.pop("recovery_key")) is not None
    assert made == {"user": "abe"}
    assert shell.done("reset", "abe", "--json").objects == [{"user": "abe"}]


def test_another_password_than_at_first(asking: Server, letters: Letters, shell: Shell) -> None:
    """The account is open then; nothing is lost."""
    registers(shell, "bea")
    words = ("activate", "bea", code(asking, letters, "bea"), "--password-stdin")
    ended = shell.type(*words, stdin=NEW)
    assert (ended.status, "not its password, so it has no keys yet" in ended.err) == (1, True)
    login = shell.type("login", "bea", "--password-stdin", stdin=SECRET)
    assert (login.status, "write it down" in login.out) == (0, True)
    assert "If you never had one, as after an activation with a wrong password" in login.err


@pytest.mark.parametrize("contact", ["bob@example.org", "mailto:bob", "tel:030"])
def test_what_is_no_contact(shell: Shell, contact: str) -> None:
    ended = shell.type("register", "bob", "--contact", contact, "--password-stdin", stdin=SECRET)
    assert (ended.status, ended.err.count("\n")) in ((1, 1), (2, 1))


def test_without_a_contact_one_is_told(shell: Shell) -> None:
    ended = shell.type("register", "bob", "--password-stdin", stdin=SECRET)
    assert ended.status == 1
    assert "--contact mailto:" in ended.err


def test_a_lost_password(asking: Server, letters: Letters, shell: Shell) -> None:
    key = activated(shell, asking, letters, "cyn")
    logs_in(shell, "cyn")
    shell.done("vault", "set", "note", "kept")
    other = Shell(shell.folder, shell.address, "other")
    assert "recover --code cyn" in other.done("reset", "cyn").out
    sent = code(asking, letters, "cyn")
    ended = recover(other, "cyn", sent, key, NEW)
    assert (ended.status, ended.err, ended.objects) == (0, "", [{"user": "cyn"}])
    assert other.done("vault", "get", "note").out == "kept\n"
    assert shell.type("whoami").status == 4
    assert shell.type("login", "cyn", "--password-stdin", stdin=SECRET).status == 1
    logs_in(shell, "cyn", NEW)
    assert shell.done("vault", "get", "note").out == "kept\n"
    # The recovery key stays as it was.
    shell.done("reset", "cyn")
    again = recover(other, "cyn", code(asking, letters, "cyn"), key, SECRET)
    assert again.status == 0


def test_a_broken_recovery_key_costs_no_code(
    asking: Server, letters: Letters, shell: Shell
) -> None:
    key = activated(shell, asking, letters, "dan")
    shell.done("reset", "dan")
    sent = code(asking, letters, "dan")
    assert recover(shell, "dan", sent, key[:-1], NEW).status == 2
    assert recover(shell, "dan", "00000000", key, NEW).status == 1
    assert recover(shell, "dan", sent, key, NEW).status == 0


def test_another_s_recovery_key(asking: Server, letters: Letters, shell: Shell) -> None:
    """The password is set; the vault waits for the right key."""
    key = activated(shell, asking, letters, "eve")
    shell.done("reset", "eve")
    sent = code(asking, letters, "eve")
    ended = recover(shell, "eve", sent, RecoveryKey.fresh().written(), NEW)
    assert ended.status != 0
    assert "The new password is set, but the vault is not open yet" in ended.err
    words = ("recover", "eve", "--password-stdin")
    shell.done(*words, stdin=f"{NEW}\n{key}\n{SECRET}\n")


def test_without_the_recovery_key(asking: Server, letters: Letters, shell: Shell) -> None:
    old = activated(shell, asking, letters, "fay")
    logs_in(shell, "fay")
    shell.done("vault", "set", "note", "lost")
    shown = shell.done("keys", "show", "--json").objects[0]
    shell.done("reset", "fay")
    ended = recover(shell, "fay", code(asking, letters, "fay"), "", NEW)
    assert ended.status == 6
    assert "stays closed" in ended.err and "--new-vault" in ended.err
    words = ("recover", "fay", "--new-vault", "--password-stdin", "--json")
    [made] = shell.done(*words, stdin=f"{NEW}\n{SECRET}\n").objects
    assert made["recovery_key"] != old
    assert shell.type("vault", "get", "note").status != 0
    assert shell.done("keys", "show", "--json").objects[0] != shown
    shell.done("vault", "set", "note", "anew")
    logs_in(Shell(shell.folder, shell.address, "other"), "fay")


def test_a_new_vault_with_a_code(asking: Server, letters: Letters, shell: Shell) -> None:
    activated(shell, asking, letters, "gus")
    shell.done("reset", "gus")
    sent = code(asking, letters, "gus")
    ended = recover(shell, "gus", sent, NEW, options=("--new-vault",))
    assert (ended.status, ended.err) == (0, "")
    assert RecoveryKey.read(ended.objects[0]["recovery_key"]) is not None
    shell.done("vault", "set", "note", "anew")


def test_an_account_that_never_had_a_vault(asking: Server, letters: Letters, shell: Shell) -> None:
    """It was made by netcat; from now on its password is its own."""
    with asking.connect() as peer:
        line = f"REGISTER|hal|{SECRET}|contact=mailto:hal@example.org"
        assert peer.ask(line) == "REGISTER|SUCCESS|pending"
        assert peer.ask(f"ACTIVATE|hal|{code(asking, letters, 'hal')}") == "ACTIVATE|SUCCESS"
    shell.done("reset", "hal")
    ended = recover(shell, "hal", code(asking, letters, "hal"), "", NEW)
    assert (ended.status, "recovery_key" in ended.objects[0]) == (0, True)
    shell.done("vault", "set", "note", "kept")


def test_nobody_is_told_who_is_there(shell: Shell) -> None:
    assert shell.done("reset", "nobody").out.startswith("If nobody has a contact at ")


@pytest.mark.parametrize("words", [("reset", ""), ("activate", " "), ("register", "")])
def test_a_name_is_not_empty(shell: Shell, words: tuple[str, ...]) -> None:
    ended = shell.type(*words)
    assert (ended.status, ended.err.count("\n"), "is empty" in ended.err) == (2, 1, True)


def test_no_secret_is_typed_or_shown(asking: Server, letters: Letters, shell: Shell) -> None:
    key = activated(shell, asking, letters, "ida")
    shell.done("reset", "ida")
    sent = code(asking, letters, "ida")
    ended = recover(shell, "ida", sent, key, NEW)
    assert not any(secret in ended.out + ended.err for secret in (sent, key, NEW))
    assert sent not in asking.log.read_text()
