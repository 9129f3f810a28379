"""The profile file: private, whole or not there, and never shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatctl.problems import Problem, Status
from chatctl.profile import Profile, load, profile_path, save

TOKEN = "N_LbmXlvrc7C0ZTbEkUcqL3IQkGVdL1WI433ijsUebs"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_what_is_saved_is_loaded() -> None:
    saved = Profile("chat.example:4040", "alice", TOKEN)
    save("work", saved)
    assert load("work") == saved
    assert load("other") == Profile()


def test_only_its_owner_can_read_it() -> None:
    save("work", Profile(token=TOKEN))
    path = profile_path("work")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["work.json"]


def test_saving_again_replaces_it_whatever_its_mode() -> None:
    save("work", Profile(user="alice", token=TOKEN))
    path = profile_path("work")
    path.chmod(0o644)
    save("work", Profile(user="bob"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load("work") == Profile(user="bob")


def test_a_failed_save_leaves_the_old_one() -> None:
    save("work", Profile(user="alice"))
    path = profile_path("work")
    with pytest.raises(UnicodeEncodeError):
        save("work", Profile(user="\ud800"))
    assert load("work") == Profile(user="alice")
    assert [entry.name for entry in path.parent.iterdir()] == ["work.json"]


def test_a_token_is_never_shown() -> None:
    assert TOKEN not in repr(Profile("chat.example", "alice", TOKEN))
    assert TOKEN not in str(Profile("chat.example", "alice", TOKEN))


def test_one_that_others_can_read_is_refused() -> None:
    save("work", Profile(token=TOKEN))
    profile_path("work").chmod(0o640)
    with pytest.raises(Problem, match="chmod 600") as caught:
        load("work")
    assert caught.value.status is Status.USAGE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "truncated"),
        ('{"server": 3}', r"\$\.server"),
        ('{"tokn": "x"}', "tokn"),
        ("\x00" * 70_000, "malformed"),
    ],
)
def test_one_that_is_broken_is_named(content: str, said: str) -> None:
    save("work", Profile())
    profile_path("work").write_text(content)
    with pytest.raises(Problem, match=said) as caught:
        load("work")
    assert str(profile_path("work")) in caught.value.sentence


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-x", ".x", "a" * 65, "a\nb", "ä"])
def test_a_name_never_leaves_the_folder(name: str) -> None:
    with pytest.raises(Problem) as caught:
        profile_path(name)
    assert caught.value.status is Status.USAGE
