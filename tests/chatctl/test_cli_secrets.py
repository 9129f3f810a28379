"""What becomes of a password on its way: a server gets a secret made of it, and by no lie more."""

from __future__ import annotations

import json
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest

from chatctl.e2e import RecoveryKey
from chatctl.trust import pin_of
from chatd.server.certificates import write_self_signed
from tests.serving import SECRET, Server, running

from .shell import Shell, by_netcat, logs_in, registered
from .terminal import Terminal
from .wire import Wire, instead

NEW = "another good secret"
NUMERIC_HOST = "127.1"
"""A host that is found everywhere, and that looks like a name, not like an address."""


@pytest.fixture
def shell(tapped: Wire, tmp_path: Path) -> Shell:
    """A shell of somebody who is not logged in, at the wire."""
    return Shell(tmp_path, tapped.address)


def profile(shell: Shell) -> dict[str, Any]:
    """What the profile holds."""
    held: dict[str, Any] = json.loads(profile_file(shell).read_text())
    return held


def profile_file(shell: Shell) -> Path:
    return shell.folder / "chatctl" / f"{shell.profile}.json"


def test_the_server_never_gets_the_password(tapped: Wire, shell: Shell) -> None:
    registered(shell, "una")
    logs_in(shell, "una")
    shell.done("passwd", "--password-stdin", stdin=f"{SECRET}\n{NEW}\n")
    shell.done("erase", "--password-stdin", stdin=NEW)
    sent = "\n".join(tapped.sent)
    assert [word for word in f"{SECRET} {NEW}".split() if word in sent] == []
    [register] = tapped.said("REGISTER")
    secret, kdf = register.split("|")[2:]
    assert (len(secret), kdf.rpartition("$")[0]) == (43, "kdf=argon2id$v=19$m=65536,t=3,p=4")
    assert {line.split("|")[2] for line in tapped.said("AUTH")} == {secret}
    [passwd] = tapped.said("PASSWD")
    assert passwd.split("|")[1] == secret
    assert passwd.split("|")[3].rpartition("$")[2] != kdf.rpartition("$")[2]
    assert tapped.said("ERASE") == [f"ERASE|{passwd.split('|')[2]}"]


def test_nothing_secret_is_printed(tapped: Wire, shell: Shell) -> None:
    ended = [shell.done("register", "ulf", "--password-stdin", stdin=SECRET), logs_in(shell, "ulf")]
    ended += [shell.done("passwd", "--password-stdin", stdin=f"{SECRET}\n{NEW}\n")]
    kept = profile(shell)
    ended += [shell.done("erase", "--password-stdin", stdin=NEW)]
    proofs = {line.split("|")[2] for line in tapped.said("AUTH") + tapped.said("PASSWD")}
    ended += [shell.type("login", "ulf", "one more word")]
    assert ended[-1].status == 2  # no argument can be a password
    for secret in {SECRET, NEW, kept["token"], kept["vault_key"], *proofs}:
        assert [one for one in ended if secret in one.out + one.err] == []


def test_the_recovery_key_is_shown_once(shell: Shell) -> None:
    key = registered(shell, "rae")
    assert RecoveryKey.read(key).written() == key
    login = shell.done("login", "rae", "--password-stdin", "--json", stdin=SECRET)
    assert set(login.objects[0]) == {"user", "session_id", "level", "server"}
    assert key not in login.out + profile_file(shell).read_text()


def test_a_person_is_told_to_write_the_recovery_key_down(shell: Shell) -> None:
    with Terminal(shell, "register", "rob") as terminal:
        terminal.until("Password:")
        terminal.keys(f"{SECRET}\r")
        terminal.until("Once more:")
        terminal.keys(f"{SECRET}\r")
        terminal.until("write it down:")
        assert terminal.status() == 0
        [key] = [line.strip() for line in terminal.shown.splitlines() if line.count("-") == 7]
    assert RecoveryKey.read(key).written() == key


def test_what_the_profile_keeps(shell: Shell) -> None:
    registered(shell, "pia")
    assert not profile_file(shell).exists()
    logs_in(shell, "pia")
    assert stat.S_IMODE(profile_file(shell).stat().st_mode) == 0o600
    kept = profile(shell)
    assert (len(kept.pop("token")), len(kept.pop("vault_key"))) == (43, 43)
    lasting = {"server_name": "test", "derived": True, "vault_version": 1}
    assert kept == {"server": shell.address, "user": "pia", **lasting}
    assert SECRET not in profile_file(shell).read_text()
    shell.done("logout")
    assert profile(shell) == {"server": shell.address, "user": "pia", **lasting}


