"""Changes to who may log in without a password: one-time IDs, devices, and levels."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class LevelSet:
    account: int
    level: int


@dataclass(slots=True, frozen=True)
class EnrolmentMade:
    """A one-time ID, known only as its keyed hash, replaces the one of the same name, if any.
    `level`: of the account that is made with it; None: there is one already."""

    enrolment: int
    name: str
    once_hash: bytes = field(repr=False)
    level: int | None
    time_ms: int
    expires_ms: int


@dataclass(slots=True, frozen=True)
class EnrolmentUsed:
    """By a device; it stays until that has logged in, so that a lost reply can be repeated."""

    enrolment: int
    device: int


@dataclass(slots=True, frozen=True)
class EnrolmentGone:
    enrolment: int


@dataclass(slots=True, frozen=True)
class DeviceMade:
    """`key`: its X25519 public key, 32 bytes. `token_hash`: what its first tokens are made of."""

    device: int
    public_id: str
    account: int
    key: bytes
    token_hash: bytes = field(repr=False)
    address: str
    time_ms: int


@dataclass(slots=True, frozen=True)
class DeviceUsed:
    """A log-in: the token that was used; others were made of it (chat/rotation.py)."""

    device: int
    token_hash: bytes = field(repr=False)
    address: str
    time_ms: int


@dataclass(slots=True, frozen=True)
class DeviceGone:
    """Its sessions end with it."""

    device: int


DeviceChange = (
    LevelSet | EnrolmentMade | EnrolmentUsed | EnrolmentGone | DeviceMade | DeviceUsed | DeviceGone
)
