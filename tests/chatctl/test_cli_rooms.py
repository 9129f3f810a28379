"""Rooms and the people in them from the command line."""

from __future__ import annotations

import pytest

from tests.serving import Server

from .shell import Shell, member, posts


def test_join_who_leave(shared_server: Server, shell: Shell) -> None:
    ada = member(shared_server, shell.folder, "ada", "#lab")
    bob = member(shared_server, shell.folder, "bob")
    joined = bob.done("join", "#LAB", "--json").objects
    assert joined == [{"room": "#lab", "last_seq": 0, "members": 2}]
    assert ada.done("who", "#lab").out.splitlines() == [
        "ada  owner   online",
        "bob  member  offline",
    ]
    assert bob.done("who", "#lab", "--json").objects[1] == {
        "user": "bob",
        "role": "member",
        "online": True,
    }
    assert bob.done("leave", "#lab", "--json").objects == [{"room": "#lab"}]
    assert "NOT_MEMBER" in bob.type("leave", "#lab").err


def test_rooms_and_topics(shared_server: Server, shell: Shell) -> None:
    cat = member(shared_server, shell.folder, "cat", "#cats")
    assert cat.done("topic", "#cats").out == ""
    cat.done("topic", "#cats", "All", "about | cats")
    assert cat.done("topic", "#Cats").out == "All about | cats\n"
    [room] = [item for item in cat.done("--json", "rooms").objects if item["room"] == "#cats"]
    assert room == {"room": "#cats", "members": 1, "joined": True, "topic": "All about | cats"}
    shown = [line.split() for line in cat.done("rooms").out.splitlines()]
    assert ["#cats", "1", "joined", "All", "about", "|", "cats"] in shown
    cat.done("topic", "#cats", "")
    assert cat.done("topic", "#cats", "--json").objects == [{"room": "#cats", "text": ""}]
    assert cat.type("topic", "#dogs").status == 1


def test_roles_and_settings(shared_server: Server, shell: Shell) -> None:
    own = member(shared_server, shell.folder, "own", "#hq")
    mod = member(shared_server, shell.folder, "mod", "#hq")
    assert "FORBIDDEN" in mod.type("set", "#hq", "private=yes").err
    own.done("role", "#hq", "mod", "moderator")
    assert own.done("set", "#hq", "private=yes", "level=0", "--json").objects == [
        {"room": "#hq", "private": True, "level": 0}
    ]
    assert own.done("settings", "#hq").out.split() == [
        *["private", "yes", "history", "yes", "level", "0", "e2e", "no"]
    ]
    guest = member(shared_server, shell.folder, "guest")
    assert guest.type("join", "#hq").status == 1
    mod.done("invite", "#hq", "guest")
    guest.done("join", "#hq")
    mod.done("kick", "#hq", "guest", "be", "nice")
    assert guest.type("who", "#hq").status == 1
    mod.done("ban", "#hq", "guest")
    mod.done("invite", "#hq", "guest")
    assert "BANNED" in guest.type("join", "#hq").err
    mod.done("unban", "#hq", "guest")
    mod.done("invite", "#hq", "guest")
    guest.done("join", "#hq")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "#hq", "private"), "write NAME=VALUE"),
        (("set", "#hq", "private=maybe"), "yes or no"),
        (("set", "#hq", "colour=red"), "options here"),
        (("set", "#hq"), "Missing argument"),
        (("role", "#hq", "bob", "king"), "moderator"),
    ],
)
def test_typed_wrong(shell: Shell, words: tuple[str, ...], said: str) -> None:
    ended = shell.type(*words)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err


def test_block(shared_server: Server, shell: Shell) -> None:
    deb = member(shared_server, shell.folder, "deb")
    pest = member(shared_server, shell.folder, "pest")
    deb.done("block", "pest")
    assert "BLOCKED" in pest.type("send", "deb", "--plain", "hello").err
    assert deb.done("blocks").out == "pest\n"
    assert deb.done("blocks", "--json").objects == [{"user": "pest"}]
    deb.done("unblock", "pest")
    assert deb.done("blocks").out == ""
    pest.done("send", "deb", "--plain", "hello")


def test_names_and_topics_are_harmless(shared_server: Server, shell: Shell) -> None:
    gil = member(shared_server, shell.folder, "gil", "#tricks")
    gil.done("topic", "#tricks", "up \u202edown\nand\r\nout")
    shown = gil.done("topic", "#tricks").out
    assert shown == "up <U+202E>down␊and␍␊out\n"
    assert shown.strip() in gil.done("rooms").out


def test_columns_line_up_whatever_the_script(shared_server: Server, shell: Shell) -> None:
    han = member(shared_server, shell.folder, "漢字", "#han")
    member(shared_server, shell.folder, "jo", "#han")
    assert han.done("who", "#han").out.splitlines() == [
        "漢字  owner   online",
        "jo    member  offline",
    ]
    posts(shared_server, "jo", "漢字", "hi")
    assert han.done("unread").out == "jo  1  from 1 to 1\n"
