"""What is refused is told in chatctl's own terms: its commands, not those of netcat."""

from __future__ import annotations

import shlex

import pytest

from chatctl.errors import Refusal
from chatctl.wording import as_argument, at_shell, on_screen
from chatd.protocol.errors import ChatError, Code
from tests.serving import SECRET, Server

from .shell import Shell, member


def test_the_next_command_is_named(shared_server: Server, shell: Shell) -> None:
    outsider = member(shared_server, shell.folder, "wd-out")
    member(shared_server, shell.folder, "wd-in", "#wd")
    for words, told in [
        (("history", "#wd"), "NOT_MEMBER: You are not in #wd; first: chatctl join '#wd'"),
        (("send", "#wd", "hi"), "NOT_MEMBER: You are not in #wd; first: chatctl join '#wd'"),
        (("leave", "#wd"), "NOT_MEMBER: You are not in #wd; see: chatctl rooms"),
        (
            ("who", "#gone"),
            "NO_SUCH_ROOM: There is no such room; see: chatctl rooms",
        ),
        (
            ("forget", "x"),
            "NO_SUCH_SESSION: You have no such session; see: chatctl sessions",
        ),
        (
            ("devices", "--remove", "x"),
            "NO_SUCH_DEVICE: You have no such device; see: chatctl devices",
        ),
        (
            ("call-service", "x"),
            "NO_SUCH_SERVICE: There is no such service; see: chatctl services",
        ),
        (("kick", "#wd", "wd-in"), "NOT_MEMBER: You are not in the room; JOIN|#wd first."),
    ]:
        ended = outsider.type(*words)
        assert (ended.status, ended.err) == (1, f"chatctl: {told}\n")


def test_json_tells_the_same(shared_server: Server, shell: Shell) -> None:
    outsider = member(shared_server, shell.folder, "wj-out")
    sentence = "There is no such room; see: chatctl rooms"
    told = {"code": "NO_SUCH_ROOM", "sentence": sentence}
    assert outsider.type("who", "#gone", "--json").objects == [told]


def test_codes_and_the_screen() -> None:
    late = Refusal(Code.EXPIRED, "RESET|user sends another.", "ACTIVATE", "-x")
    assert at_shell(late) == "This code has expired; have another one sent: chatctl reset -- -x"
    outside = Refusal(Code.NOT_MEMBER, "JOIN|#a&b first.", "SEND", "#a&b")
    assert at_shell(outside) == "You are not in #a&b; first: chatctl join '#a&b'"
    assert on_screen(outside) == "You are not in #a&b; first: /join #a&b"
    assert at_shell(ChatError(Code.NOT_MEMBER, "As it is.")) == "As it is."
    assert at_shell(Refusal(Code.TAKEN, "As it is.", "REGISTER", "ann")) == "As it is."


@pytest.mark.parametrize("name", ["ann", "-x", "a'b", "a&b", "--yes"])
def test_names_as_the_shell_takes_them(name: str) -> None:
    assert shlex.split(as_argument(name))[-1] == name


def test_a_name_that_looks_like_an_option(shell: Shell) -> None:
    words = ("register", "--password-stdin", "--", "-wx")
    assert shell.done(*words, stdin=SECRET).out.splitlines()[0].endswith("login -- -wx")
    assert shell.done("login", "--password-stdin", "--", "-wx", stdin=SECRET).status == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("join", "#a\x1bb"), "room"),
        (("topic", "#a", "x\x07"), "text"),
        (("serve", "a", "--usage", "x\x7f", "--", "true"), "usage"),
        (("call-service", "a", "ok", "x\x85"), "arguments"),
        (("set", "#a\x01", "private=yes"), "room"),
    ],
)
def test_control_characters(
    shared_server: Server, shell: Shell, words: tuple[str, ...], what: str
) -> None:
    user = f"wc-{words[0]}"
    ended = member(shared_server, shell.folder, user).type(*words)
    told = f"BAD_LINE: The {what} holds a control character, which no line can carry."
    assert (ended.status, ended.err) == (1, f"chatctl: {told}\n")
