"""`call`: any command of the wire."""

from __future__ import annotations

from tests.serving import SECRET, Server

from .shell import Shell, member


def test_fields_are_escaped(shared_server: Server, shell: Shell) -> None:
    guy = member(shared_server, shell.folder, "guy", "#call")
    assert guy.done("call", "ping", "a|b\\n", "c").out == "PING|SUCCESS|a|b\\\\n|c\n"
    guy.done("call", "MSG", "#call", "two\nlines | a bar")
    guy.done("call", "Send", "#call", "id|1", "with an id")
    items = guy.done("history", "#call", "--json").objects
    assert [item["text"] for item in items] == ["two\nlines | a bar", "with an id"]


def test_lists_and_json(shared_server: Server, shell: Shell) -> None:
    hob = member(shared_server, shell.folder, "hob", "#list")
    assert hob.done("call", "WHO", "#list").out == "WHO|ITEM|hob|owner|online\nWHO|SUCCESS|1\n"
    assert hob.done("call", "WHO", "#list", "--json").objects == [
        {"user": "hob", "role": "owner", "online": True},
        {"count": 1},
    ]
    assert hob.done("call", "HISTORY", "#list", "limit=5").out == "HISTORY|SUCCESS|0\n"


def test_without_a_login(shell: Shell) -> None:
    assert shell.done("call", "PING").out.startswith("PING|SUCCESS")
    assert "MSG" in shell.done("call", "HELP").out
    assert shell.type("call", "WHOAMI").status == 4
    assert shell.done("call", "QUIT").out == "QUIT|SUCCESS\n"


def test_refused(shared_server: Server, shell: Shell) -> None:
    ivy = member(shared_server, shell.folder, "ivy")
    for words, code in [
        (("NONSENSE", "a"), "UNKNOWN_VERB"),
        (("PI|NG",), "UNKNOWN_VERB"),
        (("JOIN",), "BAD_FIELD"),
        (("WHO", "#nowhere"), "NO_SUCH_ROOM"),
        (("PING", "\x1b"), "BAD_LINE"),
    ]:
        ended = ivy.type("call", *words)
        assert (ended.status, ended.out) == (1, "")
        assert ended.err.startswith(f"chatctl: {code}: ")


def test_a_password_is_never_an_argument(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "jon")
    ended = shell.type("call", "AUTH", "jon", SECRET)
    assert (ended.status, ended.out) == (2, "")
    assert SECRET not in ended.err
    logged_in = shell.done("call", "AUTH", "jon", "-", "--password-stdin", stdin=SECRET)
    token = logged_in.out.strip().removeprefix("AUTH|SUCCESS|")
    assert len(token) == 43
    resumed = shell.done("call", "RESUME", "-", "--password-stdin", "--json", stdin=token)
    assert resumed.objects == [{"user": "jon"}]
