"""chatctl enrol in a profile whose device was removed: another takes its place, all or nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from chatd.protocol.enrolment import EnrolmentLine
from tests.serving import Server

from .enrol_world import PASSWORD, Unlocked, enrolled, invite, stranger
from .terminal import Terminal
from .wire import Wire, wire


def robbed(ann: Unlocked, folder: Path) -> None:
    """Somebody has a copy of the profile, and uses it: the device is removed."""
    stolen = ann.copied(folder)
    for _ in range(2):
        ann.done("login")
    assert stolen.type("login").status == 4
    ended = ann.type("whoami")
    assert (ended.status, "chatctl enrol LINE" in ended.err) == (4, True)


def test_a_device_that_was_removed_is_followed_by_another(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "anr-ann")
    bob = enrolled(shared_server, tmp_path, "anr-bob")
    ann.done("vault", "set", "wifi", "elephants")
    bob.type("send", "anr-ann", "hello")
    shown, key = ann.done("keys", "show").out, ann.device().key
    robbed(ann, tmp_path / "stolen")
    ended = ann.done("enrol", invite(shared_server, "anr-ann"), "--yes")
    assert "device of anr-ann" in ended.out and "recovery key" not in ended.out
    assert ann.device().key != key and ann.device().successor is None
    assert ann.done("keys", "show").out.startswith(shown)
    assert ann.done("vault", "get", "wifi").out == "elephants\n"
    assert ann.type("history", "anr-bob").out.endswith(": hello\n")
    assert len(ann.done("devices", "--json").objects) == 1


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 130), ("", 130)])
def test_at_a_terminal_one_is_asked(
    shared_server: Server, tmp_path: Path, answer: str, status: int
) -> None:
    ann = enrolled(shared_server, tmp_path, f"ant-ann{answer}")
    before = ann.path.read_bytes()
    with Terminal(ann, "enrol", invite(shared_server, f"ant-ann{answer}")) as terminal:
        terminal.until("[y/N]")
        terminal.keys(f"{answer}\r")
        assert terminal.status() == status
    assert (ann.path.read_bytes() == before) == bool(status)
    ann.done("whoami")


def test_elsewhere_it_takes_an_option(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "anw-ann")
    before = ann.path.read_bytes()
    ended = ann.type("enrol", invite(shared_server, "anw-ann"))
    assert (ended.status, "--yes" in ended.err) == (2, True)
    assert ann.path.read_bytes() == before


def test_an_id_that_was_used_changes_nothing(shared_server: Server, tmp_path: Path) -> None:
    ann = stranger(shared_server, tmp_path / "ann")
    line = invite(shared_server, "anu-ann")
    ann.done("enrol", line)
    before = ann.opened()
    ended = ann.type("enrol", line, "--yes")
    assert (ended.status, "DENIED" in ended.err) == (1, True)
    assert ann.opened() == before
    ann.done("whoami")


def _other(line: EnrolmentLine, **changed: object) -> str:
    kept = {name: getattr(line, name) for name in EnrolmentLine.__slots__}
    return EnrolmentLine(**{**kept, **changed}).write()


@pytest.mark.parametrize(
    "changed", [{"user": "anx-bob"}, {"host": "192.0.2.7"}, {"server_key": bytes(range(32))}]
)
def test_another_account_takes_another_profile(
    shared_server: Server, tmp_path: Path, changed: dict[str, object]
) -> None:
    user = f"anx-{next(iter(changed)).replace('_', '-')}"
    ann = enrolled(shared_server, tmp_path, user)
    before = ann.path.read_bytes()
    line = EnrolmentLine.read(invite(shared_server, user))
    ended = ann.type("enrol", _other(line, **changed), "--yes")
    assert (ended.status, "--profile ANOTHER" in ended.err) == (2, True)
    assert ann.path.read_bytes() == before


def test_a_reply_that_is_lost_is_asked_for_again(shared_server: Server, tmp_path: Path) -> None:
    """Cut at each sealed line of the server, until there was none to cut."""

    def cut(ann: Unlocked, tapped: Wire, line: str, at: int) -> bool:
        tapped.answers_max = at
        ended = ann.type("enrol", line, "--yes")
        tapped.answers_max = None
        return not ended.status

    assert _interrupted(shared_server, tmp_path, "anl", cut) > 3


def test_kill_9_at_any_moment_leaves_a_profile_that_is_good(
    shared_server: Server, tmp_path: Path
) -> None:
    """When each sealed line of the server has just been passed on."""

    def kill(ann: Unlocked, tapped: Wire, line: str, at: int) -> bool:
        process = ann.start("enrol", line, "--yes")
        tapped.passed(at + 1, process.poll)
        process.kill()
        process.communicate()
        return process.returncode != -signal.SIGKILL

    assert _interrupted(shared_server, tmp_path, "ank", kill) > 3


def _interrupted(
    server: Server, folder: Path, name: str, ends: Callable[[Unlocked, Wire, str, int], bool]
) -> int:
    """Enrol anew, interrupted at one line after the other; at how many until it came to its end."""
    with wire(server) as tapped:
        ann = enrolled(server, folder, name, tapped.address)
        keys = ann.done("keys", "show").out
        for at in count():
            line = invite(server, name, address=tapped.address)
            before = ann.device().key
            tapped.forget()
            if ends(ann, tapped, line, at):
                return at
            ann.done("whoami")
            successor = ann.device().successor
            going = ann.device().key if successor is None else successor.key
            if going == before:
                continue  # nothing was begun
            assert "device of" in (ann.done("enrol", line).out if at % 2 else ann.done("enrol").out)
            assert (ann.device().key, ann.device().successor) == (going, None)
            assert ann.done("keys", "show").out == keys
    return 0


def test_a_recovery_key_that_was_never_shown_is_kept(shared_server: Server, tmp_path: Path) -> None:
    """The device was removed before its enrolment was complete, and after it had made the vault."""
    with wire(shared_server) as tapped:
        ann = stranger(shared_server, tmp_path / "ann", tapped.address)
        line = invite(shared_server, "anv-ann", address=tapped.address)
        for cut in count():
            tapped.forget()
            tapped.answers_max = cut
            assert ann.type("enrol", line, "--password-stdin", stdin=PASSWORD).status == 3
            if ann.device().token is not None:
                break
        tapped.answers_max = None
        stolen = ann.copied(tmp_path / "stolen")
        key = stolen.done("enrol", "--json").objects[0]["recovery_key"]
        for _ in range(2):
            stolen.done("login")
        assert ann.type("enrol").status == 4
        again = invite(shared_server, "anv-ann", address=tapped.address)
        assert ann.done("enrol", again, "--yes", "--json").objects[0]["recovery_key"] == key
