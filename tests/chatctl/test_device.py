"""The secrets of a device: made once, kept in the profile, and never shown."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatctl.desk import Desk
from chatctl.device import device_key, kept_secret
from chatctl.device_key import DeviceKey
from chatctl.problems import Problem
from chatctl.profile import Profile, profile_path, save
from tests.sealed import Caller, text


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    save("me", Profile("127.0.0.1:4040", "me", "token"))


def desk() -> Desk:
    return Desk(None, "me", False)


def test_a_key_is_made_once_and_kept() -> None:
    made = device_key(desk())
    assert device_key(desk()) == made
    assert made.public == Caller.public(made.private)
    path = profile_path("me")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_text())
    assert kept["direct_key"] == text(made.private)
    assert (kept["user"], kept["token"]) == ("me", "token")


def test_processes_that_need_it_at_once_have_the_same() -> None:
    desks = [desk() for _ in range(8)]
    for one in desks:
        assert one.profile.direct_key is None
    with ThreadPoolExecutor(8) as pool:
        assert len({key.private for key in pool.map(device_key, desks)}) == 1


def test_what_comes_first_comes_before_it_is_kept() -> None:
    seen: list[bytes] = []

    def first(secret: bytes) -> None:
        assert "log_key" not in json.loads(profile_path("me").read_text())
        seen.append(secret)

    assert [kept_secret(desk(), "log_key", first)] == seen
    assert kept_secret(desk(), "log_key", first) == seen[0]
    assert len(seen) == 1


def test_another_log_in_meanwhile() -> None:
    mine = desk()
    assert mine.profile.token == "token"
    save("me", Profile("127.0.0.1:4040", "another", "another's"))
    with pytest.raises(Problem, match="Another log-in"):
        device_key(mine)
    assert "direct_key" not in json.loads(profile_path("me").read_text())


@pytest.mark.parametrize("broken", ["", "AAAA", "not base64url!", "A" * 44])
def test_a_broken_key_is_told(broken: str) -> None:
    save("me", Profile("127.0.0.1:4040", "me", "token", direct_key=broken))
    with pytest.raises(Problem, match="broken"):
        device_key(desk())


def test_no_key_is_shown() -> None:
    assert repr(DeviceKey(bytes(32))) == "DeviceKey()"
    assert "AAAA" not in repr(Profile(direct_key="AAAA", log_key="AAAA"))
