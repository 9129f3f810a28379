"""A P-256 key, public or private, as a JWK (RFC 7517, RFC 7518 section 6.2)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from .errors import Malformed
from .strict import shaped

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

Use = Literal["sig", "enc"]
Coordinate = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z")]
"""32 bytes in base64url, as section 6.2.1.2 demands: no shorter, even with zeros in front."""


class _Jwk(msgspec.Struct):
    """The members that make the key; others are dropped, `use` and `key_ops` too."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate
    d: Coordinate | msgspec.UnsetType = msgspec.UNSET


class Key:
    """One key for one use. Its repr shows the thumbprint alone."""

    def __init__(self, jwk: dict[str, str], use: Use) -> None:
        """`jwk`: kty, crv, x, y and, of a private key, d. `read` takes what is not one's own."""
        self._jwk = jwk
        self.use = use

    def __repr__(self) -> str:
        kind = "private" if self.is_private else "public"
        return f"Key({kind}, {self.use}, {self.kid})"

    @classmethod
    def fresh(cls, use: Use) -> Key:
        """A new private key from the system's random source."""
        from joserfc.jwk import ECKey  # noqa: PLC0415

        made: dict[str, Any] = dict(ECKey.generate_key("P-256").as_dict(private=True))
        return cls(_members(made, "A new key"), use)

    @classmethod
    def read(cls, jwk: object, use: Use, what: str = "The key") -> Key:
        """A key from elsewhere. Raises Malformed: no such JWK, off the curve, or halves of two."""
        key = cls(_members(jwk, what), use)
        _ = key.loaded
        return key

    @property
    def is_private(self) -> bool:
        """Whether it can sign or open."""
        return "d" in self._jwk

    @property
    def public(self) -> dict[str, str]:
        """The JWK without its private half: kty, crv, x, y."""
        return {name: value for name, value in self._jwk.items() if name != "d"}

    def private(self) -> dict[str, str]:
        """The whole JWK, for the vault and for an export. Raises ValueError if it is public."""
        if not self.is_private:
            raise ValueError("this key has no private half")
        return dict(self._jwk)

    @cached_property
    def kid(self) -> str:
        """The thumbprint of RFC 7638 with SHA-256: 43 characters."""
        from joserfc.jwk import thumbprint  # noqa: PLC0415

        return thumbprint(self.public)

    @cached_property
    def loaded(self) -> ECKey:
        """For joserfc. Raises Malformed where the numbers are no point, or no pair."""
        from joserfc.jwk import ECKey  # noqa: PLC0415

        try:
            return ECKey.import_key(dict(self._jwk))
        except ValueError:
            pass
        raise Malformed("The key is no point of the curve P-256; ask its owner for another")


def _members(jwk: object, what: str) -> dict[str, str]:
    if not isinstance(jwk, dict):
        raise Malformed(f"{what} is no JSON object")
    members: dict[str, str] = msgspec.to_builtins(shaped(jwk, _Jwk, what))
    return members
