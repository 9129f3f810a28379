"""Posting from the command line: arguments, standard input, and line by line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.peer import PATIENCE_SECONDS
from tests.serving import Server

from .client_world import SteadyServer
from .shell import Shell, member


def texts(shell: Shell, conversation: str, limit: int = 1_000) -> list[str]:
    """What stands in a conversation, oldest first."""
    found = shell.done("history", conversation, "--limit", str(limit), "--json").objects
    return [item["text"] for item in found]


def test_arguments(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "send-ann", "#send")
    assert ann.done("send", "#send", "hello", "there").out == ""
    [posted] = ann.done("send", "#Send", "--json", "--", "--json", "|", "\\n").objects
    assert (posted["conversation"], posted["seq"]) == ("#send", 2)
    assert texts(ann, "#send") == ["hello there", "--json | \\n"]


def test_standard_input_is_one_text(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "in-ann", "#in")
    ann.done("send", "#in", stdin="two\nlines\n")
    ann.done("send", "#in", stdin=b"\x1b[1mbold\x1b[0m \xff\r\n")
    assert texts(ann, "#in") == ["two\nlines", "␛[1mbold␛[0m \ufffd"]
    for nothing in (b"", b"\n"):
        assert ann.type("send", "#in", stdin=nothing).status == 2
    assert "TOO_BIG" in ann.type("send", "#in", stdin="x" * 32_769).err
    ann.done("send", "#in", stdin="ü" * 16_384)
    assert len(texts(ann, "#in")) == 3


def test_an_id_posts_once(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "id-ann", "#id")
    first = ann.done("send", "#id", "once", "--id", "17", "--json").objects
    assert ann.done("send", "#id", "once", "--id", "17", "--json").objects == first
    assert "CONFLICT" in ann.type("send", "#id", "twice", "--id", "17").err


def test_lines_keep_their_order(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "line-ann", "#lines")
    numbers = [str(number) for number in range(700)]
    ann.done("send", "--lines", "#lines", stdin="\n".join(numbers))
    assert texts(ann, "#lines") == numbers


def test_lines_as_logs_have_them(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "log-ann", "#log")
    long = "é" * 20_000
    written = f"\n\r\n\x1b[31mred\x1b[0m\r\n{long}\n".encode() + b"\xfe odd\nlast"
    posted = ann.done("send", "--lines", "#log", "--json", stdin=written).objects
    expected = ["␛[31mred␛[0m", long[:16_384], long[16_384:], "\ufffd odd", "last"]
    assert texts(ann, "#log") == expected
    assert sorted(item["seq"] for item in posted) == [1, 2, 3, 4, 5]


def test_a_line_without_end(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "end-ann", "#end")
    ann.done("send", "--lines", "#end", stdin="€" * 100_000)
    assert "".join(texts(ann, "#end")) == "€" * 100_000


def test_a_line_is_posted_as_it_comes(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "tail-ann", "#tail")
    with ann.start("send", "--lines", "#tail", "--json", stderr=None) as tail:
        assert tail.stdin is not None and tail.stdout is not None
        for number in range(3):
            tail.stdin.write(b"line\n")
            tail.stdin.flush()
            assert f'"seq": {number + 1}'.encode() in tail.stdout.readline()
        tail.stdin.close()
        assert tail.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize(
    ("target", "status", "why"),
    [("#nowhere", 1, "NO_SUCH_ROOM: "), ("no-bob", 7, "You have no keys yet, ")],
)
def test_a_refused_line_ends_it(
    shared_server: Server, shell: Shell, target: str, status: int, why: str
) -> None:
    ann = member(shared_server, shell.folder, f"no-ann-{status}")
    with ann.start("send", "--lines", target) as tail:
        assert tail.stdin is not None and tail.stderr is not None
        tail.stdin.write(b"a\n")
        tail.stdin.flush()
        # More could come, and still it ends.
        assert tail.wait(PATIENCE_SECONDS) == status
        [said] = tail.stderr.read().decode().splitlines()
    assert said.startswith(f"chatctl: line 1 is not sent: {why}")


def crash_while_sending(server: SteadyServer, tail: subprocess.Popen[bytes]) -> None:
    """Feed lines, and kill -9 the server and start it again while they are under way."""
    assert tail.stdin is not None and tail.stdout is not None
    for part in range(3):
        lines = [f"{part * 300 + number}\n".encode() for number in range(300)]
        tail.stdin.writelines(lines)
        tail.stdin.flush()
        tail.stdout.readline()
        server.kill()
        server.start()
    tail.stdin.close()


@pytest.mark.parametrize("room", ["#crash"])
def test_nothing_is_lost_or_doubled_over_a_crash(tmp_path: Path, room: str) -> None:
    server = SteadyServer(tmp_path)
    server.start()
    try:
        ann = member(server, tmp_path, "crash-ann", room)
        with ann.start("send", "--lines", room, "--json", stderr=None) as tail:
            crash_while_sending(server, tail)
            assert tail.stdout is not None
            acknowledged = tail.stdout.read().count(b"\n")
            assert tail.wait(PATIENCE_SECONDS) == 0
        assert texts(ann, room) == [str(number) for number in range(900)]
        assert acknowledged == 897
    finally:
        server.stop()


def test_lines_take_no_text(shell: Shell) -> None:
    for words in (("hello",), ("--id", "1")):
        ended = shell.type("send", "--lines", "#x", *words)
        assert (ended.status, ended.err.count("\n")) == (2, 1)
