"""A file of one's own that a password opens: a JWE in JSON (RFC 7516, section 7.2), `dir`,
A256GCM, under a key that argon2id makes of the password.

The kdf stands in the protected header, in the clear and authenticated. Whatever is wrong, the
password or a single byte, is told in one and the same sentence.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from chatd.protocol import base64url

from .errors import BadKdf, BadPassword, DoesNotOpen, E2eError
from .jwe import Rules, decrypt, encrypt
from .kdf import Kdf, derived, fresh_kdf, parse_kdf, refuse_weak, stretched
from .strict import encoded, from_base64url, parse_object, shaped

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

TYPE = "chat-profile"
LOCKED_BYTES_MAX = 262_144

_WHAT = "The profile"
_METHOD = {"alg": "dir", "enc": "A256GCM", "typ": TYPE}
_RULES = Rules(frozenset({"dir"}), frozenset({"A256GCM"}), LOCKED_BYTES_MAX)
_BEGINNING = b'{"protected":"'


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    protected: str
    iv: str
    ciphertext: str
    tag: str
    recipients: list[Any]


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    alg: str
    enc: str
    typ: str
    kdf: str


class LockKey:
    """What a password stands for, with the kdf that made it so. Its repr shows nothing."""

    kid = "password"

    def __init__(self, kdf: Kdf, raw: bytes) -> None:
        self.kdf = kdf
        self._raw = raw

    def __repr__(self) -> str:
        return "LockKey(…)"

    @classmethod
    def fresh(cls, password: str) -> LockKey:
        """For a new password, with a salt of its own; takes argon2's time. BadPassword."""
        return cls._made(password, fresh_kdf())

    @classmethod
    def of(cls, locked: bytes, password: str) -> LockKey:
        """The one that may open a file; takes argon2's time. DoesNotOpen."""
        try:
            return cls._made(password, _kdf(locked))
        except (BadPassword, BadKdf):
            pass
        raise _does_not_open()

    @classmethod
    def _made(cls, password: str, kdf: Kdf) -> LockKey:
        return cls(kdf, derived(stretched(password, kdf), "profile"))

    @cached_property
    def loaded(self) -> OctKey:
        """For joserfc."""
        from joserfc.jwk import OctKey  # noqa: PLC0415

        return OctKey.import_key({"kty": "oct", "k": base64url.encode(self._raw)})


def is_locked(content: bytes) -> bool:
    """Whether a file is meant to be opened by a password, be it a broken one."""
    return content.startswith(_BEGINNING)


def lock(content: bytes, key: LockKey) -> bytes:
    """What only `key` opens; one line."""
    return encrypt(content, {**_METHOD, "kdf": str(key.kdf)}, [key]).encode()


def unlock(locked: bytes, key: LockKey) -> bytes:
    """What was locked. DoesNotOpen."""
    try:
        if _kdf(locked) == key.kdf:
            return decrypt(locked.decode(), {key.kid: key}, _RULES, _WHAT).content
    except E2eError:
        pass
    raise _does_not_open()


def _kdf(locked: bytes) -> Kdf:
    """As the file says, if it has the one form in which it is written. DoesNotOpen."""
    try:
        form = shaped(parsed := parse_object(locked, _WHAT), _Form, _WHAT)
        header = parse_object(from_base64url(form.protected, _WHAT), _WHAT)
        kdf = parse_kdf(shaped(header, _Header, _WHAT).kdf)
        if kdf is not None and _is_as_written(locked, parsed, header, kdf):
            refuse_weak(kdf)
            return kdf
    except E2eError:
        pass
    raise _does_not_open()


def _is_as_written(locked: bytes, form: dict[str, Any], header: dict[str, Any], kdf: Kdf) -> bool:
    """White space, an order of members or bits that say nothing were another byte all the same."""
    for name in ("iv", "ciphertext", "tag"):
        from_base64url(form[name], _WHAT)
    expected = {**_METHOD, "kdf": str(kdf)}
    alone = form["recipients"] == [{"header": {"kid": LockKey.kid}, "encrypted_key": ""}]
    return alone and encoded(form).encode() == locked and header == expected


def _does_not_open() -> DoesNotOpen:
    return DoesNotOpen("Wrong password, or the file was changed")
