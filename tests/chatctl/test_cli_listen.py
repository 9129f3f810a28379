"""`listen`: each message once and in order, and a quiet end."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from tests.peer import PATIENCE_SECONDS
from tests.serving import SECRET, Server

from .client_world import SteadyServer
from .shell import Shell, member, posts


class Listening:
    """A `listen --json` that is under way."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None and process.stderr is not None
        self.stdout, self.stderr = process.stdout, process.stderr

    def next(self) -> dict[str, Any]:
        """The next object it prints."""
        patience = Timer(PATIENCE_SECONDS, self.process.kill)
        patience.start()
        try:
            found: dict[str, Any] = json.loads(self.stdout.readline())
        finally:
            patience.cancel()
        return found

    def texts(self, count: int) -> list[str]:
        """The texts of the next objects."""
        return [self.next()["text"] for _ in range(count)]

    def ended(self) -> tuple[int, str]:
        """Its exit status, and what it complained of."""
        self.stdout.close()
        said = self.stderr.read().decode()
        return self.process.wait(PATIENCE_SECONDS), said


@contextmanager
def listening(shell: Shell, *words: str) -> Iterator[Listening]:
    """Start to listen; once it has shown something unread, delivery has begun."""
    with shell.start("listen", "--json", "--unread", *words) as process:
        try:
            yield Listening(process)
        finally:
            process.kill()


def test_messages_as_they_come(shared_server: Server, shell: Shell) -> None:
    lea = member(shared_server, shell.folder, "lea", "#ear", "#other")
    member(shared_server, shell.folder, "max", "#ear", "#other")
    posts(shared_server, "max", "#ear", "first")
    with listening(lea) as found:
        assert found.next() | {"time": ""} == {
            "event": "MSG",
            "conversation": "#ear",
            "seq": 1,
            "time": "",
            "sender": "max",
            "text": "first",
            "findings": [
                {
                    "kind": "not-encrypted",
                    "sentence": "Not encrypted: the server can read and write this",
                }
            ],
        }
        posts(shared_server, "max", "#ear", *map(str, range(50)))
        assert found.texts(50) == [str(number) for number in range(50)]
        posts(shared_server, "max", "lea", "psst")
        assert found.next()["conversation"] == "max"


def test_lines_to_read(shared_server: Server, shell: Shell) -> None:
    kit = member(shared_server, shell.folder, "kit", "#read")
    member(shared_server, shell.folder, "lyn", "#read")
    posts(shared_server, "lyn", "#read", "first\n\u202esecond")
    posts(shared_server, "lyn", "kit", "psst")
    with kit.start("listen", "--unread") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().decode() for _ in range(3)]
        process.kill()
    assert "    <U+202E>second\n" in lines
    day_and_time = len("2026-11-21 04:05:06 ")
    assert {"#read lyn [not encrypted]: first\n", "lyn [not encrypted]: psst\n"} <= {
        line[day_and_time:] for line in lines
    }


def test_only_some_conversations(shared_server: Server, shell: Shell) -> None:
    sam = member(shared_server, shell.folder, "sam", "#one", "#two", "#three")
    member(shared_server, shell.folder, "tim", "#one", "#two", "#three")
    posts(shared_server, "tim", "#one", "in one")
    posts(shared_server, "tim", "#two", "in two")
    with listening(sam, "#ONE", "#three") as found:
        assert found.texts(1) == ["in one"]
        posts(shared_server, "tim", "#two", "hidden")
        posts(shared_server, "tim", "#three", "in three")
        assert found.texts(1) == ["in three"]
    misspelt = sam.type("listen", "#onne")
    assert (misspelt.status, misspelt.err.split(":")[1]) == (1, " NO_SUCH_ROOM")


def test_what_is_shown_once_is_read(shared_server: Server, shell: Shell) -> None:
    ora = member(shared_server, shell.folder, "ora", "#once")
    member(shared_server, shell.folder, "pim", "#once")
    posts(shared_server, "pim", "#once", *(f"{number}" for number in range(1_200)))
    with listening(ora) as found:
        assert found.texts(1_200) == [f"{number}" for number in range(1_200)]
        posts(shared_server, "pim", "#once", "live")
        assert found.texts(1) == ["live"]
        posts(shared_server, "pim", "#once", "later")
        assert found.texts(1) == ["later"]
    posts(shared_server, "pim", "#once", "after")
    with listening(ora) as found:
        # Whether it told that "later" was read before it was killed is left open.
        assert found.texts(1)[0] in ("later", "after")