def test_what_remains_of_an_erased_account(shell: Shell) -> None:
    registered(shell, "ede")
    logs_in(shell, "ede")
    assert shell.type("erase", "--password-stdin", stdin=NEW).status == 1
    shell.done("erase", "--password-stdin", stdin=SECRET)
    assert profile(shell) == {"server": shell.address, "server_name": "test"}
    denied = shell.type("login", "ede", "--password-stdin", stdin=SECRET)
    assert (denied.status, denied.err.split(":")[1]) == (1, " DENIED")


def test_a_token_lets_a_netcat_in(tapped_server: Server, shell: Shell) -> None:
    registered(shell, "tia")
    logs_in(shell, "tia")
    token = shell.done("token").out.strip()
    with tapped_server.connect() as peer:
        assert peer.ask(f"AUTH|tia|{SECRET}").startswith("AUTH|FAILURE|DENIED|")
        assert peer.ask(f"RESUME|{token}") == "RESUME|SUCCESS|tia"
        assert peer.ask("VAULT").startswith("VAULT|SUCCESS|1|{")


def test_a_wrong_password(tapped: Wire, shell: Shell) -> None:
    registered(shell, "wim")
    for stdin in ("wrong", f"{SECRET} "):
        ended = shell.type("login", "wim", "--password-stdin", stdin=stdin)
        assert (ended.status, ended.out, ended.err.split(":")[1]) == (1, "", " DENIED")
    logs_in(shell, "wim")
    tapped.forget()
    ended = shell.type("passwd", "--password-stdin", stdin=f"wrong\n{NEW}\n")
    assert (ended.status, ended.out) == (6, "")
    assert "the password is wrong" in ended.err
    assert tapped.said("PASSWD") == []


def test_a_weak_password_is_refused_before_anything_is_sent(tapped: Wire, shell: Shell) -> None:
    weak = shell.type("register", "wes", "--password-stdin", "--json", stdin="aaaa")
    assert (weak.status, weak.objects[0]["code"]) == (1, "WEAK_PASSWORD")
    assert weak.err == f"chatctl: WEAK_PASSWORD: {weak.objects[0]['sentence']}\n"
    own = shell.type("register", "margaretsville", "--password-stdin", stdin="margaretsville")
    assert own.err.startswith("chatctl: WEAK_PASSWORD: ")
    assert tapped.said("REGISTER") == []
    registered(shell, "wes")
    logs_in(shell, "wes")
    changed = shell.type("passwd", "--password-stdin", stdin=f"{SECRET}\naaaa\n")
    assert (changed.status, tapped.said("PASSWD")) == (1, [])


def test_a_middling_password_is_warned_of(shell: Shell) -> None:
    ended = shell.type("register", "mid", "--password-stdin", stdin="bluebird7x")
    assert (ended.status, ended.err.count("\n")) == (0, 1)
    assert ended.err.startswith("chatctl: Warning: this password could be guessed.")
    assert "Registered mid" in ended.out


@pytest.mark.parametrize("command", ["login", "passwd", "secure", "erase"])
def test_no_server_can_ask_for_a_password_that_it_never_needed(
    tapped: Wire, shell: Shell, command: str
) -> None:
    registered(shell, f"non-{command}")
    logs_in(shell, f"non-{command}")
    tapped.forget()
    tapped.lie = instead("SALT", "SALT|SUCCESS|none")
    ended = shell.type(command, "--password-stdin", stdin=f"{SECRET}\n{NEW}\n")
    assert (ended.status, ended.err.count("\n")) == (5, 1)
    assert "nothing was sent" in ended.err
    assert {line.partition("|")[0] for line in tapped.sent} <= {"SALT", "RESUME"}
    tapped.lie = str
    logs_in(shell, f"non-{command}")


@pytest.mark.parametrize(
    ("kdf", "status", "said"),
    [
        ("argon2id$v=19$m=65535,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA", 5, "weaker"),
        ("argon2id$v=19$m=65536,t=2,p=4$AAAAAAAAAAAAAAAAAAAAAA", 5, "weaker"),
        ("argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAA", 5, "weaker"),
        ("argon2id$v=19$m=4194304,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA", 5, "too long"),
        ("argon2id$v=19$m=65536,t=999,p=4$AAAAAAAAAAAAAAAAAAAAAA", 5, "too long"),
        ("argon2i$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA", 3, "cannot be read"),
    ],
)
def test_a_weakened_kdf_is_refused(
    tapped: Wire, shell: Shell, kdf: str, status: int, said: str
) -> None:
    tapped.lie = instead("SALT", f"SALT|SUCCESS|{kdf}")
    ended = shell.type("login", "anybody", "--password-stdin", stdin=SECRET)
    assert (ended.status, ended.out, ended.err.count("\n")) == (status, "", 1)
    assert said in ended.err
    assert tapped.sent == ["SALT|anybody"]


