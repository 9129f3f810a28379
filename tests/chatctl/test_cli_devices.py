"""Devices: tokens that change, lost replies, copies that are found out, and what is removed."""

from __future__ import annotations

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from tests.serving import SECRET, Server

from .enrol_world import PASSWORD, Unlocked, enrolled, enrols, invite, stranger
from .shell import registered
from .terminal import Terminal
from .test_cli_listen import listening
from .wire import wire


def second(server: Server, folder: Path, user: str) -> Unlocked:
    """One more device of an account that there is; its vault is closed."""
    shell = stranger(server, folder / f"{user}-two")
    ended = shell.done("enrol", invite(server, user), "--password-stdin", stdin=PASSWORD)
    assert "Your vault is closed here" in ended.out
    return shell


def logs_in(shell: Unlocked) -> str:
    """LOGIN; the token of the next."""
    shell.done("login")
    token = shell.device().token
    assert token is not None
    return token


# Tokens


def test_the_token_changes_at_each_login(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "dvt-ann")
    sessions = [ann.opened().token]
    tokens = [ann.device().token]
    for _ in range(3):
        tokens.append(logs_in(ann))
        sessions.append(ann.opened().token)
    assert len({*tokens}) == len({*sessions}) == 4
    assert len(ann.done("sessions", "--json").objects) == 1


def test_a_session_is_resumed_while_it_lasts(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "dvr-ann")
    before = ann.path.read_bytes()
    ann.done("whoami")
    assert ann.path.read_bytes() == before
    session = ann.done("sessions", "--json").objects[0]["session_id"]
    ann.done("forget", session)
    assert session not in ann.done("whoami").out
    assert ann.path.read_bytes() != before


def test_logging_out_ends_the_session_and_keeps_the_device(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "dvo-ann")
    token = ann.opened().token
    ann.done("logout")
    assert ann.opened().token is None and ann.opened().vault_key is not None
    with shared_server.connect() as peer:
        assert peer.ask(f"RESUME|{token}").startswith("RESUME|FAILURE|DENIED|")
    ann.done("keys", "show")


def test_a_reply_that_was_never_written_locks_nobody_out(
    shared_server: Server, tmp_path: Path
) -> None:
    """As after kill -9 between the reply and the write: the profile is the one before."""
    ann = enrolled(shared_server, tmp_path, "dvk-ann")
    before = ann.path.read_bytes()
    for _ in range(3):
        logs_in(ann)
        ann.path.write_bytes(before)
    logs_in(ann)
    logs_in(ann)


def test_a_reply_that_is_lost_locks_nobody_out(shared_server: Server, tmp_path: Path) -> None:
    """Cut at each sealed line of the server, until there was none to cut."""
    with wire(shared_server) as tapped:
        ann = enrolled(shared_server, tmp_path, "dvl-ann", tapped.address)
        for cut in count():
            tapped.forget()
            tapped.answers_max = cut
            if not ann.type("login").status:
                break
            tapped.answers_max = None
            ann.done("whoami")
        assert cut > 1


def test_kill_9_at_any_moment_locks_nobody_out(shared_server: Server, tmp_path: Path) -> None:
    """When each sealed line of the server has just been passed on."""
    with wire(shared_server) as tapped:
        ann = enrolled(shared_server, tmp_path, "dv9-ann", tapped.address)
        for at in count(1):
            tapped.forget()
            process = ann.start("login")
            tapped.passed(at, process.poll)
            process.kill()
            process.communicate()
            ann.done("whoami")
            if process.returncode != -signal.SIGKILL:
                break
        assert at > 2
        assert [entry.name for entry in ann.path.parent.glob("*.jwe")] == ["default.jwe"]


def test_commands_at_once_do_not_look_like_theft(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "dvc-ann")
    for _ in range(2):
        ann.done("logout")
        with ThreadPoolExecutor(4) as pool:
            ended = list(pool.map(lambda _: ann.type("whoami", "--json"), range(4)))
        assert [one.status for one in ended] == [0, 0, 0, 0], ended
        assert len({one.objects[0]["session_id"] for one in ended}) == 1
    with ThreadPoolExecutor(4) as pool:
        assert {one.status for one in pool.map(lambda _: ann.type("login"), range(4))} == {0}
    ann.done("whoami")


# Theft


def test_a_copy_is_found_out_and_the_other_devices_are_told(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "dvs-ann")
    two = second(shared_server, tmp_path, "dvs-ann")
    stolen = ann.copied(tmp_path / "stolen")
    lost = {item["device_id"] for item in ann.done("devices", "--json").objects if item["this"]}
    shared_server.login("dvs-bob", register=True).ask("MSG|dvs-ann|hello")
    with listening(two) as found:
        assert found.texts(1) == ["hello"]
        logs_in(ann)
        logs_in(ann)
        ended = stolen.type("login")
        assert (ended.status, "somebody may have a copy" in ended.err) == (4, True)
        alert = found.next()
        assert (alert["event"], alert["code"]) == ("ALERT", "THEFT")
        assert lost.pop() in alert["sentence"]
        assert b"ALERT THEFT: " in found.stderr.readline()
    ended = ann.type("whoami")
    assert (ended.status, "chatctl enrol LINE" in ended.err) == (4, True)
    assert len(two.done("devices", "--json").objects) == 1


