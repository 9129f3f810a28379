"""What the rules ask about devices and one-time IDs, as the store answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from chatd.chat.model import Device, Enrolment

from .codec import Codec
from .reads import Reader

T = TypeVar("T")


class DeviceArchive:
    """The part of `chat.ports.Archive` that is about devices."""

    _codec: Codec

    def once_hash(self, one_time_id: str) -> bytes:
        return self._codec.once_hash(one_time_id)

    def token_proof(self, device: int, token_hash: bytes, nonce: bytes) -> bytes:
        return self._codec.token_proof(device, token_hash, nonce)

    async def device(self, device: int) -> Device | None:
        return await self._read(Reader.device, device)

    async def device_with(self, key: bytes) -> Device | None:
        return await self._read(Reader.device_with, key)

    async def device_listed(self, account: int, public_id: str) -> Device | None:
        return await self._read(Reader.device_listed, account, public_id)

    async def devices(self, account: int, after: int, limit: int) -> list[Device]:
        return await self._read(Reader.devices, account, after, limit)

    async def enrolment_named(self, name: str) -> Enrolment | None:
        return await self._read(Reader.enrolment_named, name)

    async def enrolments(self, after: int, limit: int) -> list[Enrolment]:
        return await self._read(Reader.enrolments, after, limit)

    async def _read(self, how: Callable[..., T], *arguments: Any) -> T:
        raise NotImplementedError
