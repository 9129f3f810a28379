"""One's own private keys: the current pair, and older ones so that history stays readable.

In the vault they are a list, the newest in front, of private JWKs with `use` and `made` (RFC 3339);
what a later client adds to an entry, and entries of kinds that are not known here, are left alone.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from .errors import Malformed
from .identity import Identity, published
from .key import Key, Use
from .strict import encoded, parse_object
from .times import time_text

KEYS_MAX = 200

_WHAT = "The vault's list of keys"


class OwnKeys:
    """Private keys by use and thumbprint. Immutable; its repr shows thumbprints alone."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        """`entries` as the vault has them. Raises Malformed where a current key is missing."""
        if len(entries) > KEYS_MAX:
            raise Malformed(f"{_WHAT} is too long; export the vault and start a new one")
        self._entries = [dict(entry) for entry in entries]
        self._sig = self._of_use("sig")
        self._enc = self._of_use("enc")
        if not self._sig or not self._enc:
            raise Malformed(f"{_WHAT} lacks a current one; rotate the keys from another device")

    def __repr__(self) -> str:
        return f"OwnKeys({self.sig!r}, {self.enc!r}, {len(self._entries)} in all)"

    @classmethod
    def fresh(cls, made: datetime) -> OwnKeys:
        """A first pair."""
        return cls(_new_pair(made))

    @classmethod
    def of(cls, sig: Key, enc: Key, made: datetime) -> OwnKeys:
        """A pair that some other program made. Raises ValueError for a public key."""
        return cls([_entry(sig, made), _entry(enc, made)])

    def rotated(self, made: datetime) -> OwnKeys:
        """A new pair in front; all the others stay."""
        return OwnKeys([*_new_pair(made), *self._entries])

    @property
    def sig(self) -> Key:
        """What signs now."""
        return self._sig[0]

    @property
    def enc(self) -> Key:
        """What others encrypt to now."""
        return self._enc[0]

    @cached_property
    def opening(self) -> dict[str, Key]:
        """Every encryption key by its thumbprint, the newest first."""
        return {key.kid: key for key in self._enc}

    @cached_property
    def signing(self) -> dict[str, Key]:
        """Every signature key by its thumbprint, the newest first."""
        return {key.kid: key for key in self._sig}

    def entries(self) -> list[dict[str, Any]]:
        """For the vault, private halves and all."""
        return [dict(entry) for entry in self._entries]

    def listed(self) -> list[tuple[Key, str]]:
        """Every key and when it was made (RFC 3339): first those for signatures, newest first."""
        entries = [*self._entries_of("sig"), *self._entries_of("enc")]
        times = [str(entry.get("made", "")) for entry in entries]
        return list(zip([*self._sig, *self._enc], times))

    def identity(self, user: str) -> Identity:
        """What others see."""
        return Identity(user, Key(self.sig.public, "sig"), Key(self.enc.public, "enc"))

    def published(self, user: str) -> str:
        """The JWK Set for PUBLISH."""
        return published(user, self.sig, self.enc)

    def exported(self) -> str:
        """A JWK Set with the private halves, for stock tools: the current pair as it is published,
        then the older ones, newest first. Guard it well."""
        keys = [self.sig, self.enc, *self._sig[1:], *self._enc[1:]]
        jwks = [{**key.private(), "use": key.use, "kid": key.kid} for key in keys]
        return encoded({"keys": jwks})

    def _of_use(self, use: Use) -> list[Key]:
        return [Key(_numbers(entry), use) for entry in self._entries_of(use)]

    def _entries_of(self, use: Use) -> list[dict[str, Any]]:
        return [entry for entry in self._entries if _is_ours(entry, use)]


def read_private(jwk: str, use: Literal["sig", "enc"]) -> Key:
    """A private key that another program made. Raises Malformed: no P-256 JWK, or a public one."""
    key = Key.read(parse_object(jwk, "The key"), use)
    if not key.is_private:
        raise Malformed("The key has no private half; give the private one")
    return key


def _new_pair(made: datetime) -> list[dict[str, Any]]:
    return [_entry(Key.fresh("sig"), made), _entry(Key.fresh("enc"), made)]


def _entry(key: Key, made: datetime) -> dict[str, Any]:
    return {**key.private(), "use": key.use, "made": time_text(made)}


def _is_ours(entry: dict[str, Any], use: Use) -> bool:
    kind = (entry.get("kty"), entry.get("crv"), entry.get("use"))
    return kind == ("EC", "P-256", use) and "d" in entry


def _numbers(entry: dict[str, Any]) -> dict[str, str]:
    numbers = {name: entry.get(name) for name in ("kty", "crv", "x", "y", "d")}
    if not all(isinstance(value, str) for value in numbers.values()):
        raise Malformed(f"{_WHAT} holds a broken one")
    return {name: str(value) for name, value in numbers.items()}