def test_the_owner_finds_out_where_the_thief_was_first(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "dvf-ann")
    stolen = ann.copied(tmp_path / "stolen")
    logs_in(stolen)
    logs_in(stolen)
    assert ann.type("login").status == 4
    assert stolen.type("whoami").status == 4


def test_an_alert_is_loud_on_the_screen(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "dva-ann")
    two = second(shared_server, tmp_path, "dva-ann")
    stolen = ann.copied(tmp_path / "stolen")
    with Terminal(two, "chat") as terminal:
        terminal.until("/help shows")
        logs_in(ann)
        logs_in(ann)
        assert stolen.type("login").status == 4
        terminal.until("!!! ALERT THEFT: ")


def test_a_stolen_profile_without_the_password_opens_nothing(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = enrolled(shared_server, tmp_path, "dvn-ann")
    (ann.folder / "password").unlink()
    stolen = ann.copied(tmp_path / "stolen")
    held = ann.opened()
    secrets = [held.token, held.user, held.server_key, held.vault_key, held.server]
    for file in (stolen.folder / "chatctl").iterdir():
        for secret in [*secrets, *map(str, (ann.device().key, ann.device().token))]:
            assert secret and secret not in file.read_text()
    stolen.password = "a guess of the thief's"
    for command in ("whoami", "login", "keys", "devices", "token"):
        words = (command, "export") if command == "keys" else (command,)
        assert stolen.type(*words).status == 6


# Removing


def test_a_device_that_is_lost_is_removed(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "dvd-ann")
    two = second(shared_server, tmp_path, "dvd-ann")
    items = ann.done("devices", "--json").objects
    assert sorted(item["this"] for item in items) == [False, True]
    lost = next(item["device_id"] for item in items if not item["this"])
    assert lost in ann.done("devices").out
    assert "Removed" in ann.done("devices", "--remove", lost).out
    assert two.type("whoami").status == 4
    assert ann.path.exists()
    assert ann.type("devices", "--remove", lost).err.startswith("chatctl: NO_SUCH_DEVICE: ")


def test_this_device_goes_with_its_profile(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "dvg-ann")
    stolen = ann.copied(tmp_path / "stolen")
    [item] = ann.done("devices", "--json").objects
    ann.done("devices", "--remove", item["device_id"])
    assert not ann.path.exists()
    assert stolen.type("whoami").status == 4


# Further devices


def test_a_further_device_takes_the_recovery_key(shared_server: Server, tmp_path: Path) -> None:
    ann = stranger(shared_server, tmp_path / "ann")
    key = enrols(ann, invite(shared_server, "dv2-ann")).objects[0]["recovery_key"]
    ann.done("vault", "set", "wifi", "elephants")
    two = second(shared_server, tmp_path, "dv2-ann")
    ended = two.type("keys", "show")
    assert (ended.status, "chatctl recover" in ended.err) == (6, True)
    wrong = "AAAAA" + key[5:]
    assert two.type("recover", "--password-stdin", stdin=f"{PASSWORD}\n{wrong}\n").status == 2
    two.done("recover", "--password-stdin", stdin=f"{PASSWORD}\n{key}\n")
    for shell in (ann, two):
        assert shell.done("vault", "get", "wifi").out == "elephants\n"
    two.done("vault", "set", "wifi", "giraffes")
    assert ann.done("vault", "get", "wifi").out == "giraffes\n"
    shown = [shell.done("keys", "show").out for shell in (ann, two)]
    assert shown[0] == shown[1]


def test_a_further_device_changes_no_keys(shared_server: Server, tmp_path: Path) -> None:
    ann = enrolled(shared_server, tmp_path, "dvx-ann")
    bob = enrolled(shared_server, tmp_path, "dvx-bob")
    bob.type("send", "dvx-ann", "hello")
    second(shared_server, tmp_path, "dvx-ann")
    bob.done("send", "dvx-ann", "hello again")
    assert "hello again" in ann.type("history", "dvx-bob").out


def test_an_account_with_a_password_may_have_devices_too(
    shared_server: Server, tmp_path: Path
) -> None:
    ann = stranger(shared_server, tmp_path / "ann")
    key = registered(ann, "dvp-ann")
    two = second(shared_server, tmp_path, "dvp-ann")
    given = f"{PASSWORD}\n{key}\n"
    ended = two.type("recover", "--password-stdin", stdin=given)
    assert (ended.status, "type that, not the recovery key" in ended.err) == (6, True)
    two.done("recover", "--password-stdin", stdin=f"{PASSWORD}\n{SECRET}\n")
    two.done("vault", "set", "wifi", "elephants")
    ann.done("login", "dvp-ann", "--password-stdin", stdin=SECRET)
    assert ann.done("vault", "get", "wifi").out == "elephants\n"
    two.done("erase", "--password-stdin", stdin=f"{PASSWORD}\n{SECRET}\n")


@pytest.mark.parametrize("broken", ["", "{}", "\0" * 300])
def test_a_file_that_is_no_profile(shared_server: Server, tmp_path: Path, broken: str) -> None:
    ann = stranger(shared_server, tmp_path / "ann")
    ann.path.parent.mkdir()
    ann.path.touch(0o600)
    ann.path.write_text(broken)
    assert ann.type("whoami").status == 6
    shutil.rmtree(ann.path.parent)
