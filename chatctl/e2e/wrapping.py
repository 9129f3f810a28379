"""The two keys that a vault's own key is wrapped under, and how each is called in the vault."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from chatd.protocol import base64url

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

KEY_BYTES = 32


@dataclass(frozen=True)
class WrappingKey:
    """32 bytes for A256KW (RFC 7518, section 4.4). Raises ValueError for any other length."""

    kid: Literal["password", "recovery"]
    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise ValueError(f"a wrapping key has {KEY_BYTES} bytes, this one has {len(self.raw)}")

    @cached_property
    def loaded(self) -> OctKey:
        """For joserfc."""
        from joserfc.jwk import OctKey  # noqa: PLC0415

        return OctKey.import_key({"kty": "oct", "k": base64url.encode(self.raw)})
