"""The data folder: private to its owner, used by one server at a time, with the server key in it.

    with opened(settings) as folder:
        folder.key, folder.database

Every file of it is 0600: `opened` and `found` set the process's umask to 077.
"""

from __future__ import annotations

import base64
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from chatd.security.keys import ServerKey
from chatd.storage.files import sync, write_new

from .settings import Settings

DATABASE = "chatd.db"
KEY = "server.key"
LOCK = "lock"
CREDENTIAL = "chatd.key"

_KEY_BYTES_READ_MAX = 1_024


class FolderError(Exception):
    """The data folder can't be used; the sentence says why, and what to do."""


@dataclass(slots=True, frozen=True)
class Folder:
    """A data folder that is there. `key_file` is where the key was read from."""

    path: Path
    key_file: Path
    key: ServerKey

    @property
    def database(self) -> Path:
        return self.path / DATABASE


def data_path(settings: Settings) -> Path:
    """Where the data lives: `data` of the settings, else the platform's folder for user data."""
    if settings.data is not None:
        return Path(settings.data).absolute()
    return platformdirs.user_data_path("chatd", appauthor=False)


@contextmanager
def opened(settings: Settings) -> Iterator[Folder]:
    """The data folder, made with a new key if it is not there, and locked. Raises FolderError."""
    os.umask(0o077)
    path = data_path(settings)
    with _told(path):
        _make(path)
        _check_private(path)
    with _locked(path):
        yield _with_key(path, settings, make=True)


@contextmanager
def locked(settings: Settings) -> Iterator[Folder]:
    """The data folder and its key, both there already, locked. Raises FolderError."""
    path = data_path(settings)
    with _told(path):
        if not path.exists():
            raise FolderError(
                f"{path} is missing: make it (mkdir -m 700), put the server key there"
            )
    folder = found(settings)
    with _locked(folder.path):
        yield folder


def found(settings: Settings) -> Folder:
    """The data folder and its key, both there already; a server may run on it. Raises
    FolderError."""
    os.umask(0o077)
    path = data_path(settings)
    with _told(path):
        if not path.exists():
            raise FolderError(f"there is no data folder {path}; name another one with --data")
        _check_private(path)
    return _with_key(path, settings, make=False)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """An error of the system as a sentence about the file."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"can't use {error.filename or path}: {error.strerror}") from None


def _make(path: Path) -> None:
    if not path.exists():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(path.parent)


def _check_private(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise FolderError(f"{path} is not a folder; name another one with --data")
    if found.st_uid != os.geteuid():
        raise FolderError(f"{path} belongs to another user (id {found.st_uid}): run chatd as them")
    if found.st_mode & 0o077:
        raise FolderError(f"others can read or write {path}: close it with chmod 700 '{path}'")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The lock dies with the process; its file stays, since to remove it could free two at once."""
    with _told(path):
        handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with _told(path):
            _lock(handle, path)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        process = f"process {holder}" if holder.isdigit() else "another process"
        raise FolderError(
            f"{path} is in use by {process}: stop that first, or name another folder with --data"
        ) from None
    # The pid keeps its width, so that a full disk can't refuse it.
    os.pwrite(handle, f"{os.getpid():<19}\n".encode(), 0)


def _with_key(path: Path, settings: Settings, make: bool) -> Folder:
    file = _key_file(path, settings)
    with _told(path):
        if file.parent == path and not file.exists():
            if not make or _holds_database(path):
                raise FolderError(
                    f"the server key {file} is missing, and no other opens the data: put it there"
                )
            _make_key(file)
        return Folder(path, file, _read_key(file))


def _key_file(path: Path, settings: Settings) -> Path:
    if settings.key_file is not None:
        return Path(settings.key_file).absolute()
    credential = _credential()
    return credential if credential is not None and credential.exists() else path / KEY


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / CREDENTIAL if folder else None


def _holds_database(path: Path) -> bool:
    return any(path.glob(f"{DATABASE}*"))


def _make_key(file: Path) -> None:
    """Written whole and synced under another name first: a crash leaves a whole key or none."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    write_new(draft, base64.urlsafe_b64encode(ServerKey.generate().raw).rstrip(b"=") + b"\n")
    draft.rename(file)
    sync(file.parent)


def _read_key(file: Path) -> ServerKey:
    with file.open("rb") as stream:
        # A credential's mode and access list are the service manager's affair.
        if file != _credential() and os.fstat(stream.fileno()).st_mode & 0o077:
            raise FolderError(f"others can read the server key: close it with chmod 600 '{file}'")
        text = stream.read(_KEY_BYTES_READ_MAX).strip().rstrip(b"=")
    try:
        return ServerKey(base64.b64decode(text + b"=", altchars=b"-_", validate=True))
    except ValueError:
        raise FolderError(
            f"{file} is no server key: expected 32 bytes as base64url, 43 characters"
        ) from None
