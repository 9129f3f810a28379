"""Messages: a text, signed by its sender and encrypted for everybody who may read it.

    JWE, General JSON: alg ECDH-ES+A256KW, enc A256GCM, cty JOSE; recipients: kid, epk
      JWS, compact: alg ES256, kid, jwk (the signer's public key)
        {"from":"alice","to":"alice,bob","id":"…","time":"2026-11-21T04:05:06.789Z","text":"…"}

`to` is the same for all who read it: a room's name, or, for a direct conversation, both names,
sorted by code points, with a comma between (no name holds one). The signer's key goes along, so a
message can still be checked after its sender has changed keys; whether that key is to be believed
is judged apart (judge.py). With 100 recipients a text of at least 2,000 bytes fits.

Texts come out as they were written: whoever shows one makes it harmless first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from chatd.protocol import base64url
from chatd.protocol.fields import TEXT_BYTES_MAX

from .errors import Malformed, TooLong
from .identity import Identity
from .jwe import Rules, decrypt, encrypt
from .jws import looks_signed, read_jws, sign, verified
from .key import Key
from .own_keys import OwnKeys
from .strict import encoded, from_base64url, parse_object, shaped
from .times import read_time, time_text

READERS_MAX = 100
ID_BYTES = 16

_WHAT = "The message"
_HEADER = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "cty": "JOSE"}
# What `jose jwe enc` chooses for a P-256 key by itself is among them.
_RULES = Rules(
    frozenset({"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}),
    frozenset({"A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"}),
    TEXT_BYTES_MAX,
)


class Signature(StrEnum):
    """What is known of who wrote a message."""

    VALID = "valid"
    NONE = "none"
    UNCHECKED = "unchecked"


class _Payload(msgspec.Struct):
    """What is signed; members that are not named here are ignored."""

    sender: str = msgspec.field(name="from")
    to: str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    time: str
    text: str


@dataclass(frozen=True)
class Claims:
    """What a message says of itself."""

    sender: str
    to: str
    id: str
    time: datetime


@dataclass(frozen=True)
class Opened:
    """A message that opened. `claims` is None where it was not signed, `signer` (a thumbprint)
    where it was not, or by a key that is not at hand; `kid`: one's own key that opened it."""

    text: str = field(repr=False)
    signature: Signature
    signer: str | None
    claims: Claims | None
    kid: str


def conversation(me: str, name: str) -> str:
    """What `to` says for the conversation that the server calls `name` when it speaks to `me`."""
    return name if name.startswith("#") else ",".join(sorted([me, name]))


def fresh_id() -> str:
    """22 characters, for one message; good as the id of SEND too."""
    return base64url.encode(os.urandom(ID_BYTES))


def seal_message(text: str, claims: Claims, keys: OwnKeys, readers: Iterable[Identity]) -> str:
    """One line for MSG or SEND: `text` for all `readers` and for oneself, signed with `keys`.

    Raises TooLong; ValueError for over READERS_MAX readers, oneself among them.
    """
    encryption_keys = {keys.enc.kid: keys.enc} | {one.enc.kid: one.enc for one in readers}
    if len(encryption_keys) > READERS_MAX:
        raise ValueError(f"{len(encryption_keys)} readers; {READERS_MAX} are possible")
    signed = sign({"jwk": keys.sig.public}, _payload(text, claims), keys.sig)
    sealed = encrypt(signed.encode(), _HEADER, encryption_keys.values())
    if (over := len(sealed) - TEXT_BYTES_MAX) > 0:
        raise TooLong(_too_long(text, over, len(encryption_keys)))
    return sealed


def open_message(line: str, keys: OwnKeys, signers: Mapping[str, Key] | None = None) -> Opened:
    """What a line that `looks_sealed` holds, opened with any of one's keys, old ones too.

    `signers`: public signature keys by thumbprint, for messages that do not bring their own.
    Raises Malformed, Unsafe, NotForUs, DoesNotOpen, and Forged for a signature that does not match.
    """
    plain = decrypt(line, keys.opening, _RULES, _WHAT)
    try:
        inside = plain.content.decode()
    except UnicodeDecodeError:
        inside = None
    if inside is None:
        raise Malformed(f"{_WHAT} holds no text")
    if not looks_signed(inside):
        return Opened(inside, Signature.NONE, None, None, plain.kid)
    return _checked(inside, signers or {}, plain.kid)


def _payload(text: str, claims: Claims) -> bytes:
    payload = {
        "from": claims.sender,
        "to": claims.to,
        "id": claims.id,
        "time": time_text(claims.time),
        "text": text,
    }
    return encoded(payload).encode()


def _too_long(text: str, over_bytes: int, readers: int) -> str:
    """What fits is told, not what is over: the caller may have read only a part of the text."""
    text_bytes, written_bytes = len(text.encode()), len(encoded(text).encode())
    # Signing and encrypting each write three bytes as four characters.
    fitting = max(0, written_bytes - over_bytes * 9 // 16 - 4) * text_bytes // written_bytes
    whom = "1 reader" if readers == 1 else f"{readers} readers"
    return f"Too long: about {fitting} bytes of such a text can be encrypted for {whom}"


def _checked(token: str, signers: Mapping[str, Key], kid: str) -> Opened:
    jws = read_jws(token, _WHAT)
    key = signers.get(jws.kid or "") or jws.key(_WHAT)
    payload = _unverified(token) if key is None else verified(jws, key, _WHAT)
    said = shaped(parse_object(payload, _WHAT), _Payload, _WHAT)
    claims = Claims(said.sender, said.to, said.id, read_time(said.time, _WHAT))
    if key is None:
        return Opened(said.text, Signature.UNCHECKED, None, claims, kid)
    return Opened(said.text, Signature.VALID, key.kid, claims, kid)


def _unverified(token: str) -> bytes:
    return from_base64url(token.split(".")[1], _WHAT)
