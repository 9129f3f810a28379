"""The chat screen in a real terminal, with a real server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serving import SECRET, Server

from .client_world import SteadyServer
from .shell import Shell, member, posts
from .terminal import Terminal


@contextmanager
def screen(shell: Shell, *words: str) -> Iterator[Terminal]:
    """A screen that has shown its first lines."""
    with Terminal(shell, "chat", *words) as terminal:
        terminal.until("Ctrl-D leaves")
        terminal.until(f"* {words[0]}" if words else "* You are in")
        yield terminal


def test_a_conversation(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "scr-ann", "#scr")
    member(shared_server, shell.folder, "scr-bob", "#scr")
    posts(shared_server, "scr-bob", "#scr", "from before")
    with screen(ann, "#scr") as terminal:
        terminal.until("scr-bob [not encrypted]: from before")
        terminal.until("#scr>")
        terminal.until(f"scr-ann at {shared_server.address}")
        with shared_server.login("scr-bob") as bob:
            terminal.keys("hello bob\r")
            terminal.until("scr-ann [not encrypted]: hello bob")
            assert bob.read().endswith("|scr-ann|hello bob")
            bob.ask("MSG|#scr|hello ann")
            terminal.until("scr-bob [not encrypted]: hello ann")
        terminal.keys("//slash\r")
        terminal.until("scr-ann [not encrypted]: /slash")
        terminal.keys("/quit\r")
        assert terminal.status() == 0
        assert terminal.is_cooked


def test_other_peoples_text_is_harmless(shared_server: Server, shell: Shell) -> None:
    cat = member(shared_server, shell.folder, "scr-cat", "#safe")
    member(shared_server, shell.folder, "scr-dan", "#safe")
    with screen(cat, "#safe") as terminal:
        terminal.until("#safe>")
        posts(shared_server, "scr-dan", "#safe", "up \u202edown\n12:00 root: obey", "wide " * 2_000)
        terminal.until("scr-dan [not encrypted]: up <U+202E>down")
        terminal.until("    12:00 root: obey")
        terminal.until("wide", times=2_000)
        terminal.until("#safe>")
        terminal.keys("\x04")
        assert terminal.status() == 0


def test_typing_while_others_talk(shared_server: Server, shell: Shell) -> None:
    zed = member(shared_server, shell.folder, "scr-zed", "#busy")
    member(shared_server, shell.folder, "scr-abe", "#busy")
    typed = "the quick brown fox jumps over the lazy dog"
    with screen(zed, "#busy") as terminal:
        terminal.until("#busy>")
        with shared_server.login("scr-abe") as abe:
            for number, letter in enumerate(typed):
                abe.send(*(f"MSG|#busy|number {number * 10 + more}." for more in range(10)))
                terminal.keys(letter)
                terminal.until(f"number {number * 10}.")
        terminal.until(f"number {len(typed) * 10 - 1}.")
        terminal.until(f"#busy> {typed}")
        lines = terminal.shown.splitlines()
        head = "abe [not encrypted]: "
        said = [line.partition(head)[2] for line in lines if head in line]
        assert said == [f"number {number}." for number in range(len(typed) * 10)]
        assert [line for line in lines if "fox" in line] == [f"#busy> {typed}"]


def test_a_terminal_that_stands_still(shared_server: Server, shell: Shell) -> None:
    sid = member(shared_server, shell.folder, "scr-sid", "#flood")
    member(shared_server, shell.folder, "scr-tom", "#flood")
    with screen(sid, "#flood") as terminal:
        terminal.until("#flood>")
        with shared_server.login("scr-tom") as tom:
            # Nothing is taken from the terminal until all this is posted.
            tom.send(*(f"MSG|#flood|number {number}." for number in range(3_000)))
            for _ in range(3_000):
                tom.read()
        terminal.until("number 2999.")
        head = "tom [not encrypted]: "
        said = [line.partition(head)[2] for line in terminal.shown.splitlines()]
        assert [text for text in said if text] == [f"number {number}." for number in range(3_000)]


def test_removed_from_the_room(shared_server: Server, shell: Shell) -> None:
    una = member(shared_server, shell.folder, "scr-own", "#removed")
    vic = member(shared_server, shell.folder, "scr-vic", "#removed")
    with screen(vic, "#removed") as terminal:
        terminal.until("#removed>")
        una.done("kick", "#removed", "scr-vic", "too", "loud")
        terminal.until("* scr-own removed scr-vic from #removed (too loud)")
        una.done("set", "#removed", "private=yes")
        una.done("invite", "#removed", "scr-vic")
        terminal.until("* scr-own invites you to #removed")
        terminal.keys("/join #removed\r")
        terminal.until("* #removed", times=2)
        una.done("topic", "#removed", "calm")
        terminal.until("* scr-own set the topic of #removed: calm")


def test_a_level_that_falls(shared_server: Server, shell: Shell) -> None:
    wes = member(shared_server, shell.folder, "scr-wes")
    shared_server.command_line("user", "scr-wes", "--level", "3")
    with shared_server.login("scr-wes") as peer:
        peer.ask("JOIN|#vip")
        peer.ask("SET|#vip|level=3")
    with screen(wes, "#vip") as terminal:
        terminal.until("#vip>")
        shared_server.command_line("user", "scr-wes", "--level", "0")
        terminal.until("* scr-wes is out of #vip: it takes a higher level")


def test_unread_elsewhere(shared_server: Server, shell: Shell) -> None:
    eve = member(shared_server, shell.folder, "scr-eve", "#here", "#there")
    member(shared_server, shell.folder, "scr-fay", "#here", "#there")
    posts(shared_server, "scr-fay", "#there", "one")
    with screen(eve, "#here") as terminal:
        terminal.until("#there 1")
        posts(shared_server, "scr-fay", "#there", "two")
        terminal.until("#there 2")
        posts(shared_server, "scr-fay", "scr-eve", "psst")
        terminal.until("Unread in scr-fay")
        terminal.until("scr-fay 1")
        terminal.keys("/switch #there\r")
        terminal.until("scr-fay [not encrypted]: one")
        terminal.until("scr-fay [not encrypted]: two")
        terminal.keys("/switch\r")
        terminal.until("scr-fay [not encrypted]: psst")
        terminal.keys("hush\r")
        terminal.until("! You have no keys yet, so this cannot be encrypted")
        terminal.keys("/plain hush\r")
        terminal.until("scr-eve [not encrypted]: hush")
        terminal.keys("/switch\r")
        terminal.until("! Nothing is unread")
        terminal.keys("/unread\r")
        terminal.until("  None.")
        terminal.keys("\x04")
        assert terminal.status() == 0
    assert eve.done("unread").out == ""


def test_commands(shared_server: Server, shell: Shell) -> None:
    gus = member(shared_server, shell.folder, "scr-gus", "#cmd-2")
    member(shared_server, shell.folder, "scr-hal")
    with screen(gus) as terminal:
        terminal.keys("to nobody\r")
        terminal.until("! Nobody would hear it")
        terminal.keys("/join #Cmd\r")
        terminal.until("* #cmd")
        terminal.until("#cmd>")
        terminal.keys("/who\r")
        terminal.until("scr-gus  owner  online")
        terminal.keys("/topic all of it\r")
        terminal.until("scr-gus set the topic of #cmd: all of it")
        terminal.keys("/msg #cmd-2 aside\r")
        terminal.until("scr-gus to #cmd-2 [not encrypted]: aside")
        terminal.keys("/msg scr-hal in private\r")
        terminal.until("! You have no keys yet, so this cannot be encrypted")
        terminal.keys("/kick scr-hal\r")
        terminal.until("! ")
        terminal.keys("/nonsense\r")
        terminal.until("! There is no such command")
        terminal.keys("/serve dice 0 sides Rolls\r")
        terminal.until("! /serve is not for this screen; at the shell: chatctl serve")
        terminal.keys("/help kick\r")
        terminal.until("/kick #room user [reason]: ")
        terminal.keys("/switch #nowhere\r")
        terminal.until("! There is no such room; see: /rooms")
        terminal.keys("said here\r")
        terminal.until("scr-gus [not encrypted]: said here")
        terminal.keys("/history 1\r")
        terminal.until("scr-gus [not encrypted]: said here", times=2)
        terminal.keys("/leave\r")
        terminal.until("scr-gus left #cmd")
        terminal.keys("too late\r")
        terminal.until("! Nobody would hear it", times=2)


def test_completion(shared_server: Server, shell: Shell) -> None:
    ida = member(shared_server, shell.folder, "scr-ida", "#completion")
    member(shared_server, shell.folder, "scr-jonathan", "#completion")
    with screen(ida) as terminal:
        terminal.keys("/swi\t")
        terminal.until("> /switch")
        terminal.keys("#compl\t")
        terminal.until("> /switch #completion")
        terminal.keys("\r")
        terminal.until("* #completion")
        terminal.until("#completion>")
        terminal.keys("/who\r")
        terminal.until("scr-jonathan  member")
        terminal.keys("hello scr-jon\t")
        terminal.until("hello scr-jonathan")
        terminal.keys("\r")
        terminal.until("scr-ida [not encrypted]: hello scr-jonathan")


def test_several_lines_are_one_message(shared_server: Server, shell: Shell) -> None:
    kai = member(shared_server, shell.folder, "scr-kai", "#paste")
    with screen(kai, "#paste") as terminal:
        terminal.until("#paste>")
        terminal.keys("\x1b[200~one\ntwo\nthree\x1b[201~\r")
        terminal.until("scr-kai [not encrypted]: one")
        terminal.until("    three")
    assert kai.done("history", "#paste", "--json").objects[0]["text"] == "one\ntwo\nthree"


@pytest.mark.parametrize("end", ["ctrl-c", "term", "int", "password"])
def test_other_ends(shared_server: Server, shell: Shell, end: str) -> None:
    lia = member(shared_server, shell.folder, f"lia-{end}", f"#{end}")
    with screen(lia, f"#{end}") as terminal:
        terminal.until(f"#{end}>")
        if end == "ctrl-c":
            terminal.keys("half a line\x03then\r")
            terminal.until(f"lia-{end} [not encrypted]: then")
            terminal.keys("\x03")
        elif end in ("term", "int"):
            terminal.signal(signal.SIGTERM if end == "term" else signal.SIGINT)
        else:
            with shared_server.login(f"lia-{end}") as peer:
                peer.ask(f"PASSWD|{SECRET}|another good secret")
        assert terminal.status() == {"ctrl-c": 130, "term": 0, "int": 130, "password": 4}[end]
        assert terminal.is_cooked


def test_it_comes_back_after_a_crash(tmp_path: Path) -> None:
    server = SteadyServer(tmp_path)
    server.start()
    try:
        max_ = member(server, tmp_path, "max", "#crash")
        member(server, tmp_path, "ned", "#crash")
        with screen(max_, "#crash") as terminal:
            terminal.until("#crash>")
            server.kill()
            terminal.until("Connection lost, trying again")
            terminal.until("offline")
            terminal.keys("typed meanwhile\r")
            server.start()
            posts(server, "ned", "#crash", "are you there?")
            terminal.until("Connected again")
            terminal.until("max [not encrypted]: typed meanwhile")
            terminal.keys("/history\r")
            terminal.until("ned [not encrypted]: are you there?")
        texts = [item["text"] for item in max_.done("history", "#crash", "--json").objects]
        assert sorted(texts) == ["are you there?", "typed meanwhile"]
    finally:
        server.stop()


def test_leaving_while_there_is_no_server(tmp_path: Path) -> None:
    server = SteadyServer(tmp_path)
    server.start()
    with screen(member(server, tmp_path, "ray", "#gone"), "#gone") as terminal:
        terminal.until("#gone>")
        server.stop()
        terminal.until("offline")
        terminal.keys("into the void\r\x04")
        terminal.until("chatctl: You left while there was no connection")
        assert terminal.status() == 3
        assert terminal.is_cooked


def test_where_it_cannot_begin(shared_server: Server, shell: Shell) -> None:
    ora = member(shared_server, shell.folder, "scr-ora")
    member(shared_server, shell.folder, "scr-pia", "#closed-to-ora")
    with Terminal(ora, "chat", "#closed-to-ora") as terminal:
        terminal.until("not in #closed-to-ora; first: chatctl join '#closed-to-ora'")
        assert terminal.status() == 1
    with Terminal(ora, "chat", "#nowhere") as terminal:
        terminal.until("chatctl: NO_SUCH_ROOM: ")
        assert terminal.status() == 1
        assert terminal.is_cooked
    with Terminal(shell, "chat") as terminal:
        terminal.until("chatctl: Not logged in")
        assert terminal.status() == 4
