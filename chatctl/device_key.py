"""The key that a device shows in channels, an X25519 pair; in a profile it is base64url."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from chatd.protocol import base64url

KEY_BYTES = 32


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


def fresh_device_key() -> str:
    """A new private key from the system's random source."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import (  # noqa: PLC0415
        X25519PrivateKey,
    )

    return base64url.encode(X25519PrivateKey.generate().private_bytes_raw())


def key_bytes(written: str) -> bytes:
    """The 32 bytes of a private or public key. ValueError."""
    raw = base64url.decode(written)
    if len(raw) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, this one has {len(raw)}")
    return raw
