"""Where profiles are kept: under a password, private, whole, and by one command at a time."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from chatctl.device_key import fresh_device_key
from chatctl.drawer import Drawer
from chatctl.e2e import DoesNotOpen
from chatctl.problems import Problem, Status
from chatctl.profile import Device, Profile, load, profile_path, save

PASSWORD, OTHER = "nine purple elephants", "ten purple elephants"
TOKEN = "N_LbmXlvrc7C0ZTbEkUcqL3IQkGVdL1WI433ijsUebs"
PROFILE = Profile("chat.example:4040", "alice", TOKEN, device=Device(fresh_device_key(), TOKEN))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


class Asked:
    """Types a password, and counts how often."""

    def __init__(self, password: str = PASSWORD) -> None:
        self.password = password
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return self.password


def locked(name: str = "work") -> Drawer:
    drawer = Drawer(name, Asked())
    drawer.lock(PASSWORD, PROFILE)
    return drawer


def test_what_is_locked_takes_the_password_once() -> None:
    locked()
    asked = Asked()
    drawer = Drawer("work", asked)
    assert drawer.is_locked
    assert drawer.read() == drawer.read() == PROFILE
    assert asked.times == 1


def test_a_wrong_password_opens_nothing() -> None:
    locked()
    with pytest.raises(DoesNotOpen):
        Drawer("work", Asked(OTHER)).read()


def test_a_changed_byte_is_a_wrong_password() -> None:
    locked()
    path = profile_path("work").with_suffix(".jwe")
    whole = path.read_bytes()
    for at in (0, 1, 14, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DoesNotOpen, match="Wrong password, or the file was changed"):
            Drawer("work", Asked()).read()


def test_only_its_owner_can_read_it_and_nothing_in_it_shows() -> None:
    locked()
    path = profile_path("work").with_suffix(".jwe")
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == {0o600}
    assert b"alice" not in path.read_bytes() and b"chat.example" not in path.read_bytes()
    path.chmod(0o640)
    with pytest.raises(Problem, match="chmod 600"):
        Drawer("work", Asked()).read()


def test_locking_removes_what_was_open() -> None:
    save("work", Profile("chat.example:4040"))
    drawer = locked()
    assert not profile_path("work").exists()
    assert load("work") == Profile()
    drawer.remove()
    assert not drawer.is_locked
    assert Drawer("work", Asked()).read() == Profile()


def test_a_change_is_made_to_what_is_there_now() -> None:
    first = locked()
    second = Drawer("work", Asked())
    second.change(lambda kept: msgspec.structs.replace(kept, vault_version=7))
    changed = first.change(lambda kept: msgspec.structs.replace(kept, token=None))
    assert (changed.vault_version, changed.token) == (7, None)
    assert second.read() == changed


def test_an_open_profile_is_changed_as_well() -> None:
    save("work", Profile("chat.example:4040"))
    Drawer("work", Asked()).change(lambda kept: msgspec.structs.replace(kept, user="alice"))
    assert load("work") == Profile("chat.example:4040", "alice")


def test_a_device_is_never_kept_in_the_open() -> None:
    with pytest.raises(Problem) as caught:
        Drawer("work", Asked()).change(lambda _: PROFILE)
    assert caught.value.status is Status.FAULT
    assert not profile_path("work").exists()


def test_another_password() -> None:
    drawer = locked()
    waiting = Drawer("work", Asked())
    waiting.read()
    drawer.relock(OTHER)
    assert drawer.read() == Drawer("work", Asked(OTHER)).read() == PROFILE
    for old in (Drawer("work", Asked()), waiting):
        with pytest.raises(DoesNotOpen):
            old.read()


def test_changes_of_many_at_once_are_all_kept() -> None:
    locked()

    def add(_: int) -> None:
        Drawer("work", Asked()).change(
            lambda kept: msgspec.structs.replace(kept, vault_version=kept.vault_version + 1)
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert Drawer("work", Asked()).read().vault_version == 12


async def test_one_at_a_time_logs_in() -> None:
    first, second = locked(), Drawer("work", Asked())
    order: list[str] = []

    async def wait() -> None:
        async with second.login():
            order.append("second")

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, first.login():
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            second.read()  # reading goes on meanwhile
            order.append("first")
    assert order == ["first", "second"]


async def test_who_waits_to_log_in_may_give_up() -> None:
    first, second = locked(), Drawer("work", Asked())
    async with first.login():
        with trio.move_on_after(0) as scope:
            async with second.login():
                pytest.fail("both log in")
    assert scope.cancelled_caught
    async with second.login():
        pass