def test_people_come_and_go(shared_server: Server, shell: Shell) -> None:
    una = member(shared_server, shell.folder, "una", "#door")
    member(shared_server, shell.folder, "vera", "#door")
    posts(shared_server, "vera", "#door", "hi")
    with una.start("listen", "--events", "--json", "#door") as process:
        found = Listening(process)
        assert found.next()["event"] == "UNREAD"
        with shared_server.login("vera") as peer:
            peer.ask("LEAVE|#door")
            peer.ask("JOIN|#door")
        with shared_server.login("una") as peer:
            peer.ask("TOPIC|#door|open")
            peer.ask("KICK|#door|vera|too \u202e loud")
        left = {"event": "LEFT", "room": "#door", "user": "vera", "by": "vera", "reason": ""}
        assert found.next() == left
        assert found.next() == {"event": "JOINED", "room": "#door", "user": "vera"}
        assert found.next() == {"event": "TOPIC", "room": "#door", "user": "una", "text": "open"}
        assert found.next() == left | {"by": "una", "reason": "too \u202e loud"}
        process.kill()


def test_who_is_put_out_is_told(shared_server: Server, shell: Shell) -> None:
    ada = member(shared_server, shell.folder, "out-ada")
    shared_server.command_line("user", "out-ada", "--level", "2")
    member(shared_server, shell.folder, "out-own", "#out", "#out-2")
    with shared_server.login("out-ada") as peer:
        for room in ("#out", "#out-2", "#out-3"):
            peer.ask(f"JOIN|{room}")
        peer.ask("SET|#out-3|level=2")
    posts(shared_server, "out-own", "#out", "hi")
    with listening(ada, "#out", "#out-3") as found:
        assert found.texts(1) == ["hi"]
        with shared_server.login("out-own") as peer:
            peer.ask("KICK|#out-2|out-ada|not listened to")
            peer.ask("KICK|#out|out-ada|too loud")
        shared_server.command_line("user", "out-ada", "--level", "0")
        left = {"event": "LEFT", "room": "#out", "user": "out-ada"}
        assert found.next() == left | {"by": "out-own", "reason": "too loud"}
        assert found.next() == left | {"room": "#out-3", "by": "out-ada", "reason": "level"}
        told = [found.stderr.readline().decode() for _ in range(2)]
    assert told == [
        "chatctl: out-own removed out-ada from #out (too loud)\n",
        "chatctl: out-ada is out of #out-3: it takes a higher level\n",
    ]


def test_it_ends_as_soon_as_nobody_reads(shared_server: Server, shell: Shell) -> None:
    wim = member(shared_server, shell.folder, "wim", "#pipe")
    member(shared_server, shell.folder, "xia", "#pipe")
    posts(shared_server, "xia", "#pipe", "one", "two")
    with listening(wim) as found:
        assert found.texts(1) == ["one"]
        assert found.ended() == (0, "")


def test_interrupted(shared_server: Server, shell: Shell) -> None:
    yan = member(shared_server, shell.folder, "yan", "#stop")
    member(shared_server, shell.folder, "zac", "#stop")
    posts(shared_server, "zac", "#stop", "one")
    with listening(yan) as found:
        assert found.texts(1) == ["one"]
        found.process.send_signal(signal.SIGINT)
        assert found.ended() == (130, "chatctl: Interrupted\n")


def test_the_session_is_ended_elsewhere(shared_server: Server, shell: Shell) -> None:
    bea = member(shared_server, shell.folder, "bea", "#bye")
    member(shared_server, shell.folder, "cal", "#bye")
    posts(shared_server, "cal", "#bye", "one")
    with listening(bea) as found:
        assert found.texts(1) == ["one"]
        with shared_server.login("bea") as peer:
            peer.ask(f"PASSWD|{SECRET}|another good secret")
        assert found.process.wait(PATIENCE_SECONDS) == 4
        assert b"Your session has ended" in found.stderr.read()


def test_every_message_once_over_a_crash(tmp_path: Path) -> None:
    server = SteadyServer(tmp_path)
    server.start()
    try:
        dan = member(server, tmp_path, "dan", "#crash")
        member(server, tmp_path, "eli", "#crash")
        posts(server, "eli", "#crash", "0")
        with listening(dan) as found:
            assert found.texts(1) == ["0"]
            for part in range(3):
                posts(server, "eli", "#crash", f"{part} before")
                server.kill()
                server.start()
                posts(server, "eli", "#crash", f"{part} after")
                assert found.texts(2) == [f"{part} before", f"{part} after"]
            said = found.stderr
            found.process.send_signal(signal.SIGINT)
            assert b"chatctl: Connection lost, trying again: " in said.read()
    finally:
        server.stop()
