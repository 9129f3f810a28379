"""The server key, and every key and keyed hash that derives from it.

What lies at rest is found by keyed hashes and kept in boxes (`boxes.py`); whoever steals the data
without this key can neither read it nor guess names against it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatd.protocol import base64url

KEY_BYTES = 32
CHANNEL = "channel"
"""The purpose of the X25519 private key that the fingerprint stands for."""

_HASH_KEYS_CACHED_MAX = 64

Part = bytes | int | str


def _frame(part: Part) -> bytes:
    """`part` behind its sort and length, so that no two lists of parts give the same bytes."""
    if isinstance(part, bytes):
        return b"b" + len(part).to_bytes(8, "big") + part
    if isinstance(part, str):
        text = part.encode()
        return b"s" + len(text).to_bytes(8, "big") + text
    return b"i" + part.to_bytes(8, "big", signed=True)


class ServerKey:
    """32 random bytes, the root of all other keys. Raises ValueError for any other length."""

    __slots__ = ("_hash_key", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a server key has {KEY_BYTES} bytes, this one has {len(raw)}")
        self.raw = raw
        # Purposes are constants of the program; the bound is for whoever forgets that.
        self._hash_key = lru_cache(_HASH_KEYS_CACHED_MAX)(self._derive_hash_key)

    def __repr__(self) -> str:
        return "ServerKey(…)"

    @classmethod
    def generate(cls) -> ServerKey:
        """A new key from the system's random source."""
        return cls(os.urandom(KEY_BYTES))

    def derive(self, purpose: str, *context: int) -> bytes:
        """32 bytes for one purpose and context: HKDF-SHA256 (RFC 5869).

        Context numbers fit in 64 bits, signed; OverflowError otherwise. 4 µs: callers keep it.
        """
        return self._expand("key", purpose, *context)

    def name_hash(self, kind: str, name: str) -> bytes:
        """32 bytes, HMAC-SHA256: what a name of this kind ("user", "room") is looked up by."""
        return hmac.digest(self._hash_key("name", kind), name.encode(), hashlib.sha256)

    def tag(self, purpose: str, *parts: Part, size: int = 16) -> bytes:
        """HMAC-SHA256 over the parts, in order, cut to `size` bytes (1 to 32, else ValueError)."""
        if not 1 <= size <= 32:
            raise ValueError("a tag has 1 to 32 bytes")
        framed = b"".join([_frame(part) for part in parts])
        return hmac.digest(self._hash_key("tag", purpose), framed, hashlib.sha256)[:size]

    def fingerprint(self) -> str:
        """SHA-256 of the X25519 public key, base64url without padding: 43 characters."""
        return base64url.encode(hashlib.sha256(self.channel_public()).digest())

    def channel_public(self) -> bytes:
        """The X25519 public key that clients seal to, 32 bytes."""
        return (
            X25519PrivateKey.from_private_bytes(self.derive(CHANNEL))
            .public_key()
            .public_bytes_raw()
        )

    def _derive_hash_key(self, label: str, purpose: str) -> bytes:
        return self._expand(label, purpose)

    def _expand(self, label: str, purpose: str, *context: int) -> bytes:
        # The label keeps keys, name hashes and tags apart, whatever their purposes are called.
        parts: list[Part] = ["chatd", label, purpose, *context]
        info = b"".join([_frame(part) for part in parts])
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self.raw)
