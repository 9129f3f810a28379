"""Boxes at rest: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce in front.

The identity, say a table's name and a row's number, is associated data: a box opens only where it
was sealed, so rows cannot be swapped. One key seals at most 2**32 boxes (SP 800-38D, section 8.3).
"""

from __future__ import annotations

from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
OVERHEAD_BYTES = NONCE_BYTES + 16
"""How much longer a box is than what it holds."""


class BoxError(Exception):
    """The box was changed, or sealed under another key or for another identity."""


class Box:
    """Seals and opens under a key of 32 bytes (ValueError otherwise). Threads may share it."""

    __slots__ = ("_decrypt", "_encrypt")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a box's key has {KEY_BYTES} bytes, this one has {len(key)}")
        cipher = AESGCM(key)
        self._encrypt = cipher.encrypt
        self._decrypt = cipher.decrypt

    def seal(self, plain: bytes, identity: bytes) -> bytes:
        """`plain` encrypted and bound to `identity`: OVERHEAD_BYTES longer, new each time."""
        nonce = urandom(NONCE_BYTES)
        return nonce + self._encrypt(nonce, plain, identity)

    def open(self, boxed: bytes, identity: bytes) -> bytes:
        """What was sealed. Raises BoxError for anything that `seal` did not make for `identity`."""
        if len(boxed) < OVERHEAD_BYTES:
            raise BoxError("the box is cut short")
        try:
            return self._decrypt(boxed[:NONCE_BYTES], boxed[NONCE_BYTES:], identity)
        except InvalidTag:
            raise BoxError("the box does not open with this key and identity") from None
