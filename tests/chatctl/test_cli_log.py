"""`log show | verify | clear`, and what keeps it: listening."""

from __future__ import annotations

import pytest

from tests.peer import PATIENCE_SECONDS
from tests.serving import Server

from .shell import Shell, member, posts
from .terminal import Terminal
from .test_cli_listen import listening


def kept(shell: Shell, *words: str) -> list[str]:
    return [item["text"] for item in shell.done("log", "show", "--json", *words).objects]


def heard(server: Server, shell: Shell, user: str, *texts: str) -> Shell:
    """Somebody who has listened to these."""
    who = member(server, shell.folder, user, f"#{user}")
    with server.connect() as peer:
        peer.ask(f"REGISTER|{user}-w|correct horse battery")
    posts(server, f"{user}-w", user, *texts)
    with listening(who) as found:
        assert found.texts(len(texts)) == list(texts)
        posts(server, f"{user}-w", user, "the end")
        assert found.texts(1) == ["the end"]
        found.process.terminate()
        assert found.process.wait(PATIENCE_SECONDS) == 0
    return who


def files(shell: Shell, ending: str) -> list[bytes]:
    folder = shell.folder / "state" / "chatctl" / "log"
    return [path.read_bytes() for path in folder.glob(f"{shell.profile}-*.{ending}")]


def test_what_was_heard_is_kept(shared_server: Server, shell: Shell) -> None:
    who = heard(shared_server, shell, "lg-ann", "one", "two\nlines")
    assert kept(who)[:2] == ["one", "two\nlines"]
    assert kept(who, "lg-ann-w", "--limit", "1") == kept(who)[-1:]
    assert kept(who, "somebody") == []
    out = who.done("log", "show").out.splitlines()
    assert out[0].endswith("lg-ann-w [not encrypted]: one")
    assert out[2] == "    lines"
    assert who.done("log", "verify").out.startswith("The local log is as it was written: ")
    assert b"lines" not in b"".join(files(who, "1.log"))


def test_it_is_kept_only_once_and_goes_on(shared_server: Server, shell: Shell) -> None:
    who = heard(shared_server, shell, "lo-ann", "one")
    with listening(who) as found:
        posts(shared_server, "lo-ann-w", "lo-ann", "two")
        while found.texts(1) != ["two"]:
            pass
        posts(shared_server, "lo-ann-w", "lo-ann", "three")
        found.texts(1)
        found.process.terminate()
        found.process.wait()
    texts = kept(who)
    assert len(set(texts)) == len(texts)
    assert texts[0] == "one"
    assert "two" in texts


def test_not_kept_where_that_was_asked(shared_server: Server, shell: Shell) -> None:
    who = member(shared_server, shell.folder, "ln-ann")
    with shared_server.connect() as peer:
        peer.ask("REGISTER|ln-bob|correct horse battery")
    posts(shared_server, "ln-bob", "ln-ann", "hi")
    with listening(who, "--no-log") as found:
        assert found.texts(1) == ["hi"]
    assert files(who, "*") == []
    ended = who.type("log", "show")
    assert ended.status == 2
    assert "no local log" in ended.err


@pytest.mark.parametrize("ending", ["1.log", "head"])
def test_tampering_is_told_in_one_line(shared_server: Server, shell: Shell, ending: str) -> None:
    user = f"lt-{ending.replace('.', '')}"
    who = heard(shared_server, shell, user, "one", "two", "three")
    folder = shell.folder / "state" / "chatctl" / "log"
    [path] = folder.glob(f"{user}-*.{ending}")
    raw = bytearray(path.read_bytes())
    lines = bytes(raw).split(b"\n")
    raw[len(raw) - 10 if ending == "head" else len(lines[0]) + 1 + len(lines[1]) // 2] ^= 1
    path.write_bytes(raw)
    ended = who.type("log", "verify")
    assert (ended.status, ended.out) == (5, "")
    assert ended.err.count("\n") == 1
    assert "tampered with" in ended.err
    if ending == "1.log":
        assert "Entry 2 was changed" in ended.err
        shown = who.type("log", "show", "--json")
        assert shown.status == 5
        assert [item["text"] for item in shown.objects] == ["one"]
    posts(shared_server, f"{user}-w", user, "more")
    with listening(who) as found:  # it goes on, and keeps nothing
        while found.texts(1) != ["more"]:
            pass
        found.process.terminate()
        assert "chatctl log clear" in found.ended()[1]
    assert who.type("log", "verify").status == 5
    unasked = who.type("log", "clear")
    assert (unasked.status, unasked.out, unasked.err.count("\n")) == (2, "", 1)
    assert "; --yes confirms it" in unasked.err
    assert who.done("log", "clear", "--yes").out == "The local log is gone.\n"
    assert who.type("log", "show").status == 2
    assert files(who, "*") == []
    assert who.done("log", "clear").out == f"Profile '{user}' has no local log\n"


@pytest.mark.parametrize(("keys", "status"), [("n\r", 0), ("y\r", 0), ("\x04", 130)])
def test_the_question_before_it_is_cleared(
    shared_server: Server, shell: Shell, keys: str, status: int
) -> None:
    who = heard(shared_server, shell, f"lq-{ord(keys[0])}", "one")
    with Terminal(who, "log", "clear") as terminal:
        terminal.until("This removes all that is kept in the local log. Go on? [y/N]")
        terminal.keys(keys)
        if status == 0:
            terminal.until("is gone" if keys[0] == "y" else "Nothing was removed.")
        assert terminal.status() == status
    assert (files(who, "*") == []) == (keys[0] == "y")


def test_a_log_that_is_gone(shared_server: Server, shell: Shell) -> None:
    who = heard(shared_server, shell, "lz-ann", "one")
    folder = shell.folder / "state" / "chatctl" / "log"
    for path in folder.glob("lz-ann-*"):
        path.unlink()
    ended = who.type("log", "verify")
    assert ended.status == 5
    assert "All of it is gone" in ended.err


def test_what_was_appended_is_told_and_cut_off_by_the_next_to_listen(
    shared_server: Server, shell: Shell
) -> None:
    who = heard(shared_server, shell, "la-ann", "one")
    [path] = (shell.folder / "state" / "chatctl" / "log").glob("la-ann-*.1.log")
    with path.open("ab") as file:
        file.write(b"x")
    for words in (("verify",), ("show",)):
        ended = who.type("log", *words)
        assert ended.status == 5
        assert "no entry (bytes: 1)" in ended.err
        assert "crash" in ended.err
    posts(shared_server, "la-ann-w", "la-ann", "more")
    with listening(who) as found:
        while found.texts(1) != ["more"]:
            pass
        who.done("log", "verify")
