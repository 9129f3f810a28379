"""What a profile keeps for this device alone: its key pair, and the secret of its local log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from platformdirs import user_state_path

from chatd.protocol import base64url

from .desk import Desk
from .problems import Problem, Status, usage

SECRET_BYTES = 32


@dataclass(frozen=True)
class DeviceKey:
    """An X25519 key pair; `private` has 32 bytes."""

    private: bytes = field(repr=False)

    @cached_property
    def public(self) -> bytes:
        """32 bytes."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import (  # noqa: PLC0415
            X25519PrivateKey,
        )

        key = X25519PrivateKey.from_private_bytes(self.private)
        return key.public_key().public_bytes_raw()


def device_key(desk: Desk) -> DeviceKey:
    """An enrolled device's own; else the profile's, made when it is first needed. Problem,
    OSError."""
    if (enrolled := desk.profile.device) is not None:
        return DeviceKey(_decoded(enrolled.key))
    return DeviceKey(kept_secret(desk, "direct_key"))


def kept_secret(desk: Desk, name: str, first: Callable[[bytes], None] | None = None) -> bytes:
    """32 random bytes that the profile keeps as `name`; `first` is called with new ones before they
    are kept. Problem, OSError."""
    mine = desk.profile.token
    if getattr(desk.profile, name) is None:
        with _alone(desk):
            desk.amend()  # as it is on disk now: another process may have made them
            if desk.profile.token != mine:
                raise Problem(Status.LOGGED_OUT, "Another log-in took this profile; begin again")
            if getattr(desk.profile, name) is None:
                made = os.urandom(SECRET_BYTES)
                if first is not None:
                    first(made)
                desk.amend(**{name: base64url.encode(made)})
    return _decoded(getattr(desk.profile, name))


def state_folder() -> Path:
    """Where this machine keeps what grows, for all profiles."""
    return user_state_path("chatctl")


@contextmanager
def _alone(desk: Desk) -> Iterator[None]:
    """No other process makes a secret for this profile meanwhile."""
    folder = state_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{desk.profile_name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _decoded(kept: str | None) -> bytes:
    try:
        secret = base64url.decode(kept or "")
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise usage("A key in the profile is broken; log in again")
    return secret
