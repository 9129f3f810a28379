"""Public identities: a JWK Set (RFC 7517) of two P-256 keys, and proof that they belong together.

    {"keys": [{"kty": "EC", "crv": "P-256", "x": …, "y": …, "use": "sig", "kid": …, "proof": …},
              {"kty": "EC", "crv": "P-256", "x": …, "y": …, "use": "enc", "kid": …, "proof": …}]}

`kid` is the key's thumbprint (RFC 7638). `proof` is a compact JWS (RFC 7515, ES256), by the first
key, over user name and thumbprint. The identity's thumbprint is that of the key with use `sig`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from chatd.protocol import base64url

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

COORDINATE_BYTES = 32
ALGORITHM = "ES256"
PROOF_TYPE = "chat-key"


class BadIdentity(ValueError):
    """A JWK Set is no identity of this user; the sentence says why."""


class _Key(msgspec.Struct):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    use: Literal["sig", "enc"]
    kid: str
    proof: str


class _Set(msgspec.Struct):
    keys: list[_Key]


def verified(jwks: str, user: str) -> str:
    """The identity's thumbprint, if all of it holds for `user`. BadIdentity.

    It takes a millisecond, and a hundred the first time: callers run it in a thread.
    """
    keys = _keys(jwks)
    signing = _imported(keys["sig"])
    for key in keys.values():
        _prove(key, _imported(key), signing, user)
    return keys["sig"].kid


def _keys(jwks: str) -> dict[str, _Key]:
    """The two keys by their use."""
    try:
        keys = msgspec.convert(_parsed(jwks), _Set).keys
    except msgspec.ValidationError as error:
        place = str(error).rpartition(" - at ")[2]
        raise BadIdentity(f"The JWK Set is not of the right form, at {place}.") from None
    found: dict[str, _Key] = {key.use: key for key in keys}
    if len(keys) != 2 or len(found) != 2:
        raise BadIdentity("Publish two keys, one with use sig and one with use enc.")
    return found


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except BadIdentity:
        raise
    except (ValueError, RecursionError):
        raise BadIdentity("The JWK Set, or a proof in it, is no JSON.") from None


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. What readers might understand differently is refused, and what is private."""
    found = dict(members)
    if len(found) != len(members):
        raise BadIdentity("The JWK Set has a member twice.")
    if "d" in found:
        raise BadIdentity("That is a private key: leave out d, and use this key no more.")
    return found


def _imported(key: _Key) -> ECKey:
    """The key as joserfc has it. BadIdentity where it is no point of the curve, or misnamed."""
    from joserfc.jwk import ECKey  # noqa: PLC0415  (a server that starts has no need of it)

    if {_size_bytes(key.x), _size_bytes(key.y)} != {COORDINATE_BYTES}:
        raise BadIdentity("The coordinates x and y of a key are base64url of 32 bytes each.")
    try:
        found = ECKey.import_key({"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y})
    except ValueError:
        raise BadIdentity(f"The key with use {key.use} is no point of the curve.") from None
    if found.thumbprint() != key.kid:
        raise BadIdentity(f"The kid of the key with use {key.use} is not its thumbprint.")
    return found


def _prove(key: _Key, imported: ECKey, signing: ECKey, user: str) -> None:
    """BadIdentity unless the signing key says that `key` is the user's."""
    from joserfc import jws  # noqa: PLC0415
    from joserfc.errors import JoseError  # noqa: PLC0415

    wanted = {"alg": ALGORITHM, "kid": signing.thumbprint(), "typ": PROOF_TYPE}
    if _header(key.proof) != wanted:
        raise BadIdentity(f"The proof of the key with use {key.use} has another header.")
    try:
        proof = jws.deserialize_compact(key.proof, signing, algorithms=[ALGORITHM])
    except (ValueError, JoseError):
        raise BadIdentity(f"The proof of the key with use {key.use} does not hold.") from None
    if _parsed(proof.payload) != {"user": user, "thumbprint": imported.thumbprint()}:
        raise BadIdentity(f"The proof of the key with use {key.use} is about something else.")


def _header(jws: str) -> Any:
    """The header of a compact JWS, all of which is well written."""
    try:
        header, _, _ = [base64url.decode(part) for part in jws.split(".")]
    except ValueError:
        raise BadIdentity("A proof is no compact JWS.") from None
    return _parsed(header)


def _size_bytes(text: str) -> int:
    try:
        return len(base64url.decode(text))
    except ValueError:
        return 0
