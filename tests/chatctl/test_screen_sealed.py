"""The chat screen where the server cannot read along."""

from __future__ import annotations

import signal
from pathlib import Path

from chatctl.e2e import looks_sealed
from tests.serving import Server

from .client_world import SteadyServer
from .sealed_world import entered, history, keyed, kinds, posted, stored, texts, told
from .shell import Shell, member
from .test_screen import screen

UP = "\x1b[A"


def test_a_conversation(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "ss-ann")
    bob = keyed(shared_server, shell.folder, "ss-bob")
    with screen(ann, "ss-bob") as here, screen(bob, "ss-ann") as there:
        here.until("ss-bob>")
        there.until("ss-ann>")
        here.keys("hello bob\r")
        here.until("* ss-bob's key is new to you; compare it with: chatctl verify ss-bob")
        here.until("ss-ann: hello bob")
        there.until("ss-ann [new key]: hello bob")
        there.keys("hello ann\r")
        there.until("ss-bob: hello ann")
        here.until("ss-bob: hello ann")
        here.keys("\x1b[200~two\nlines 👩‍👩‍👧\x1b[201~\r")
        there.until("ss-ann: two")
        there.until("    lines 👩")
        here.keys("/plain for all to read\r")
        here.until("ss-ann [not encrypted]: for all to read")
        there.until("ss-ann [not encrypted]: for all to read")
        with entered(shared_server, "ss-bob") as peer:
            posted(peer, "ss-ann", stored(shared_server, "ss-ann", "ss-bob")[1])
        here.until("ss-bob ! Shown twice: ss-bob sent this once, and it stands at 2 too.")
        here.until("It reads: hello ann")
        here.keys("/history\r")
        here.until("ss-ann: hello bob", times=2)
        there.keys("/quit\r")
        assert there.status() == 0
    sealed = [looks_sealed(line) for line in stored(shared_server, "ss-ann", "ss-bob")]
    assert sealed == [True, True, True, False, True]


def test_a_key_changes(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "sk-ann")
    bob = keyed(shared_server, shell.folder, "sk-bob")
    with screen(ann, "sk-bob") as terminal:
        terminal.until("sk-bob>")
        terminal.keys("hello\r")
        terminal.until("sk-ann: hello")
        bob.done("keys", "rotate")
        terminal.until("* sk-bob's key has changed; nothing goes to sk-bob until you compare")
        terminal.keys("a secret\r")
        terminal.until("! sk-bob's key changed on 20")
        # It is trusted in another window, and the line is still at hand.
        ann.done("trust", "sk-bob")
        terminal.keys(f"{UP}\r")
        terminal.until("sk-ann: a secret")
        bob.type("send", "sk-ann", "thank you")
        terminal.until("sk-bob: thank you")
    assert texts(bob, "sk-ann")[1:] == ["a secret", "thank you"]


def test_to_who_has_no_keys(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "sn-ann")
    bob = member(shared_server, shell.folder, "sn-bob")
    with screen(ann, "sn-bob") as here, screen(bob, "sn-ann") as there:
        here.until("sn-bob>")
        there.until("sn-ann>")
        here.keys("a secret\r")
        here.until("! sn-bob has no keys, so this cannot be encrypted")
        here.until("/plain TEXT")
        here.keys(f"{UP}\x01/plain no longer \r")
        here.until("sn-ann [not encrypted]: no longer a secret")
        there.until("sn-ann [not encrypted]: no longer a secret")
        there.keys("hi\r")
        there.until("! You have no keys yet")
        there.keys("/plain\r")
        there.until("! /plain text: ")
        there.keys("/msg sn-ann hi\r")
        there.until("! You have no keys yet", times=2)
    [found] = history(bob, "sn-ann")
    assert kinds(found) == ["not-encrypted"]


def test_a_room(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "sr-ann", "#sr")
    bob = keyed(shared_server, shell.folder, "sr-bob")
    ann.done("set", "#sr", "e2e=yes")
    with screen(ann, "#sr") as here, screen(bob) as there:
        here.until("#sr>")
        here.keys("alone\r")
        here.until("sr-ann: alone")
        there.keys("/join #sr\r")
        there.until("sr-ann [cannot be opened]: The message is encrypted for others")
        here.until("* sr-bob joined #sr")
        here.keys("welcome\r")
        here.until("sr-ann: welcome")
        there.until("sr-ann [new key]: welcome")
        here.keys("/plain hi\r")
        here.until("! #sr takes nothing that is not encrypted")
        there.keys("/leave #sr\r")
        here.until("* sr-bob left #sr")
        here.keys("alone again\r")
        here.until("sr-ann: alone again")
        there.keys("/join #sr\r")
        there.until("[cannot be opened]", times=2 + 1)


def test_a_room_that_is_not_encrypted_any_more(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "so-ann", "#so")
    ann.done("set", "#so", "e2e=yes")
    ann.done("send", "#so", "sealed")
    ann.done("set", "#so", "e2e=no")
    with screen(ann, "#so") as terminal:
        terminal.until("so-ann: sealed")
        terminal.keys("hello\r")
        terminal.until("! #so was encrypted, and the server says that it is not any more")
        told(ann, "trust", "#so")
        terminal.keys(f"{UP}\r")
        terminal.until("so-ann [not encrypted]: hello")
    assert stored(shared_server, "so-ann", "#so")[1:] == ["hello"]


def test_over_a_crash(tmp_path: Path) -> None:
    server = SteadyServer(tmp_path)
    server.start()
    try:
        ann, bob = keyed(server, tmp_path, "ann"), keyed(server, tmp_path, "bob")
        with screen(ann, "bob") as here, screen(bob, "ann") as there:
            here.until("bob>")
            there.until("ann>")
            server.kill()
            here.until("offline")
            here.keys("typed meanwhile\r")
            server.start()
            here.until("ann: typed meanwhile")
            there.until("ann [new key]: typed meanwhile")
            here.signal(signal.SIGTERM)
            assert here.status() == 0
        assert texts(bob, "ann") == ["typed meanwhile"]
    finally:
        server.stop()
