"""A locked profile at the shell: where its password comes from, and what it is asked before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import SECRET, Server

from .enrol_world import PASSWORD, enrolled
from .terminal import Terminal
from .wire import Wire, wire

SENTENCE = "chatctl: Wrong password, or the file was changed\n"


def test_before_the_password_nothing_is_sent(shared_server: Server, tmp_path: Path) -> None:
    with wire(shared_server) as tapped:
        ann = enrolled(shared_server, tmp_path, "enl-ann", tapped.address)
        tapped.forget()
        for password, given in ((None, ""), (None, "a wrong one\n"), ("a wrong one", "")):
            ann.password = password
            for command in ("whoami", "login", "devices", "logout"):
                ended = ann.type(command, stdin=given)
                assert ended.status == (6 if given or password else 2), ended
        assert not tapped.sent and not tapped.answered


def test_a_wrong_password_and_a_changed_byte_are_told_alike(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "enb-ann")
    whole = ann.path.read_bytes()
    for at in (0, 20, 100, 200, len(whole) // 2, len(whole) - 2):
        ann.path.write_bytes(whole[:at] + bytes([whole[at] ^ 2]) + whole[at + 1 :])
        ended = ann.type("whoami")
        assert (ended.status, ended.err) == (6, SENTENCE)
    ann.path.write_bytes(whole)
    ann.password = "a wrong one"
    assert ann.type("whoami").err == SENTENCE


def test_the_password_comes_before_the_text_on_standard_input(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "ens-ann")
    ann.password = None
    ann.done("send", "ens-ann", stdin=f"{PASSWORD}\none\ntwo\n")
    ann.done("send", "ens-ann", "--lines", stdin=f"{PASSWORD}\nthree\nfour\n")
    shown = ann.done("history", "ens-ann", "--json", stdin=PASSWORD).objects
    assert [item["text"] for item in shown] == ["one\ntwo", "three", "four"]


def test_the_password_is_asked_for_at_a_terminal(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "enu-ann")
    ann.password = None
    with Terminal(ann, "whoami") as terminal:
        terminal.until("Password of profile 'default':")
        terminal.keys(f"{PASSWORD}\r")
        terminal.until("enu-ann at ")
        assert terminal.status() == 0
        assert PASSWORD not in terminal.shown


def test_the_password_is_changed_without_the_server(shared_server: Server, tmp_path: Path) -> None:
    with wire(shared_server) as tapped:
        ann = enrolled(shared_server, tmp_path, "enc-ann", tapped.address)
        before = ann.opened()
        tapped.forget()
        ended = ann.done("passwd", "--password-stdin", stdin=f"{PASSWORD}\nten purple elephants\n")
        assert "Password changed" in ended.out and not tapped.sent
        assert ann.type("whoami").status == 6
        ann.password = "ten purple elephants"
        assert ann.opened() == before
        ann.done("whoami")


@pytest.mark.parametrize(
    ("given", "status"),
    [(f"{PASSWORD}\npassword\n", 1), (f"{PASSWORD}\n", 2), ("wrong\nten purple elephants\n", 6)],
)
def test_a_change_that_is_refused_changes_nothing(
    shared_server: Server, tmp_path: Path, given: str, status: int
) -> None:
    ann = enrolled(shared_server, tmp_path, f"enq-ann{status}")
    before = ann.path.read_bytes()
    assert ann.type("passwd", "--password-stdin", stdin=given).status == status
    assert ann.path.read_bytes() == before


@pytest.mark.parametrize("words", [("secure",), ("passwd", "--new-recovery-key"), ("login", "bob")])
def test_what_makes_no_sense_for_a_device(
    shared_server: Server, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ann = enrolled(shared_server, tmp_path, f"enm-{words[-1].strip('-')[:8]}")
    ended = ann.type(*words, "--password-stdin", stdin=f"{PASSWORD}\n{SECRET}\n")
    assert (ended.status, ended.err.count("\n")) == (2, 1)


def test_a_profile_elsewhere_shows_its_keys_to_no_other_server(
    shared_server: Server, tapped: Wire, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "env-ann")
    ended = ann.type("whoami", "--server", tapped.address)
    assert (ended.status, "instead" in ended.err) == (4, True)
    assert not tapped.sent


def test_an_account_that_was_enrolled_is_erased_without_a_password_of_its_own(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "eny-ann")
    assert "Erased." in ann.done("erase", "--password-stdin", stdin=f"{PASSWORD}\n").out
    assert not ann.path.exists()
