"""Files that survive a power cut. All functions raise OSError."""

from __future__ import annotations

import os
from pathlib import Path


def write_new(file: Path, data: bytes) -> None:
    """Write `data` to a file that must not exist yet, 0600, and sync it."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync(path: Path) -> None:
    """Sync what was written to a file, or a folder's entries: files new, renamed or gone."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
