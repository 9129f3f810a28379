"""What a profile keeps for this device alone: its key pair, and the secret of its local log."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_state_path

from chatd.protocol import base64url

from .desk import Desk
from .device_key import KEY_BYTES, DeviceKey, key_bytes
from .files import locked
from .problems import Problem, Status, usage


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
        with locked(state_folder() / f"{desk.profile_name}.lock"):
            desk.amend()  # as it is on disk now: another process may have made them
            if desk.profile.token != mine:
                raise Problem(Status.LOGGED_OUT, "Another log-in took this profile; begin again")
            if getattr(desk.profile, name) is None:
                made = os.urandom(KEY_BYTES)
                if first is not None:
                    first(made)
                desk.amend(**{name: base64url.encode(made)})
    return _decoded(getattr(desk.profile, name))


def state_folder() -> Path:
    """Where this machine keeps what grows, for all profiles."""
    return user_state_path("chatctl")


def _decoded(kept: str | None) -> bytes:
    try:
        return key_bytes(kept or "")
    except ValueError:
        raise usage("A key in the profile is broken; log in again") from None
