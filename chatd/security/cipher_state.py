"""One direction of a sealed channel: a key that moves on after every message.

All that is sent to who has a sealed connection passes here, once for each of them, so the cipher is
called without anything in between.
"""

from __future__ import annotations

from struct import Struct

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_nonce = Struct("<4xQ").pack
"""Of message n (Noise, section 12.3)."""
_NONCE_REKEY = _nonce(2**64 - 1)
_ZEROS = bytes(32)
_KEY_BYTES = 32


class CipherState:
    """A CipherState (Noise, section 5.1) that does REKEY (section 4.2, 11.3) after each message."""

    __slots__ = ("__weakref__", "_cipher", "_number")

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._number = 0

    def __repr__(self) -> str:
        return "CipherState(…)"

    def seal(self, plain: bytes) -> bytes:
        """The next message; it has 16 bytes more."""
        cipher = self._cipher
        message = cipher.encrypt(_nonce(self._number), plain, None)
        self._number += 1
        rekeyed = cipher.encrypt(_NONCE_REKEY, _ZEROS, None)
        self._cipher = ChaCha20Poly1305(rekeyed[:_KEY_BYTES])
        return message

    def open(self, message: bytes) -> bytes:
        """What the next message carries. InvalidTag, and then nothing has moved on."""
        cipher = self._cipher
        plain = cipher.decrypt(_nonce(self._number), message, None)
        self._number += 1
        rekeyed = cipher.encrypt(_NONCE_REKEY, _ZEROS, None)
        self._cipher = ChaCha20Poly1305(rekeyed[:_KEY_BYTES])
        return plain
