"""chatctl enrol: a locked profile, a device, an account with keys; and whatever goes wrong."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import pytest

from chatd.protocol.enrolment import EnrolmentLine
from tests.serving import Server

from .enrol_world import PASSWORD, Unlocked, enrolled, enrols, invite, once, stranger
from .shell import logs_in, registered
from .terminal import Terminal
from .wire import wire

DENIED = "DENIED: Wrong user or one-time ID"


def test_a_line_makes_a_device_that_can_do_everything(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = stranger(shared_server, tmp_path / "ann")
    done = enrols(ann, invite(shared_server, "enn-ann", "--level", "2")).objects[0]
    assert done["user"] == "enn-ann" and len(done["recovery_key"]) == 47
    assert ann.done("whoami", "--json").objects[0]["level"] == 2
    bob = enrolled(shared_server, tmp_path, "enn-bob")
    assert "is new to you" in ann.type("send", "enn-bob", "are you there?").err
    assert bob.type("history", "enn-ann").out.endswith("enn-ann [new key]: are you there?\n")
    ann.done("vault", "set", "wifi", "elephants")
    assert ann.done("vault", "get", "wifi").out == "elephants\n"
    assert len(ann.done("keys", "show", "--json").objects) == 3
    assert len(ann.done("sessions", "--json").objects) == 1


def test_the_profile_is_private_and_nothing_in_it_shows(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "enp-ann")
    files = {entry.name for entry in ann.path.parent.iterdir()}
    assert files == {"default.jwe", ".default.lock", ".default.login"}
    profile, locked = ann.opened(), ann.path.read_text()
    device = ann.device()
    for held in (profile.server, profile.user, profile.token, profile.vault_key, device.key):
        assert held and held not in locked
    assert device.pending is None
    assert '"kdf"' not in locked  # it is in the header, in base64url


def test_at_a_terminal_the_password_is_typed_twice(shared_server: Server, tmp_path: Path) -> None:
    line = invite(shared_server, "ent-ann")
    ann = stranger(shared_server, tmp_path / "ann")
    ann.password = None
    with Terminal(ann, "enrol", line) as terminal:
        terminal.until("Password for profile 'default':")
        terminal.keys(f"{PASSWORD}\r")
        terminal.until("Once more:")
        terminal.keys("something else\r")
        assert terminal.status() == 2
        assert "differ" in terminal.shown and PASSWORD not in terminal.shown
    assert not ann.path.exists()


@pytest.mark.parametrize(
    "password", ["password", "12345678", "enw-ann"], ids=["common", "digits", "name"]
)
def test_a_password_that_is_easy_to_guess_is_refused(
    shared_server: Server, tmp_path: Path, password: str
) -> None:
    line = invite(shared_server, "enw-ann")
    ann = stranger(shared_server, tmp_path / "ann")
    ended = ann.type("enrol", line, "--password-stdin", stdin=password)
    assert (ended.status, "WEAK_PASSWORD" in ended.err) == (1, True)
    assert not ann.path.exists()


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "chat-enrol://127.0.0.1/ann/x/y",
        "https://127.0.0.1:4040/a/b/c",
        "chat-enrol://127.0.0.1:4040/ann/AAAA/XXXX-XXXX-XXXX",
        f"chat-enrol://127.0.0.1:4040/ann/{'A' * 43}/0000-0000-0000",
    ],
)
def test_what_is_no_line(shared_server: Server, tmp_path: Path, line: str) -> None:
    ann = stranger(shared_server, tmp_path / "ann")
    ended = ann.type("enrol", line, "--password-stdin", stdin=PASSWORD)
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert once(line) not in ended.err or len(once(line)) < 12


@pytest.mark.parametrize("changed", ["user", "once"])
def test_a_wrong_one_time_id_leaves_nothing_behind(
    shared_server: Server, tmp_path: Path, changed: str
) -> None:
    line = invite(shared_server, f"end-{changed}")
    wrong = line.replace(once(line), "2345-6789-ABCD")
    if changed == "user":
        wrong = line.replace("/end-user/", "/end-nobody/")
    ann = stranger(shared_server, tmp_path / "ann")
    ended = ann.type("enrol", wrong, "--password-stdin", stdin=PASSWORD)
    assert (ended.status, DENIED in ended.err) == (1, True)
    assert not ann.path.exists()
    enrols(ann, line)


def test_a_one_time_id_works_once(shared_server: Server, tmp_path: Path) -> None:
    line = invite(shared_server, "eno-ann")
    enrols(stranger(shared_server, tmp_path / "ann"), line)
    thief = stranger(shared_server, tmp_path / "thief")
    ended = thief.type("enrol", line, "--password-stdin", stdin=PASSWORD)
    assert (ended.status, DENIED in ended.err) == (1, True)


def test_another_server_s_key_is_refused_with_both_fingerprints(
    shared_server: Server, tmp_path: Path
) -> None:
    line = EnrolmentLine.read(invite(shared_server, "enf-ann"))
    other = EnrolmentLine(line.host, line.port, line.user, bytes(range(32)), line.one_time_id)
    ann = stranger(shared_server, tmp_path / "ann")
    ended = ann.type("enrol", other.write(), "--password-stdin", stdin=PASSWORD)
    assert (ended.status, ended.err.count("\n")) == (5, 1)
    assert len(re.findall(r"(?<![\w-])[\w-]{43}(?![\w-])", ended.err)) == 2
    assert "ask who invited you" in ended.err and "log in" not in ended.err
    # The line was mistyped; the right one takes its place.
    enrols(ann, line.write())


def test_what_was_interrupted_goes_on_with_the_same_key(
    shared_server: Server, tmp_path: Path
) -> None:
    """Cut at each sealed line of the server, until there was none to cut."""
    with wire(shared_server) as tapped:
        for cut in count():
            line = invite(shared_server, f"eni-{cut}", address=tapped.address)
            ann = stranger(shared_server, tmp_path / str(cut), tapped.address)
            tapped.forget()
            tapped.answers_max = cut
            ended = ann.type("enrol", line, "--password-stdin", stdin=PASSWORD)
            tapped.answers_max = None
            if not ended.status:
                break
            assert (ended.status, ended.err.count("\n")) == (3, 1)
            _goes_on(ann, line)
    assert cut > 4


def _goes_on(ann: Unlocked, line: str) -> None:
    key = ann.device().key
    assert len(enrols(ann, line).objects[0]["recovery_key"]) == 47
    assert ann.device().key == key
    assert len(ann.done("devices", "--json").objects) == 1
    assert len(ann.done("keys", "show", "--json").objects) == 2


def test_what_was_interrupted_goes_on_without_the_line(
    shared_server: Server, tmp_path: Path
) -> None:
    with wire(shared_server) as tapped:
        line = invite(shared_server, "enj-ann", address=tapped.address)
        ann = stranger(shared_server, tmp_path / "ann", tapped.address)
        tapped.answers_max = 0
        assert ann.type("enrol", line, "--password-stdin", stdin=PASSWORD).status == 3
        tapped.answers_max = None
        ended = ann.type("whoami")
        assert (ended.status, "go on: chatctl enrol\n" in ended.err) == (4, True)
        key = ann.device().key
        assert "device of enj-ann" in ann.done("enrol").out
        assert ann.device().key == key


def test_what_was_mistyped_is_corrected_by_another_line(
    shared_server: Server, tmp_path: Path
) -> None:
    line = invite(shared_server, "enh-ann")
    ann = stranger(shared_server, tmp_path / "ann")
    wrong = line.replace(f":{shared_server.port}/", ":1/")
    assert ann.type("enrol", wrong, "--password-stdin", stdin=PASSWORD).status == 3
    assert ann.type("enrol").status == 3
    with Terminal(ann, "enrol") as terminal:
        terminal.until("Go on as enh-ann at 127.0.0.1:1? [Y/n]")
        terminal.keys("n\r")
        terminal.until("Enrolment line (Enter to type its parts):")
        terminal.keys(f"{line}\r")
        terminal.until("device of enh-ann at ")
        assert terminal.status() == 0


def test_after_the_recovery_key_was_shown_nothing_is_done_unasked(
    shared_server: Server, tmp_path: Path
) -> None:
    line = invite(shared_server, "enz-ann")
    ann = stranger(shared_server, tmp_path / "ann")
    enrols(ann, line)
    ended = ann.type("enrol", line)
    assert (ended.status, "a device of enz-ann already" in ended.err) == (2, True)


def test_a_profile_that_is_somebody_s_is_not_overwritten(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = stranger(shared_server, tmp_path / "ann")
    registered(ann, "enx-ann")
    logs_in(ann, "enx-ann")
    ended = ann.type("enrol", invite(shared_server, "enx-bob"), "--password-stdin", stdin=PASSWORD)
    assert (ended.status, "take another" in ended.err) == (2, True)
    assert ann.done("whoami").out.startswith("enx-ann ")
