"""Public identities: a signature key, an encryption key, and the proof that they are one person's.

A JWK Set (RFC 7517) of two P-256 keys, one of each use. The signature key signs for both: `proof`
is a compact JWS over the user's name and the key's thumbprint (RFC 7638), so a server can neither
swap one of the keys nor hand out somebody else's. The identity's thumbprint is the signature key's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from chatd.protocol.fields import KEYS_BYTES_MAX

from .errors import Forged, Malformed, Unsafe
from .jws import public_key, read_jws, sign, verified
from .key import Key
from .strict import encoded, parse_object, shaped

PROOF_TYPE = "chat-key"

_DIGITS_IN_A_GROUP = 5
_GROUPS = 12


class _Published(msgspec.Struct):
    """What stands beside a key's numbers."""

    use: Literal["sig", "enc"]
    kid: str
    proof: str


class _Set(msgspec.Struct):
    keys: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=2, max_length=2)]


class _Vouched(msgspec.Struct):
    """A proof's payload."""

    user: str
    thumbprint: str


@dataclass(frozen=True)
class Identity:
    """Somebody's public keys, verified to belong together and to the name."""

    user: str
    sig: Key
    enc: Key

    @property
    def thumbprint(self) -> str:
        """The signature key's, 43 characters: what is pinned."""
        return self.sig.kid


def read_identity(user: str, jwks: str, thumbprint: str | None = None) -> Identity:
    """What the server says is `user`'s identity; the name as the server writes it.

    `thumbprint` is the one that the server sent along, if any. Raises Malformed, Unsafe (a private
    key in it), and Forged: a proof that is another's, swapped, for another name, or broken.
    """
    what = "The identity"
    if len(jwks) > KEYS_BYTES_MAX:
        raise Malformed(f"{what} is longer than any can be; it was not made by chatctl")
    keys = shaped(parse_object(jwks, what), _Set, what).keys
    told = [shaped(key, _Published, what) for key in keys]
    if {one.use for one in told} != {"sig", "enc"}:
        raise Malformed(f"{what} needs one key for signatures and one for encryption")
    read = {one.use: public_key(key, one.use, what) for key, one in zip(keys, told)}
    if read["sig"].kid == read["enc"].kid:
        raise Unsafe(f"{what} uses one key for both purposes; refuse it")
    for one in told:
        _demand_proof(one, read[one.use], read["sig"], user)
    if thumbprint not in (None, read["sig"].kid):
        raise Forged("The server names one identity and sends another; do not use it")
    return Identity(user, read["sig"], read["enc"])


def published(user: str, sig: Key, enc: Key) -> str:
    """The JWK Set for PUBLISH, on one line. Both keys are private ones, for their use."""
    return encoded({"keys": [_published(user, key, sig) for key in (sig, enc)]})


def _published(user: str, key: Key, sig: Key) -> dict[str, str]:
    vouched = encoded({"user": user, "thumbprint": key.kid}).encode()
    proof = sign({"typ": PROOF_TYPE}, vouched, sig)
    return {**key.public, "use": key.use, "kid": key.kid, "proof": proof}


def _demand_proof(told: _Published, key: Key, sig: Key, user: str) -> None:
    what = "The identity's proof"
    jws = read_jws(told.proof, what)
    if jws.kid != sig.kid or jws.header.get("typ") != PROOF_TYPE or told.kid != key.kid:
        raise Forged(f"{what} is not for these keys; do not use this identity")
    payload = parse_object(verified(jws, sig, what), what)
    vouched = shaped(payload, _Vouched, what)
    if (vouched.user, vouched.thumbprint) != (user, key.kid):
        raise Forged(f"{what} is for another name or key; somebody swapped it. Do not use it")


def safety_number(one: tuple[str, str], other: tuple[str, str]) -> str:
    """60 digits in twelve groups of five, the same on both sides: (user, thumbprint) of each.

    SHA-512 over both, sorted by name, as JSON; every five bytes give five digits. About 199 bits,
    so that two pairs with one number cost 2**99 tries to find.
    """
    pairs = [list(pair) for pair in sorted([one, other])]
    digest = hashlib.sha512(encoded({"chat/1 safety number": pairs}).encode()).digest()
    size = _DIGITS_IN_A_GROUP
    numbers = [digest[size * index : size * (index + 1)] for index in range(_GROUPS)]
    return " ".join(f"{int.from_bytes(five, 'big') % 10**size:05d}" for five in numbers)


def verification_payload(one: tuple[str, str], other: tuple[str, str]) -> str:
    """What the QR code holds: equal on both sides if, and only if, both see the same keys.

    `chat-verify:1:USER:THUMBPRINT:USER:THUMBPRINT`, sorted by name; no name holds a colon.
    """
    words = [word for pair in sorted([one, other]) for word in pair]
    return ":".join(["chat-verify", "1", *words])
