"""Accounts and sessions from the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.serving import SECRET, Server

from .shell import Shell, member
from .terminal import Terminal

NEW = "another good secret"


def test_register_login_whoami_logout(shell: Shell) -> None:
    registered = shell.done("register", "ann", "--password-stdin", stdin=SECRET)
    assert "chatctl login ann" in registered.out.replace(f"--server {shell.address} ", "")
    assert shell.type("whoami").status == 4
    assert "ann" in shell.done("login", "ann", "--password-stdin", stdin=f"{SECRET}\n").out
    assert shell.done("whoami", "--json").objects[0]["user"] == "ann"
    assert shell.done("whoami").out.startswith(f"ann at {shell.address}, session ")
    shell.done("logout")
    gone = shell.type("whoami")
    assert (gone.status, gone.out) == (4, "")
    assert gone.err.startswith("chatctl: Not logged in")


def test_a_token_lets_a_netcat_in(shared_server: Server, shell: Shell) -> None:
    tom = member(shared_server, shell.folder, "tom")
    token = tom.done("token").out.strip()
    assert tom.done("token", "--json").objects == [{"token": token}]
    with shared_server.connect() as peer:
        assert peer.ask(f"RESUME|{token}") == "RESUME|SUCCESS|tom"
        assert peer.ask("LOGOUT") == "LOGOUT|SUCCESS"
    ended = tom.type("token")
    assert (ended.status, ended.out) == (4, "")


def test_a_password_comes_from_a_file_too(shell: Shell) -> None:
    (shell.folder / "secret").write_text(f"{SECRET}\r\n")
    shell.done("register", "fay", "--password-file", "secret")
    shell.done("login", "fay", "--password-file", "secret", "--json")
    missing = shell.type("login", "fay", "--password-file", "nowhere")
    assert (missing.status, missing.err) == (2, "chatctl: nowhere: No such file or directory\n")


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "The password is missing"),
        (b"\n", "is empty"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b"pass\x1bword\n", "control character"),
    ],
)
def test_what_is_no_password(shell: Shell, stdin: bytes, said: str) -> None:
    ended = shell.type("login", "ann", "--password-stdin", stdin=stdin)
    assert ended.status == 2
    assert said in ended.err


def test_without_a_terminal_nothing_is_asked(shell: Shell) -> None:
    ended = shell.type("login", "ann", stdin=SECRET)
    assert ended.status == 2
    assert "--password-stdin" in ended.err
    assert ended.err.count("\n") == 1


def test_a_password_is_asked_for_at_the_terminal(shell: Shell) -> None:
    with Terminal(shell, "register", "tess") as terminal:
        terminal.until("Password:")
        terminal.keys(f"{SECRET}\r")
        terminal.until("Once more:")
        terminal.keys(f"{SECRET}\r")
        terminal.until("Registered tess")
        assert SECRET not in terminal.shown
        assert terminal.status() == 0
    with Terminal(shell, "login", "tess") as terminal:
        terminal.until("Password:")
        terminal.keys(f"{SECRET}\r")
        terminal.until("Logged in as tess")
        assert terminal.status() == 0


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x04", 130)])
def test_leaving_at_the_question(shell: Shell, key: str, status: int) -> None:
    with Terminal(shell, "login", "ann") as terminal:
        terminal.until("Password:")
        terminal.keys(key)
        terminal.until("chatctl: Interrupted")
        assert terminal.status() == status


def test_two_different_passwords_make_no_account(shell: Shell) -> None:
    with Terminal(shell, "register", "twain") as terminal:
        terminal.until("Password:")
        terminal.keys(f"{SECRET}\r")
        terminal.until("Once more:")
        terminal.keys(f"{NEW}\r")
        terminal.until("chatctl: The two differ")
        assert terminal.status() == 2
    shell.done("register", "twain", "--password-stdin", stdin=SECRET)


def test_the_profile_is_private_and_holds_the_token(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "priya")
    shell.profile = "kept"
    shell.done("login", "priya", "--password-stdin", stdin=SECRET)
    path = shell.folder / "chatctl" / "kept.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_text())
    assert (kept["user"], kept["server"], len(kept["token"])) == ("priya", shell.address, 43)


def test_no_secret_is_ever_printed(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "mum")
    login = shell.done("login", "mum", "--password-stdin", "--json", stdin=SECRET)
    token = json.loads((shell.folder / "chatctl" / "default.json").read_text())["token"]
    assert token not in login.out
    assert SECRET not in login.out


def test_refused(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "rex")
    for words, code in [
        (("register", "rex"), "TAKEN"),
        (("register", "a b"), "BAD_NAME"),
        (("login", "nobody-at-all"), "DENIED"),
    ]:
        ended = shell.type(*words, "--password-stdin", stdin=SECRET)
        assert (ended.status, ended.out) == (1, "")
        assert ended.err.startswith(f"chatctl: {code}: ")
    weak = shell.type("--json", "register", "wes", "--password-stdin", stdin="aaaa")
    assert (weak.status, weak.objects[0]["code"]) == (1, "WEAK_PASSWORD")
    assert weak.err == f"chatctl: WEAK_PASSWORD: {weak.objects[0]['sentence']}\n"


def test_passwd_ends_the_other_sessions(shared_server: Server, shell: Shell) -> None:
    here = member(shared_server, shell.folder, "pat")
    shell.done("login", "pat", "--password-stdin", stdin=SECRET)
    wrong = here.type("passwd", "--password-stdin", stdin=f"wrong\n{NEW}\n")
    assert (wrong.status, wrong.err.split(":")[1]) == (1, " DENIED")
    here.done("passwd", "--password-stdin", stdin=f"{SECRET}\n{NEW}\n")
    here.done("whoami")
    ended = shell.type("whoami")
    assert ended.status == 4
    assert ended.err == "chatctl: Your session has ended; log in with: chatctl login NAME\n"
    shell.done("login", "--password-stdin", stdin=NEW)


def test_sessions_and_forget(shared_server: Server, shell: Shell) -> None:
    here = member(shared_server, shell.folder, "sue")
    shell.done("login", "sue", "--password-stdin", stdin=SECRET)
    items = here.done("sessions", "--json").objects
    assert [item["this"] for item in items].count(True) == 1
    assert set(items[0]) == {"session_id", "created", "last_used", "address", "this"}
    [other] = [item["session_id"] for item in items if not item["this"]]
    here.done("forget", other)
    assert shell.type("whoami").status == 4
    [mine] = [item["session_id"] for item in here.done("sessions", "--json").objects]
    assert mine in here.done("sessions").out
    here.done("forget", mine)
    assert here.type("whoami").status == 4
    assert here.type("forget", "nonsense").status == 4


def test_logging_in_again_ends_the_session_before(shared_server: Server, shell: Shell) -> None:
    here = member(shared_server, shell.folder, "amy")
    here.done("login", "--password-stdin", stdin=SECRET)
    assert len(here.done("sessions", "--json").objects) == 1


def test_a_session_that_cannot_be_kept_is_ended(shared_server: Server, shell: Shell) -> None:
    here = member(shared_server, shell.folder, "ben")
    stuck = Shell(shell.folder / "stuck", shell.address)
    stuck.folder.mkdir()
    (stuck.folder / "chatctl").symlink_to("nowhere")
    ended = stuck.type("login", "ben", "--password-stdin", stdin=SECRET)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert len(here.done("sessions", "--json").objects) == 1


def test_two_profiles(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "uma")
    member(shared_server, shell.folder, "vic")
    assert shell.done("whoami", "--profile", "uma", "--json").objects[0]["user"] == "uma"
    assert shell.done("--profile", "vic", "whoami", "--json").objects[0]["user"] == "vic"
    missing = shell.type("whoami", "--profile", "wyn")
    assert missing.err.endswith("log in with: chatctl --profile wyn login NAME\n")


def test_a_token_goes_to_no_other_server(shared_server: Server, shell: Shell) -> None:
    here = member(shared_server, shell.folder, "zoe")
    here.address = f"localhost:{shared_server.port}"
    ended = here.type("whoami")
    assert ended.status == 4
    assert f"at {shared_server.address} instead" in ended.err


def test_logging_out_of_a_session_that_has_ended(shared_server: Server, shell: Shell) -> None:
    here = member(shared_server, shell.folder, "lou")
    with shared_server.login("lou") as peer:
        peer.ask(f"PASSWD|{SECRET}|{NEW}")
    assert "had ended already" in here.done("logout").out
    assert here.type("logout").status == 4


def test_erase(shared_server: Server, shell: Shell) -> None:
    here = member(shared_server, shell.folder, "eve")
    assert here.type("erase", "--password-stdin", stdin="wrong").status == 1
    here.done("whoami")
    here.done("erase", "--password-stdin", stdin=SECRET)
    assert here.type("whoami").status == 4
    kept = Path(shell.folder / "chatctl" / "eve.json").read_text()
    assert json.loads(kept) == {"server": shared_server.address}
    assert here.type("login", "eve", "--password-stdin", stdin=SECRET).status == 1
