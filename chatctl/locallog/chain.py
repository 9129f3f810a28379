"""Lines that hang together: each is encrypted, authenticated, numbered, and names the one before.

    line = compact JWE (RFC 7516), header {"alg":"dir","enc":"A256GCM","seq":N,"prev":HASH}
    HASH = base64url of the SHA-256 of the line before, without its LF

The header is authenticated with the rest, so a line stands at its place or nowhere. The head, a
line of the same kind under a key of its own, says which line is the newest, so that none can be
taken away at the end.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

import msgspec

from chatd.protocol import base64url

from ..e2e.errors import Malformed
from ..e2e.kdf import derived
from ..e2e.strict import encoded, parse_object

START = base64url.encode(bytes(32))
"""What the first line of all names in place of one before."""

_ALG, _ENC = "dir", "A256GCM"


class Broken(Exception):
    """A line is not what was written."""


class Line(msgspec.Struct, frozen=True):
    """A line that opened."""

    seq: int
    prev: str
    plain: bytes


class Head(msgspec.Struct, frozen=True):
    """Where the log ends: the newest line's number and hash, the segment in which it stands and the
    offset behind it; and `first`, the number of the oldest line that is still there."""

    seq: int = 0
    hash: str = START
    first: int = 1
    segment: int = 1
    offset: int = 0


def hash_of(line: bytes) -> str:
    """As the next line names it."""
    return base64url.encode(sha256(line).digest())


class Chain:
    """Seals and opens lines with keys derived from a secret of 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        from joserfc.jwk import OctKey  # noqa: PLC0415

        self.name = hash_of(derived(secret, "log name"))[:10].replace("-", "x").replace("_", "x")
        """Tells logs under different keys apart; says nothing of the key."""
        self._lines = OctKey.import_key(derived(secret, "log lines"))
        self._heads = OctKey.import_key(derived(secret, "log head"))

    def __repr__(self) -> str:
        return f"Chain({self.name})"

    def line(self, seq: int, prev: str, plain: bytes) -> bytes:
        """A line without LF."""
        return _sealed({"seq": seq, "prev": prev}, plain, self._lines)

    def opened(self, line: bytes) -> Line:
        """Broken where it is not as it was written."""
        header, plain = _opened(line, self._lines)
        if set(header) != {"alg", "enc", "seq", "prev"}:
            raise Broken
        return Line(header["seq"], header["prev"], plain)

    def head(self, head: Head) -> bytes:
        """The head as a line."""
        return _sealed({}, encoded(msgspec.to_builtins(head)).encode(), self._heads)

    def read_head(self, line: bytes) -> Head:
        """Broken where it is not as it was written."""
        _, plain = _opened(line, self._heads)
        return msgspec.json.decode(plain, type=Head)


@cache
def _registry() -> Any:
    from joserfc.jwe import JWERegistry  # noqa: PLC0415

    return JWERegistry(algorithms=[_ALG, _ENC], strict_check_header=False)


def _sealed(header: dict[str, Any], plain: bytes, key: Any) -> bytes:
    from joserfc.jwe import encrypt_compact  # noqa: PLC0415

    protected = {"alg": _ALG, "enc": _ENC, **header}
    return encrypt_compact(protected, plain, key, registry=_registry()).encode()


def _opened(line: bytes, key: Any) -> tuple[dict[str, Any], bytes]:
    """Header and content. Each part must be written in the one way in which it was: base64url has
    bits to spare, and a change of those is a change as well."""
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwe import decrypt_compact  # noqa: PLC0415

    try:
        parts = [base64url.decode(part) for part in line.decode().split(".")]
        header = parse_object(parts[0], "The header")
        if (header.get("alg"), header.get("enc")) == (_ALG, _ENC) and not parts[1]:
            return header, decrypt_compact(line, key, registry=_registry()).plaintext or b""
    except (JoseError, ValueError, Malformed):
        pass
    raise Broken
