"""base64url without padding (RFC 4648, section 5): how binary values stand in lines."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def encode(raw: bytes) -> str:
    """The one text that stands for `raw`."""
    return encode_ascii(raw).decode()


def encode_ascii(raw: bytes) -> bytes:
    """The same, as bytes. Every sealed line passes here; base64's own takes half as long again."""
    plain = b2a_base64(raw, newline=False).rstrip(b"=")
    return plain.replace(b"+", b"-").replace(b"/", b"_")


def decode(text: str) -> bytes:
    """What `text` stands for. ValueError where `encode` does not give it."""
    if _ALPHABET.fullmatch(text) is None or len(text) % 4 == 1:
        raise ValueError("is not base64url")
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(raw) != text:  # the last character has bits to spare
        raise ValueError("is not base64url")
    return raw
