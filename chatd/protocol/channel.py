"""The sealed channel on the wire: how its messages stand in lines. No keys are here; those are in
chatd/security/channel.py.

From the answer to SEAL on, each line is `=` and base64url of one message of Noise. What the
messages carry is joined to one stream of bytes, which is lines as ever; an empty message says that
no more will come.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import base64url
from .lines import LINE_BYTES_MAX

PROLOGUE = b"chat/1"
MARK = b"="
TAG_BYTES = 16
MESSAGE_BYTES_MAX = (LINE_BYTES_MAX - 2) * 3 // 4
PLAIN_BYTES_MAX = MESSAGE_BYTES_MAX - TAG_BYTES
"""What one message carries, so that its line has at most LINE_BYTES_MAX, either way."""


def noise_name(pattern: str) -> bytes:
    """The protocol's full name (Noise, section 8)."""
    return f"Noise_{pattern}_25519_ChaChaPoly_SHA256".encode()


def write_sealed(message: bytes) -> bytes:
    """A message as its line, LF included."""
    return b"=%b\n" % base64url.encode_ascii(message)


def read_sealed(line: bytes) -> bytes:
    """The message of a line that begins with `=`, without its LF. ValueError."""
    if len(line) >= LINE_BYTES_MAX:
        raise ValueError("is too long")
    return base64url.decode(line.removesuffix(b"\r")[len(MARK) :].decode())


def pieces(plain: bytes) -> Iterator[bytes]:
    """What each message carries: as many whole lines as fit; or a part of one that does not."""
    at = 0
    while len(plain) - at > PLAIN_BYTES_MAX:
        end = plain.rfind(b"\n", at, at + PLAIN_BYTES_MAX) + 1 or at + PLAIN_BYTES_MAX
        yield plain[at:end]
        at = end
    if at < len(plain):
        yield plain[at:]
