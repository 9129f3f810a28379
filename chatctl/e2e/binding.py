"""Who is at an end of a channel: the channel's own hash, signed with an identity's key.

    JWS, compact: alg ES256, kid, typ chat-direct, jwk (the signer's public key)
      {"user":"alice","to":"bob","role":"initiator","channel":HASH}

No other channel has this hash (Noise, section 11.2), so that the signature is of no use in any.
Whether the key is to be believed to be the user's is judged apart (trust.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from chatd.protocol import base64url

from .errors import Forged, Malformed
from .jws import read_jws, sign, verified
from .key import Key
from .strict import encoded, parse_object, shaped

TYPE = "chat-direct"
PROOF_CHARACTERS_MAX = 2_048

Role = Literal["initiator", "acceptor"]

_WHAT = "The proof of who is there"


class _Claims(msgspec.Struct):
    user: str
    to: str
    role: str
    channel: str


@dataclass(frozen=True)
class Bound:
    """Who says to be at the other end, and the thumbprint of the key that says so."""

    user: str
    signer: str


def bind(channel: bytes, role: Role, user: str, to: str, key: Key) -> str:
    """What `user` shows to `to`, at this end of the channel of this hash."""
    claims = {"user": user, "to": to, "role": role, "channel": base64url.encode(channel)}
    return sign({"typ": TYPE, "jwk": key.public}, encoded(claims).encode(), key)


def read_bound(token: str, channel: bytes, role: Role, to: str) -> Bound:
    """Who has shown this to `to`, from the end `role`. Raises Forged, Malformed, Unsafe."""
    if len(token) > PROOF_CHARACTERS_MAX:
        raise Malformed(f"{_WHAT} is longer than any can be")
    jws = read_jws(token, _WHAT)
    key = jws.key(_WHAT)
    if key is None or jws.header.get("typ") != TYPE:
        raise Forged(f"{_WHAT} is none")
    claims = shaped(parse_object(verified(jws, key, _WHAT), _WHAT), _Claims, _WHAT)
    if (claims.to, claims.role, claims.channel) != (to, role, base64url.encode(channel)):
        raise Forged(f"{_WHAT} was made for another channel")
    return Bound(claims.user, key.kid)
