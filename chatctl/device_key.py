"""The key that a device shows in the sealed channel, an X25519 pair, in base64url."""

from __future__ import annotations

from chatd.protocol import base64url

KEY_BYTES = 32


def fresh_device_key() -> str:
    """A new private key from the system's random source."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import (  # noqa: PLC0415
        X25519PrivateKey,
    )

    return base64url.encode(X25519PrivateKey.generate().private_bytes_raw())


def public_of(private: str) -> str:
    """What the server is told of it. ValueError for what is no key."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import (  # noqa: PLC0415
        X25519PrivateKey,
    )

    key = X25519PrivateKey.from_private_bytes(key_bytes(private))
    return base64url.encode(key.public_key().public_bytes_raw())


def key_bytes(written: str) -> bytes:
    """The 32 bytes of a private or public key. ValueError."""
    raw = base64url.decode(written)
    if len(raw) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, this one has {len(raw)}")
    return raw