def renamed(line: str) -> str:
    return line.replace("|test|", "|elsewhere|", 1) if line.startswith("*HELLO|") else line


def test_a_server_that_is_suddenly_called_otherwise_gets_no_secret(
    tapped: Wire, shell: Shell
) -> None:
    registered(shell, "sia")
    logs_in(shell, "sia")
    tapped.forget()
    tapped.lie = renamed
    for words in (("login",), ("passwd",), ("erase",), ("recover",), ("register", "sid")):
        stdin = f"{SECRET}\n{RecoveryKey.fresh().written()}\n{NEW}\n"
        ended = shell.type(*words, "--password-stdin", stdin=stdin)
        assert (ended.status, ended.err.count("\n")) == (5, 1), ended
        assert "calls itself elsewhere, not test" in ended.err
    assert {line.partition("|")[0] for line in tapped.sent} == {"SALT", "RESUME"}


def test_the_name_is_remembered_whoever_logs_in_next(
    tapped_server: Server, tapped: Wire, shell: Shell
) -> None:
    registered(shell, "nia")
    logs_in(shell, "nia")
    by_netcat(tapped_server, "nil")
    logs_in(shell, "nil")
    tapped.lie = renamed
    assert shell.type("login", "nia", "--password-stdin", stdin=SECRET).status == 5
    shell.done("erase", "--password-stdin", stdin=SECRET)
    assert shell.type("login", "nia", "--password-stdin", stdin=SECRET).status == 5


@pytest.mark.parametrize(("name", "status"), [("test", 5), (NUMERIC_HOST, 0)])
def test_a_server_must_bear_the_name_that_was_asked_for(
    tmp_path: Path, name: str, status: int
) -> None:
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_self_signed(["chat.example"], 1, *files)
    with running(tmp_path, tls=files, name=name) as server:
        shell = Shell(tmp_path, f"chats://{NUMERIC_HOST}:{server.port}")
        pin = pin_of_file(files[0])
        ended = shell.type("register", "ann", "--pin", pin, "--password-stdin", stdin=SECRET)
        assert ended.status == status
        if status:
            assert f"calls itself test, not {NUMERIC_HOST}" in ended.err


def pin_of_file(file: Path) -> str:
    return pin_of(ssl.PEM_cert_to_DER_cert(file.read_text()))


def stored(shell: Shell, *values: str) -> None:
    for value in values:
        shell.done("vault", "set", "note", value)


def test_an_old_vault_is_noticed(tapped: Wire, shell: Shell) -> None:
    registered(shell, "ove")
    logs_in(shell, "ove")
    shell.done("vault", "list")
    old = tapped.last("VAULT")
    stored(shell, "one", "two")
    assert profile(shell)["vault_version"] == 3
    renumbered = old.replace("VAULT|SUCCESS|1|", "VAULT|SUCCESS|9|")
    lies = [(old, "version 1"), (renumbered, "swapped"), ("VAULT|SUCCESS|0|", "version 0")]
    for lie, said in lies:
        tapped.lie = instead("VAULT", lie)
        for words in (("vault", "get", "note"), ("login", "--password-stdin")):
            ended = shell.type(*words, stdin=SECRET)
            assert (ended.status, ended.out, ended.err.count("\n")) == (5, "", 1)
            assert said in ended.err
    tapped.lie = str
    assert profile(shell)["vault_version"] == 3
    assert shell.done("vault", "get", "note").out == "two\n"


def test_a_damaged_vault_is_not_opened(tapped: Wire, shell: Shell) -> None:
    registered(shell, "dag")
    logs_in(shell, "dag")

    def damaged(line: str) -> str:
        if not line.startswith("VAULT|"):
            return line
        head, blob = line[:16], json.loads(line[16:])
        return head + json.dumps({**blob, "tag": "A" * 22})

    tapped.lie = damaged
    for words in (("vault", "list"), ("login", "--password-stdin")):
        ended = shell.type(*words, stdin=SECRET)
        assert (ended.status, ended.out, ended.err.count("\n")) == (6, "", 1)
