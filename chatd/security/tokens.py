"""Session tokens: 32 random bytes as unpadded base64url (RFC 4648, section 5), kept hashed; and
codes for people to type."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode, urlsafe_b64decode

from chatd.protocol.fields import CODE_DIGITS

TOKEN_BYTES = 32
SESSION_ID_CHARACTERS = 12

# 43 characters hold 258 bits; the last two are zero, so that no two tokens stand for the same.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def new_token() -> str:
    """A token of 43 characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes | None:
    """SHA-256 of the token's 32 bytes, or None if it is no token at all.

    The token has 256 random bits, so that a plain hash can be looked up and not guessed from.
    """
    if _TOKEN.fullmatch(token) is None:
        return None
    return hashlib.sha256(urlsafe_b64decode(token + "=")).digest()


def new_session_id() -> str:
    """A session's public name: 60 random bits in base32, 12 lower-case characters. No secret."""
    return b32encode(secrets.token_bytes(8)).decode()[:SESSION_ID_CHARACTERS].lower()


def random_hash() -> bytes:
    """32 bytes that stand in the place of a keyed hash, and that nothing has."""
    return secrets.token_bytes(TOKEN_BYTES)


def new_code() -> str:
    """A code that is sent to people and typed by them: random digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
