"""How changes to one-time IDs, devices and levels become rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chatd.chat import device_changes as c
from chatd.protocol import base64url

from .codec import Codec
from .rows import Rows, delete, insert, update


def _level_set(_codec: Codec, m: c.LevelSet) -> Rows:
    return [update("account", m.account, level=m.level)]


def _enrolment_made(codec: Codec, m: c.EnrolmentMade) -> Rows:
    name_hash = codec.user_hash(m.name)
    row = insert(
        "enrolment",
        id=m.enrolment,
        name_hash=name_hash,
        name_box=codec.seal("enrolment.name", m.name, m.enrolment),
        once_hash=m.once_hash,
        level=m.level,
        created_ms=m.time_ms,
        expires_ms=m.expires_ms,
    )
    return [delete("enrolment", name_hash=name_hash), row]


def _enrolment_used(_codec: Codec, m: c.EnrolmentUsed) -> Rows:
    return [update("enrolment", m.enrolment, device=m.device)]


def _enrolment_gone(_codec: Codec, m: c.EnrolmentGone) -> Rows:
    return [delete("enrolment", id=m.enrolment)]


def _device_made(codec: Codec, m: c.DeviceMade) -> Rows:
    row = insert(
        "device",
        id=m.device,
        public_tag=codec.device_tag(m.account, m.public_id),
        public_box=codec.seal("device.public", m.public_id, m.device),
        account=m.account,
        key_hash=codec.device_hash(m.key),
        key_box=codec.seal("device.key", base64url.encode(m.key), m.device),
        token_hash=m.token_hash,
        created_ms=m.time_ms,
        used_ms=m.time_ms,
        address_box=codec.seal("device.address", m.address, m.device),
    )
    return [row]


def _device_used(codec: Codec, m: c.DeviceUsed) -> Rows:
    row = update(
        "device",
        m.device,
        token_hash=m.token_hash,
        used_ms=m.time_ms,
        address_box=codec.seal("device.address", m.address, m.device),
    )
    return [row]


def _device_gone(_codec: Codec, m: c.DeviceGone) -> Rows:
    used = delete("enrolment", device=m.device)
    return [delete("session", device=m.device), used, delete("device", id=m.device)]


DEVICE_WRITES: dict[type, Callable[[Codec, Any], Rows]] = {
    c.LevelSet: _level_set,
    c.EnrolmentMade: _enrolment_made,
    c.EnrolmentUsed: _enrolment_used,
    c.EnrolmentGone: _enrolment_gone,
    c.DeviceMade: _device_made,
    c.DeviceUsed: _device_used,
    c.DeviceGone: _device_gone,
}
