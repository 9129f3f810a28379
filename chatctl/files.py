"""Files for one's own eyes: written whole or not at all, and locks that die with their holder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, whole or not at all, and for good once this returns. OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # It is made with mode 0600, so what is secret is never readable by others.
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """After that a power cut brings back no older file, as one with a token that looks stolen by
    then. OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """A file that stays, for the system to note who has it; closing it, or dying, lets it go.
    OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else has this lock meanwhile; waits for it. OSError."""
    with lock_file(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
