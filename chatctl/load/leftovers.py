"""The throw-away accounts of measurements that could not erase them, kept in files until then.

A file is written before the first account is made, so that not even kill -9 leaves accounts of
which nobody has the password. It is locked while its measurement runs.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import BinaryIO, Self

import msgspec
from platformdirs import user_config_path

from ..problems import usage

BYTES_MAX = 1_048_576


class Leftover(msgspec.Struct, forbid_unknown_fields=True):
    """The accounts of one measurement; all have one password."""

    server: str
    secret: str
    users: list[str]

    def __repr__(self) -> str:
        return f"Leftover(server={self.server!r}, users={self.users!r})"


def folder() -> Path:
    """Where the files are; it may not exist."""
    return user_config_path("chatctl") / "bench"


class Kept:
    """A file that this process has locked; at the end it is written anew, or deleted if empty."""

    def __init__(self, path: Path, file: BinaryIO, content: Leftover) -> None:
        self.content = content
        self._path = path
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self.write()

    def write(self) -> None:
        """Put what is left on disk, or delete the file where nothing is. OSError."""
        if not self.content.users:
            self._path.unlink(missing_ok=True)
            return
        self._file.seek(0)
        self._file.write(msgspec.json.encode(self.content) + b"\n")
        self._file.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())


def keep(name: str, content: Leftover) -> Kept:
    """Keep these accounts. OSError."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder() / f"{name}.json"
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b")
    fcntl.flock(file, fcntl.LOCK_EX)
    kept = Kept(path, file, content)
    kept.write()
    return kept


def reopen(path: Path) -> Kept | None:
    """What a measurement left; None if it still runs, or is gone. Raises Problem, OSError."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Kept(path, file, msgspec.json.decode(file.read(BYTES_MAX), type=Leftover))
    except BlockingIOError:
        file.close()
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        file.close()
        raise usage(f"{path} is damaged; its accounts cannot be erased with it") from None


def paths() -> list[Path]:
    """All files there are."""
    return sorted(folder().glob("*.json"))
