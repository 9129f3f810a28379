"""Reads of one-time IDs and devices."""

from __future__ import annotations

from typing import Any

from chatd.chat.model import Device, Enrolment
from chatd.protocol import base64url

from .sealed import SealedReads

_DEVICE = (
    "SELECT id, public_box, account, key_box, token_hash, created_ms, used_ms, address_box"
    " FROM device"
)
_ENROLMENT = "SELECT id, name_box, once_hash, level, expires_ms, device FROM enrolment"


class DeviceReads(SealedReads):
    """Reads through one connection; used by one thread at a time."""

    def device(self, device: int) -> Device | None:
        return self._device(self._one(f"{_DEVICE} WHERE id = ?", device))

    def device_with(self, key: bytes) -> Device | None:
        found = self._one(f"{_DEVICE} WHERE key_hash = ?", self._codec.device_hash(key))
        return self._device(found)

    def device_listed(self, account: int, public_id: str) -> Device | None:
        tag = self._codec.device_tag(account, public_id)
        sql = f"{_DEVICE} WHERE account = ? AND public_tag = ?"
        return self._device(self._one(sql, account, tag))

    def devices(self, account: int, after: int, limit: int) -> list[Device]:
        sql = f"{_DEVICE} WHERE account = ? AND id > ? ORDER BY id LIMIT ?"
        found = [self._device(row) for row in self._all(sql, account, after, limit)]
        return [device for device in found if device is not None]

    def enrolment_named(self, name: str) -> Enrolment | None:
        found = self._one(f"{_ENROLMENT} WHERE name_hash = ?", self._codec.user_hash(name))
        return None if found is None else self._enrolment(found)

    def enrolments(self, after: int, limit: int) -> list[Enrolment]:
        sql = f"{_ENROLMENT} WHERE id > ? ORDER BY id LIMIT ?"
        return [self._enrolment(row) for row in self._all(sql, after, limit)]

    def _device(self, row: tuple[Any, ...] | None) -> Device | None:
        if row is None:
            return None
        id_, public, account, key, token_hash, created_ms, used_ms, address = row
        open_ = self._codec.open
        return Device(
            id_,
            open_("device.public", public, id_),
            account,
            base64url.decode(open_("device.key", key, id_)),
            token_hash,
            created_ms,
            used_ms,
            open_("device.address", address, id_),
        )

    def _enrolment(self, row: tuple[Any, ...]) -> Enrolment:
        id_, name, once_hash, level, expires_ms, device = row
        opened = self._codec.open("enrolment.name", name, id_)
        return Enrolment(id_, opened, once_hash, level, expires_ms, device)
