"""`listen --direct` and `send --direct`: with the server, without it, and with one that lies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatd.protocol import base64url
from tests.peer import eventually
from tests.serving import SECRET, Server, running

from .client_world import SteadyServer
from .liar import edited, instead, lying
from .sealed_world import keyed, texts
from .shell import Shell, by_netcat, member
from .test_cli_listen import Listening
from .victims import Scene

AWAY = "it goes through the server"


@contextmanager
def receiving(shell: Shell, *words: str) -> Iterator[Listening]:
    """Start to listen; who sends finds it."""
    with shell.start("listen", "--json", "--direct", *words) as process:
        try:
            found = Listening(process)
            line = found.stderr.readline().decode()
            assert "Listening for direct messages at port" in line, line
            yield found
        finally:
            process.kill()


def pair(server: Server, folder: Path, name: str) -> tuple[Shell, Shell]:
    """Two who share a conversation, and have each other's keys."""
    ann, bob = (keyed(server, folder, f"{name}-{who}", f"#{name}") for who in ("ann", "bob"))
    ann.type("send", bob.profile, "before")
    bob.type("history", ann.profile)
    return ann, bob


def folder(tmp_path: Path) -> Path:
    """For a server of its own."""
    made = tmp_path / "server"
    made.mkdir()
    return made


def directly(shell: Shell, other: Shell, *words: str) -> None:
    """It was delivered without the server."""
    ended = shell.done("send", "--direct", other.profile, *words)
    assert ended.out == f"Delivered to {other.profile} directly.\n"


def kept(shell: Shell) -> list[tuple[str, str]]:
    """What the local log has, and how it came."""
    return [(item["way"], item["text"]) for item in shell.done("log", "show", "--json").objects]


def test_from_client_to_client(shared_server: Server, shell: Shell) -> None:
    ann, bob = pair(shared_server, shell.folder, "di-cc")
    with receiving(bob) as found:
        [where] = ann.done("call", "WHERE", bob.profile, "--json").objects
        assert where["address"] == "127.0.0.1"
        assert (len(where["device_key"]), where["port"] > 0) == (43, True)
        directly(ann, bob, "hello")
        shown = found.next()
        del shown["time"]
        assert shown == {
            "event": "MSG",
            "conversation": ann.profile,
            "sender": ann.profile,
            "text": "hello",
            "findings": [],
            "direct": True,
        }
        ann.done("send", bob.profile, "by the server")
        directly(ann, bob, "again", "--id", "x")
        directly(ann, bob, "again", "--id", "x")
        ended = ann.type("send", "--direct", "--id", "x", bob.profile, "something else")
        assert ended.status == 1
        assert "CONFLICT" in ended.err
        directly(ann, bob, "last")
        assert found.texts(3) == ["by the server", "again", "last"]
    came = [("direct", "hello"), ("server", "by the server"), ("direct", "again")]
    assert kept(bob) == [*came, ("direct", "last")]
    assert kept(ann)[0] == ("sent", "hello")
    assert (
        "5 entries" in ann.done("log", "verify").out or "4 entries" in ann.done("log", "verify").out
    )
    assert texts(ann, bob.profile) == ["before", "by the server"]
    with bob.start("listen", "--direct") as process:  # as a person sees it
        assert process.stderr is not None and process.stdout is not None
        process.stderr.readline()
        directly(ann, bob, "to read")
        assert b"[direct]: to read" in process.stdout.readline()
        process.kill()


def test_when_nobody_listens_it_goes_through_the_server(
    shared_server: Server, shell: Shell
) -> None:
    ann, bob = pair(shared_server, shell.folder, "di-nl")
    ended = ann.type("send", "--direct", bob.profile, "one")
    assert (ended.status, ended.out) == (0, "")
    assert f"{bob.profile} does not listen; {AWAY}" in ended.err
    assert texts(bob, ann.profile) == ["before", "one"]


