"""How a client made its secret from the password: `none`, or argon2id's parameters and salt.

    argon2id$v=19$m=65536,t=3,p=4$c2l4dGVlbiByYW5kb20g

m is memory in KiB, t passes, p lanes (RFC 9106), the salt base64url. The server keeps it for its
clients, so that any device comes to the same secret; it derives nothing itself.
"""

from __future__ import annotations

import re

from . import base64url

NONE = "none"
"""The secret is the password."""
BEGINNING = "argon2id$"
SECRET_BYTES = 32
"""Of a secret that was derived."""

MEMORY_KIB, PASSES, LANES = 65_536, 3, 4
"""What chatctl derives with: RFC 9106, section 4, the second choice."""
MEMORY_KIB_MAX = 4_194_304
PASSES_MAX = 1_000
LANES_MAX = 64
SALT_BYTES = range(8, 65)

_FORM = re.compile(
    r"argon2id\$v=19\$m=(?P<m>[1-9][0-9]{0,6}),t=(?P<t>[1-9][0-9]{0,3}),p=(?P<p>[1-9][0-9]?)"
    r"\$(?P<salt>[A-Za-z0-9_-]+)"
)


def argon2id(memory_kib: int, passes: int, lanes: int, salt: bytes) -> str:
    """Parameters and salt as text."""
    return f"{BEGINNING}v=19$m={memory_kib},t={passes},p={lanes}${base64url.encode(salt)}"


def parsed(text: str) -> tuple[int, int, int, bytes]:
    """What `argon2id` was given to make `text`, whatever it asks for. ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("must be none, or argon2id$v=19$m=KiB,t=passes,p=lanes$salt")
    salt = base64url.decode(found["salt"])
    return int(found["m"]), int(found["t"]), int(found["p"]), salt


def checked(text: str) -> str:
    """`text`, if it is a kdf that argon2id can be called with. ValueError."""
    if text == NONE:
        return text
    memory_kib, passes, lanes, salt = parsed(text)
    if not (passes <= PASSES_MAX and lanes <= LANES_MAX and memory_kib <= MEMORY_KIB_MAX):
        raise ValueError(f"may ask for m={MEMORY_KIB_MAX},t={PASSES_MAX},p={LANES_MAX} at most")
    if memory_kib < 8 * lanes:
        raise ValueError("must ask for 8 KiB of memory or more for each lane")
    if len(salt) not in SALT_BYTES:
        raise ValueError(f"must have a salt of {SALT_BYTES[0]} to {SALT_BYTES[-1]} bytes")
    return text


def fit(secret: str, kdf: str | None) -> None:
    """ValueError where a secret that must be derived is none."""
    if kdf is None or not kdf.startswith(BEGINNING):
        return
    try:
        size = len(base64url.decode(secret))
    except ValueError:
        size = 0
    if size != SECRET_BYTES:
        raise ValueError("With this kdf the secret is base64url of 32 bytes: 43 characters")
