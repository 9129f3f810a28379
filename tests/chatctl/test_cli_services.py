"""`services`, `call-service` and `serve`, as typed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peer import PATIENCE_SECONDS
from tests.serving import SECRET, Server

from .client_world import SteadyServer
from .shell import Shell, member
from .test_cli_listen import Listening
from .test_program import runs

DICE = """
test "${1:-6}" -gt 0 || { echo "No die has $1 sides." >&2; exit 1; }
echo "$CHATD_CALLER: $1"
"""


@contextmanager
def providing(shell: Shell, name: str, *words: str) -> Iterator[Listening]:
    """A service that is provided."""
    with shell.start("serve", "--json", name, *words) as process:
        try:
            found = Listening(process)
            assert found.next()["event"] == "SERVE"
            yield found
        finally:
            process.terminate()


def test_the_list(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "sv_ann")
    with shared_server.login("sv_ann") as peer:
        assert peer.ask("SERVE|ann-1|3|[a]|A \\n lie \u202e.") == "SERVE|SUCCESS"
        lines = ann.done("services").out.splitlines()
        assert lines[0] == "ann-1  3  sv_ann      [a]  A ␊ lie <U+202E>."
        assert lines[-1] == "time   0  (built in)       The server's time, RFC 3339 in UTC."
        assert ann.done("services", "--json").objects[0] == {
            "name": "ann-1",
            "level": 3,
            "provider": "sv_ann",
            "usage": "[a]",
            "description": "A \n lie \u202e.",
        }


def test_calls(shared_server: Server, shell: Shell) -> None:
    bea = member(shared_server, shell.folder, "sv_bea")
    assert bea.done("call-service", "time").out.startswith("20")
    for words, code in [
        (("sqrt", "2"), "FORBIDDEN"),
        (("cbrt", "-8"), "FORBIDDEN"),
        (("nothing",), "NO_SUCH_SERVICE"),
        (("time", "now"), "BAD_FIELD"),
        (("time", "\x1b"), "BAD_LINE"),
        (("time", "x" * 32_769), "TOO_BIG"),
    ]:
        ended = bea.type("call-service", *words)
        assert (ended.status, ended.out) == (1, "")
        assert ended.err.startswith(f"chatctl: {code}: ")
    assert shell.type("call-service", "time").status == 4


def test_a_bot_is_one_line_of_shell(shared_server: Server, shell: Shell) -> None:
    cy = member(shared_server, shell.folder, "sv_cy")
    di = member(shared_server, shell.folder, "sv_di")
    words = ("--usage", "[sides]", "--description", "Rolls.", "--", "sh", "-c", DICE, "dice")
    with providing(cy, "Dice", *words) as found:
        assert di.done("call-service", "dice", "6").out == "sv_di: 6\n"
        told = found.next()
        assert told == told | {"caller": "sv_di", "arguments": ["6"], "refusal": ""}
        ended = di.type("call-service", "dice", "-3")
        assert (ended.status, ended.out) == (1, "")
        assert ended.err == "chatctl: SERVICE_FAILED: No die has -3 sides.\n"
        assert found.next()["refusal"] == "No die has -3 sides."
        assert "$(id)" in di.type("call-service", "dice", "$(id)").err
        found.process.send_signal(signal.SIGINT)
        assert found.process.wait(PATIENCE_SECONDS) == 130
    assert "NO_SUCH_SERVICE" in di.type("call-service", "dice").err


def test_escape_sequences_reach_no_terminal(shared_server: Server, shell: Shell) -> None:
    eva = member(shared_server, shell.folder, "sv_eva")
    with shared_server.login("sv_eva") as peer:
        assert peer.ask("SERVE|evil|0||") == "SERVE|SUCCESS"
        with shell_calling(eva, "evil", "two words") as process:
            call = peer.read().split("|")
            assert call[2:] == ["evil", "sv_eva", "two words"]
            said = peer.ask(f"ANSWER|{call[1]}|\x1b[31mred")
            assert said.startswith("ERROR|FAILURE|BAD_LINE|")
            assert peer.ask(f"ANSWER|{call[1]}|first\\nsec\u202eond\\r|bar") == "ANSWER|SUCCESS"
            assert process.stdout.read().decode() == "first\nsec<U+202E>ond␍|bar\n"
            assert process.process.wait(PATIENCE_SECONDS) == 0
    with providing(eva, "print", "--", "printf") as found:
        assert eva.done("call-service", "print", "\\033[31m%s", "x").out == "␛[31mx\n"
        assert found.next()["refusal"] == ""


@contextmanager
def shell_calling(shell: Shell, *words: str) -> Iterator[Listening]:
    with shell.start("call-service", *words) as process:
        try:
            yield Listening(process)
        finally:
            process.kill()


def test_arguments_as_lines(shared_server: Server, shell: Shell) -> None:
    fay = member(shared_server, shell.folder, "sv_fay")
    with providing(fay, "upper", "--stdin", "--", "tr", "a-z", "A-Z") as found:
        assert fay.done("call-service", "upper", "one", "--help me").out == "ONE\n--HELP ME\n"
        assert fay.done("call-service", "upper", "one", "--json").objects == [{"result": "ONE"}]
        assert found.next()["arguments"] == ["one", "--help me"]
        ended = fay.type("call-service", "upper", "two\nlines")
        assert ended.err == "chatctl: SERVICE_FAILED: An argument of this service is one line.\n"


def test_so_many_at_a_time(shared_server: Server, shell: Shell) -> None:
    gil = member(shared_server, shell.folder, "sv_gil")
    folder = shell.folder
    script = 'echo $$ >>"$0/started"; read x <"$0/$1"; echo "$x"'
    for name in "abc":
        os.mkfifo(folder / name)
    with (
        providing(gil, "turns", "--jobs", "2", "--", "sh", "-c", script, str(folder)),
        shared_server.login("sv_gil") as one,
        shared_server.login("sv_gil") as two,
        shared_server.login("sv_gil") as three,
    ):
        for peer, name in ((one, "a"), (two, "b"), (three, "c")):
            peer.send(f"CALL|turns|{name}")
        (folder / "a").write_text("first\n")
        assert one.read() == "CALL|SUCCESS|first"
        (folder / "c").write_text("third\n")
        assert three.read() == "CALL|SUCCESS|third"
        (folder / "b").write_text("second\n")
        assert two.read() == "CALL|SUCCESS|second"
        assert len((folder / "started").read_text().splitlines()) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_at_its_end_no_program_is_left(
    shared_server: Server, shell: Shell, number: signal.Signals
) -> None:
    name = f"sv_hal{number.value}"
    hal = member(shared_server, shell.folder, name)
    script = 'echo $$ >"$0/pid.part"; mv "$0/pid.part" "$0/pid"; exec sleep 1000'
    with (
        providing(hal, f"nap{number.value}", "--", "sh", "-c", script, str(shell.folder)) as found,
        shared_server.login(name) as peer,
    ):
        peer.send(f"CALL|nap{number.value}")
        while not (shell.folder / "pid").exists():
            pass
        pid = int((shell.folder / "pid").read_text())
        found.process.send_signal(number)
        status = found.process.wait(PATIENCE_SECONDS)
        assert status == (130 if number is signal.SIGINT else 0)
        assert not runs(pid)
        assert peer.read().startswith("CALL|FAILURE|UNAVAILABLE|")


def test_it_provides_again_after_a_crash(tmp_path: Path) -> None:
    server = SteadyServer(tmp_path)
    server.start()
    try:
        ida = member(server, tmp_path, "ida")
        with providing(ida, "echo", "--", "echo") as found:
            for turn in range(2):
                with server.login("ida") as peer:
                    assert peer.ask(f"CALL|echo|{turn}") == f"CALL|SUCCESS|{turn}"
                assert found.next()["arguments"] == [f"{turn}"]
                server.kill()
                server.start()
                assert found.next()["event"] == "SERVE"
            with server.login("ida") as peer:
                peer.ask(f"PASSWD|{SECRET}|another good secret")
            assert found.process.wait(PATIENCE_SECONDS) == 4
    finally:
        server.stop()


def test_what_cannot_be_provided(shared_server: Server, shell: Shell) -> None:
    jil = member(shared_server, shell.folder, "sv_jil")
    for words, status, said in [
        (("dance", "--", "no-such-program"), 2, "no-such-program: there is no such program"),
        (("dance",), 2, "Missing argument '-- COMMAND...'"),
        (("time", "--", "date"), 1, "TAKEN: "),
        (("two words", "--", "date"), 1, "BAD_NAME: "),
        (("dance", "--level", "10", "--", "date"), 2, "Invalid value for '--level'"),
        (("dance", "--usage", "x" * 201, "--", "date"), 1, "TOO_BIG: "),
    ]:
        ended = jil.type("serve", *words)
        assert (ended.status, ended.out) == (status, ""), ended
        assert said in ended.err


def test_json_is_exact(shared_server: Server, shell: Shell) -> None:
    kim = member(shared_server, shell.folder, "sv_kim")
    with providing(kim, "tabs", "--", "printf", "a\\tb\\n\\n"):
        ended = kim.done("call-service", "--json", "tabs")
        assert json.loads(ended.out) == {"result": "a\tb\n"}


def test_a_result_that_grows_too_long_ends_nothing(shared_server: Server, shell: Shell) -> None:
    """Each of its backslashes is two on the wire."""
    lou = member(shared_server, shell.folder, "sv-lou")
    with (
        providing(lou, "slashes", "--", "printf", "%s") as found,
        shared_server.login("sv-lou") as peer,
    ):
        asked = "\\\\" * 32_760
        assert peer.ask(f"CALL|slashes|{asked}").startswith("CALL|FAILURE|SERVICE_FAILED|")
        assert found.next()["service"] == "slashes"
        assert peer.ask("CALL|slashes|x") == "CALL|SUCCESS|x"
