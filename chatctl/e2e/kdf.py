"""From a password to two keys: one to log in with, one to open the vault. The password stays here.

    password (PRECIS OpaqueString, RFC 8265 section 4.2, in UTF-8)
      -> argon2id (RFC 9106), 32 bytes, called master
           -> HKDF-SHA256 (RFC 5869), info "chat/1 authentication": the authentication key
           -> HKDF-SHA256, info "chat/1 vault": the wrapping key

The server gets base64url(HMAC-SHA256(authentication key, server name)): it can neither open the
vault with it nor log in with it at a server of another name.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass

from chatd.protocol import base64url
from chatd.protocol.kdf import LANES, MEMORY_KIB, NONE, PASSES, argon2id, parsed

from .errors import BadKdf, BadPassword
from .wrapping import KEY_BYTES, WrappingKey

SALT_BYTES_MIN = 16
"""RFC 9106, section 3.1."""
# A server that asks for more wants to tie up the client's machine.
MEMORY_KIB_MAX, PASSES_MAX, LANES_MAX, SALT_BYTES_MAX = 1_048_576, 20, 16, 64
PASSWORD_CHARACTERS_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Kdf:
    """The parameters of argon2id, version 19. Its str is what stands on the wire."""

    memory_kib: int
    passes: int
    lanes: int
    salt: bytes

    def __str__(self) -> str:
        return argon2id(self.memory_kib, self.passes, self.lanes, self.salt)


def fresh_kdf() -> Kdf:
    """What a new password gets: the least that is accepted, and a new salt."""
    return Kdf(MEMORY_KIB, PASSES, LANES, os.urandom(SALT_BYTES_MIN))


def parse_kdf(text: str) -> Kdf | None:
    """What `text` says, however weak; None for `none`, where the server is sent the password
    itself. Raises BadKdf."""
    if text == NONE:
        return None
    try:
        return Kdf(*parsed(text))
    except ValueError:
        sentence = (
            "The server asks for a protection of the password that this chatctl does not know;"
            " nothing was sent. Update chatctl, or tell who runs the server"
        )
        raise BadKdf(sentence) from None


def refuse_weak(kdf: Kdf) -> None:
    """Raises BadKdf for what an attacker could guess through, or what never ends."""
    weak = kdf.memory_kib < MEMORY_KIB or kdf.passes < PASSES
    if weak or len(kdf.salt) < SALT_BYTES_MIN:
        raise BadKdf(
            "The server asks for a weaker protection of the password than is safe (RFC 9106);"
            " nothing was sent. Somebody may want to guess the password: tell who runs the server"
        )
    costly = kdf.memory_kib > MEMORY_KIB_MAX or kdf.passes > PASSES_MAX
    if costly or kdf.lanes > LANES_MAX or len(kdf.salt) > SALT_BYTES_MAX:
        raise BadKdf(
            "The server asks for a key derivation that would take this machine too long;"
            " nothing was sent. Tell who runs the server"
        )


def accepted_kdf(text: str) -> Kdf | None:
    """What a server offers, if it is safe to use; None for `none`. Raises BadKdf."""
    kdf = parse_kdf(text)
    if kdf is not None:
        refuse_weak(kdf)
    return kdf


class Master:
    """What a password stands for under one kdf. Neither it nor its keys show in a repr."""

    __slots__ = ("_authentication", "wrapping_key")

    def __init__(self, master: bytes) -> None:
        """`master`: 32 bytes, ValueError otherwise."""
        if len(master) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, this one has {len(master)}")
        self._authentication = derived(master, "authentication")
        self.wrapping_key = WrappingKey("password", derived(master, "vault"))

    def __repr__(self) -> str:
        return "Master(…)"

    @classmethod
    def from_password(cls, password: str, kdf: Kdf) -> Master:
        """Takes argon2's time, so it belongs in a thread. Raises BadPassword, and BadKdf for what
        argon2 itself does not take; what a server offers goes through `accepted_kdf` first."""
        return cls(stretched(password, kdf))

    def secret_for(self, server_name: str) -> str:
        """What AUTH, REGISTER and PASSWD send: 43 characters, for the server of this name alone.

        `server_name` is that of `*HELLO`, letter by letter, checked by the caller.
        """
        if not server_name:
            raise ValueError("a server has a name")
        signed = hmac.digest(self._authentication, server_name.encode(), hashlib.sha256)
        return base64url.encode(signed)


def stretched(password: str, kdf: Kdf) -> bytes:
    """32 bytes that take argon2's time to come by. BadPassword; BadKdf for what argon2 refuses."""
    return _argon2id(_prepared(password), kdf)


def derived(secret: bytes, purpose: str) -> bytes:
    """32 bytes by HKDF-SHA256 for one purpose."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"chat/1 {purpose}".encode()).derive(secret)


def _prepared(password: str) -> bytes:
    from precis_i18n import get_profile  # noqa: PLC0415

    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise BadPassword(f"A password has at most {PASSWORD_CHARACTERS_MAX} characters")
    try:
        prepared: str = get_profile("OpaqueString").enforce(password)
        return prepared.encode()
    except UnicodeEncodeError:
        pass
    # Out here, because that error keeps the password.
    raise BadPassword("The password is empty, or holds a character that no password may hold")


def _argon2id(password: bytes, kdf: Kdf) -> bytes:
    from argon2.exceptions import HashingError  # noqa: PLC0415
    from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw  # noqa: PLC0415

    try:
        return hash_secret_raw(
            password, kdf.salt, time_cost=kdf.passes, memory_cost=kdf.memory_kib,
            parallelism=kdf.lanes, hash_len=KEY_BYTES, type=Type.ID, version=ARGON2_VERSION,
        )  # fmt: skip
    except HashingError as error:
        raise BadKdf(f"The key derivation does not work on this machine: {error}") from None
