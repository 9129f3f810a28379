"""Signatures: compact JWS (RFC 7515) by ES256 and nothing else, in which nothing is left to choose.

The signer's key comes from elsewhere, or stands in the header (`jwk`, section 4.1.3); whose it is
and whether to trust it is for the caller to know, by its thumbprint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .errors import E2eError, Forged, Malformed, Unsafe
from .key import Key
from .strict import from_base64url, parse_object

ALG = "ES256"
_FORM = re.compile(r"(eyJ[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)")
# What these demand is not carried out, so what carries them is not read. RFC 7515, section 4.1.11;
# RFC 7797, section 3.
_REFUSED = ("crit", "b64", "zip")


@dataclass(frozen=True)
class Jws:
    """A token that is in its form, not verified yet."""

    token: str
    header: dict[str, Any]
    kid: str | None

    def key(self, what: str) -> Key | None:
        """The public key in the header, if there is one. Raises Malformed, Unsafe, Forged."""
        if (jwk := self.header.get("jwk")) is None:
            return None
        key = public_key(jwk, "sig", f"{what}'s key")
        if self.kid not in (None, key.kid):
            raise Forged(f"{what} names one key and holds another; somebody tampered with it")
        return key


def public_key(jwk: object, use: Any, what: str) -> Key:
    """Somebody's public key. Raises Malformed, and Unsafe where its private half came along."""
    if isinstance(jwk, dict) and "d" in jwk:
        raise Unsafe(f"{what} comes with its private half; it is no secret any more, so refuse it")
    return Key.read(jwk, use, what)


def looks_signed(text: str) -> bool:
    """Whether `text` has the form of a compact JWS; whether it is a good one is not asked."""
    return _FORM.fullmatch(text) is not None


def read_jws(token: str, what: str) -> Jws:
    """Raises Malformed and Unsafe; no signature is looked at."""
    found = _FORM.fullmatch(token)
    if found is None:
        raise Malformed(f"{what} is no signature in compact form; it was damaged on its way")
    header = parse_object(from_base64url(found[1], what), f"{what}'s header")
    if header.get("alg") != ALG or any(name in header for name in _REFUSED):
        raise Unsafe(f"{what} is signed in a way that is not allowed here ({ALG} alone is)")
    kid = header.get("kid")
    if not isinstance(kid, str | None):
        raise Malformed(f"{what} names its key in a wrong way")
    return Jws(token, header, kid)


def verified(jws: Jws, key: Key, what: str) -> bytes:
    """The payload. Raises Forged where `key` did not sign it, and Malformed."""
    from joserfc.errors import BadSignatureError, JoseError  # noqa: PLC0415
    from joserfc.jws import JWSRegistry, deserialize_compact  # noqa: PLC0415

    registry = JWSRegistry(algorithms=[ALG], strict_check_header=False)
    try:
        return deserialize_compact(jws.token, key.loaded, registry=registry).payload
    except BadSignatureError:
        error: E2eError = Forged(
            f"{what}'s signature does not match; somebody changed or forged it"
        )
    except (JoseError, ValueError):
        error = Malformed(f"{what} carries a broken signature; it was damaged on its way")
    raise error


def sign(header: dict[str, Any], payload: bytes, key: Key) -> str:
    """A compact JWS; alg and kid come in front of what else `header` holds."""
    from joserfc.jws import serialize_compact  # noqa: PLC0415

    protected = {"alg": ALG, "kid": key.kid, **header}
    return serialize_compact(protected, payload, key.loaded, algorithms=[ALG])