def test_who_has_no_keys_is_told_what_to_do(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "di-nk-ann")
    by_netcat(shared_server, "di-nk-bob")
    old = member(shared_server, shell.folder, "di-nk-old")
    for who, said, words in (
        (ann, "di-nk-bob has no keys", ("send", "--direct", "di-nk-bob", "hi")),
        (old, "chatctl secure", ("send", "--direct", "di-nk-ann", "hi")),
        (old, "chatctl secure", ("listen", "--direct")),
    ):
        ended = who.type(*words)
        assert ended.status == 7
        assert said in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("send", "--direct", "#ops", "hi"),
        ("send", "--direct", "--plain", "bob", "hi"),
        ("send", "--direct", "--lines", "bob"),
        ("listen", "--direct", "--no-log"),
        ("listen", "--direct-port", "4050"),
        ("listen", "--direct-address", "::1"),
    ],
)
def test_what_does_not_go_together(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.type(*words).status == 2


def test_the_server_may_be_gone_by_then(tmp_path: Path) -> None:
    with running(folder(tmp_path)) as server, lying(server) as liar:
        ann, bob = pair(server, tmp_path, "gone")
        ann.address = liar.address

        def stops(line: str) -> list[str]:
            if line.startswith("WHERE|SUCCESS"):
                server.kill()
            return [line]

        _at(ann, liar.address)
        with receiving(bob) as found:
            with liar.tells(stops):
                directly(ann, bob, "without it")
            assert found.next()["text"] == "without it"
        assert ("direct", "without it") in kept(bob)


def _at(shell: Shell, address: str) -> None:
    """The profile is of the server at this address."""
    path = shell.folder / "chatctl" / f"{shell.profile}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "server": address}))


def test_a_server_that_lies_about_address_or_key_gains_nothing(scene: Scene) -> None:
    ann, bob = scene.pair()
    ann.asks(f"MSG|{bob.user}|hello")
    text = "the treasure lies under the old oak"
    key = base64url.encode(bytes(range(40, 72)))
    lies: list[tuple[int, str]] = [(2, "127.0.0.2"), (3, "1"), (4, key), (4, "short")]
    with receiving(bob.shell) as found:
        for place, lie in lies:

            def edit(fields: list[str], place: int = place, lie: str = lie) -> list[str]:
                return [*fields[:place], lie, *fields[place + 1 :]]

            with scene.liar.tells(edited("WHERE|SUCCESS|", edit)):
                ended = ann.shell.type("send", "--direct", bob.user, text)
            if lie == "short":
                assert ended.status != 0
                continue
            assert (ended.status, ended.out) == (0, ""), ended
            assert AWAY in ended.err
            shown = found.next()
            assert shown["text"] == text
            assert "direct" not in shown
        with scene.liar.tells(instead("WHERE|SUCCESS|", "WHERE|FAILURE|NO_SUCH_USER|gone")):
            assert ann.shell.type("send", "--direct", bob.user, text).status == 1


def test_a_server_that_listens_itself_gets_no_message(scene: Scene) -> None:
    """It names a door of its own, with a key that it has; but who is there is not Bob."""
    ann, bob, mallory = *scene.pair(), scene.person("mallory")
    for who in (bob, mallory):
        ann.asks(f"MSG|{who.user}|hello")
    with receiving(mallory.shell) as hers, receiving(bob.shell) as his:
        where = ann.asks(f"WHERE|{mallory.user}")[0]
        with scene.liar.tells(instead("WHERE|SUCCESS|", where)):
            ended = ann.shell.type("send", "--direct", bob.user, "for Bob")
        assert (ended.status, ended.out) == (0, "")
        assert AWAY in ended.err
        assert his.next()["text"] == "for Bob"
        hers.process.kill()
        assert hers.stdout.read() == b""


def test_an_acknowledgement_that_is_lost_makes_no_second_message(
    shared_server: Server, shell: Shell
) -> None:
    ann, bob = pair(shared_server, shell.folder, "di-lost")
    with receiving(bob) as found:
        directly(ann, bob, "once", "--id", "same")
        # As the fallback does: the same message, under the same id, through the server.
        ended = ann.done("send", "--id", "same", bob.profile, "once")
        assert ended.status == 0
        ann.done("send", bob.profile, "next")
        assert found.texts(2) == ["once", "next"]
    assert [text for _, text in kept(bob)].count("once") == 1


def test_it_comes_back_with_the_server(tmp_path: Path) -> None:
    server = SteadyServer(folder(tmp_path))
    server.start()
    try:
        ann, bob = pair(server, tmp_path, "back")
        with receiving(bob) as found:
            server.kill()
            server.start()
            lost, back = found.stderr.readline(), found.stderr.readline()
            assert b"Connection lost" in lost
            assert b"Connected again" in back
            # It says LISTEN anew a moment later.
            words = ("send", "--direct", bob.profile, "hi")
            assert eventually(lambda: "Delivered" in ann.type(*words).out)
            while "direct" not in found.next():
                pass
    finally:
        server.kill()


def test_a_profile_keeps_its_keys_over_a_login(shared_server: Server, shell: Shell) -> None:
    ann, bob = pair(shared_server, shell.folder, "di-again")
    with receiving(bob):
        directly(ann, bob, "hi")
    before = _profile(bob)
    bob.done("login", bob.profile, "--password-stdin", stdin=SECRET)
    assert {name: _profile(bob)[name] for name in ("direct_key", "log_key")} == {
        name: before[name] for name in ("direct_key", "log_key")
    }
    bob.done("log", "verify")


def _profile(shell: Shell) -> dict[str, Any]:
    path = shell.folder / "chatctl" / f"{shell.profile}.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_what_the_server_never_saw(shared_server: Server, shell: Shell, tmp_path: Path) -> None:
    with lying(shared_server) as tap:
        ann, bob = pair(shared_server, shell.folder, "di-tap")
        for who in (ann, bob):
            who.address = tap.address
            _at(who, tap.address)
        with receiving(bob) as found:
            directly(ann, bob, "not for you")
            found.next()
        heard = tap.heard.decode()
        assert "WHERE|SUCCESS|127.0.0.1|" in heard
        assert not re.search(r"^(SEND|MSG|\*MSG)\|", heard, re.MULTILINE)
