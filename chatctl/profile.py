"""Profiles: which server, who, the session's token, the vault's key; in a file of mode 0600 each.

They stand in the user's folder for settings (platformdirs), as `chatctl/NAME.json`, or, where a
password opens them, as `chatctl/NAME.jwe` (drawer.py).
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_config_path

from chatd.protocol import base64url

from .device_key import key_bytes
from .e2e import WrappingKey
from .files import replace_private
from .problems import Problem, Status, usage
from .trust import Trust

DEFAULT_NAME = "default"
PROFILE_BYTES_MAX = 262_144
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


class Pending(msgspec.Struct, forbid_unknown_fields=True):
    """What an enrolment needs until it is complete, so that it can be repeated at any point: the
    one-time ID, the recovery key as it is written, and the keys for the vault."""

    once: str
    recovery: str
    keys: list[dict[str, Any]]

    def __repr__(self) -> str:
        return "Pending(…)"


class Device(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What makes this an enrolled device: its private key (X25519, base64url), and the token of its
    next log-in; None before the server gave one. `successor`: the device that takes its place once
    the server knows that one."""

    key: str
    token: str | None = None
    pending: Pending | None = None
    successor: Device | None = None

    def __repr__(self) -> str:
        return "Device(…)"


class Profile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept between two commands; None: not known. `ca` and `pin`: as of `Trust`.

    `server_name`: how the server called itself when it was first sent a secret. `derived`: this
    account's secret is derived from the password, whatever the server says now. `vault_key`: what
    the password gives to open the vault with, base64url; `vault_version`: the newest one seen.
    `server_key`: the server's own in the sealed channel, base64url. A profile with a `device` is
    kept under a password only. `direct_key`, `log_key`: the private key for talking from client to
    client and the secret of the local log, base64url.
    """

    server: str | None = None
    user: str | None = None
    token: str | None = None
    ca: str | None = None
    pin: str | None = None
    server_name: str | None = None
    derived: bool = False
    vault_key: str | None = None
    vault_version: int = 0
    server_key: str | None = None
    device: Device | None = None
    direct_key: str | None = None
    log_key: str | None = None

    def __repr__(self) -> str:
        token = None if self.token is None else "…"
        return f"Profile(server={self.server!r}, user={self.user!r}, token={token})"

    @property
    def trust(self) -> Trust:
        """Whose certificate or key is taken at the server. Raises Problem for a broken key."""
        device = None if self.device is None else self.device.key
        return Trust(self.ca, self.pin, _key(self.server_key), _key(device))

    @property
    def wrapping_key(self) -> WrappingKey | None:
        """What opens the vault. Raises Problem for what is no key."""
        if self.vault_key is None:
            return None
        try:
            return WrappingKey("password", base64url.decode(self.vault_key))
        except ValueError:
            raise usage("The profile's vault key is broken; log in again") from None

    def logged_out(self) -> Profile:
        """The same without a session, and without what a session may read; an enrolled device
        keeps that under its password."""
        if self.device is not None:
            return msgspec.structs.replace(self, token=None)
        return msgspec.structs.replace(self, token=None, vault_key=None)

    def erased(self) -> Profile:
        """The same without the account."""
        return Profile(
            self.server,
            ca=self.ca,
            pin=self.pin,
            server_name=self.server_name,
            server_key=self.server_key,
        )


def profile_path(name: str) -> Path:
    """Where the profile `name` is kept, whether it exists or not. Raises Problem."""
    if _NAME.fullmatch(name) is None:
        raise usage("A profile's name has 1 to 64 of A-Z a-z 0-9 . _ - and begins with no . or -")
    return user_config_path("chatctl") / f"{name}.json"


def load(name: str) -> Profile:
    """The profile `name`; an empty one where there is no file. Raises Problem."""
    path = profile_path(name)
    content = read_private(path)
    return Profile() if content is None else parse(content, path)


def read_private(path: Path) -> bytes | None:
    """A file that others cannot read; None where there is none. Raises Problem, OSError."""
    try:
        with path.open("rb") as file:
            _demand_private(path, os.fstat(file.fileno()).st_mode)
            return file.read(PROFILE_BYTES_MAX)
    except FileNotFoundError:
        return None


def parse(content: bytes, path: Path) -> Profile:
    """What `encode` gave, from the file at `path`. Raises Problem."""
    try:
        return msgspec.json.decode(content, type=Profile)
    except msgspec.DecodeError as wrong:
        sentence = f"{path}: {wrong}; mend it, or remove it and log in again"
        raise Problem(Status.USAGE, sentence) from None


def save(name: str, profile: Profile) -> None:
    """Write the profile `name`, whole or not at all. Raises Problem, OSError."""
    replace_private(profile_path(name), encode(profile) + b"\n")


def encode(profile: Profile) -> bytes:
    """As JSON."""
    return msgspec.json.encode(profile)


def _key(written: str | None) -> bytes | None:
    try:
        return None if written is None else key_bytes(written)
    except ValueError:
        raise usage("The profile holds a broken key; log in again") from None


def _demand_private(path: Path, mode: int) -> None:
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise usage(f"{path} can be read by others; close it with: chmod 600 {path}")
