"""Locks, and files that are replaced; what becomes of profiles stands in test_profile.py."""

from __future__ import annotations

import fcntl
import stat
from pathlib import Path

import pytest

from chatctl.files import lock_file, locked, replace_private


def test_a_lock_is_held_until_it_is_left(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with locked(path), lock_file(path) as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with lock_file(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        replace_private(tmp_path / "taken", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
