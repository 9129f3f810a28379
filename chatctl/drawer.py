"""Where a profile is kept: as `NAME.json`, or locked by a password as `NAME.jwe`.

Several commands may use a locked profile at once. What they change is read and written back in one
go, alone; and one at a time logs in, because a token that is used twice looks stolen.
"""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from .e2e import LockKey, lock, unlock
from .files import lock_file, locked, replace_private
from .problems import Problem, Status
from .profile import DEFAULT_NAME, Profile, encode, load, parse, profile_path, read_private, save

AGAIN_SECONDS = 0.02


class Drawer:
    """The place of the profile `name`; `ask` gives the password that opens it. Raises Problem."""

    def __init__(self, name: str, ask: Callable[[], str]) -> None:
        self.name = name
        self._path = profile_path(name).with_suffix(".jwe")
        self._ask = ask
        self._key: LockKey | None = None

    @property
    def option(self) -> str:
        """What names the profile in a command, where that must be."""
        return "" if self.name == DEFAULT_NAME else f"--profile {self.name} "

    @property
    def is_locked(self) -> bool:
        """Whether it takes a password to open."""
        return self._path.exists()

    def read(self) -> Profile:
        """What is kept now; an empty profile where nothing is. Asks for the password the first
        time. Raises Problem, OSError, DoesNotOpen."""
        content = read_private(self._path)
        if content is None:
            return load(self.name)
        if self._key is None:
            self._key = LockKey.of(content, self._ask())
        return parse(unlock(content, self._key), self._path)

    def change(self, change: Callable[[Profile], Profile]) -> Profile:
        """Replace what is kept now by what `change` makes of it, which is returned. As `read`."""
        with locked(self._beside("lock")):
            changed = change(self.read())
            self._write(changed)
        return changed

    def lock(self, password: str, profile: Profile) -> None:
        """Keep `profile` under a password, whatever was there before. Raises BadPassword too."""
        key = LockKey.fresh(password)
        with locked(self._beside("lock")):
            self._key = key
            replace_private(self._path, lock(encode(profile), key))
            profile_path(self.name).unlink(missing_ok=True)

    def relock(self, password: str) -> None:
        """Keep what is there under another password. As `read`."""
        key = LockKey.fresh(password)
        with locked(self._beside("lock")):
            profile = self.read()
            self._key = key
            self._write(profile)

    def remove(self) -> None:
        """Keep it no more. OSError."""
        with locked(self._beside("lock")):
            self._path.unlink(missing_ok=True)

    @asynccontextmanager
    async def login(self) -> AsyncIterator[None]:
        """While this lasts, no other command logs in with this profile. OSError."""
        with lock_file(self._beside("login")) as handle:
            while not _taken(handle):  # noqa: ASYNC110  no event tells
                await trio.sleep(AGAIN_SECONDS)
            yield

    def _write(self, profile: Profile) -> None:
        if self._key is not None:
            replace_private(self._path, lock(encode(profile), self._key))
        elif profile.device is None:
            save(self.name, profile)
        else:
            raise Problem(Status.FAULT, "An enrolled device is kept under a password only")

    def _beside(self, kind: str) -> Path:
        return self._path.with_name(f".{self.name}.{kind}")


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
