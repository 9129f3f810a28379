"""Commands for what others shall not read: a sealed channel; salts, vaults and identities, which
the server keeps and cannot open; and for asking where messages must be encrypted."""

from __future__ import annotations

from .declare import Command, Listing, Needs, command
from .errors import Code
from .fields import Blob, Keys, NoiseMessage, Pattern, Room, User, Version
from .replies import Handshaken, IdentityHeld, Published, Salted, SettingItem, Stored, VaultHeld

C = Code


@command(Needs.NO_LOGIN, Handshaken, C.CONFLICT, C.RATE_LIMITED)
class Seal(Command[Handshaken]):
    """Encrypt all that follows, by a handshake of Noise."""

    pattern: Pattern
    message: NoiseMessage


@command(Needs.NOTHING, Salted)
class Salt(Command[Salted]):
    """Tell how a person's secret is made from the password."""

    user: User


@command(Needs.LOGIN, VaultHeld)
class Vault(Command[VaultHeld]):
    """Fetch your vault, which only you can open."""


@command(Needs.LOGIN, Stored, C.CONFLICT, C.TOO_BIG)
class Store(Command[Stored]):
    """Replace your vault, if it still has this version."""

    version: Version
    blob: Blob


@command(Needs.LOGIN, Published, C.TOO_BIG)
class Publish(Command[Published]):
    """Make public keys yours: a JWK Set, each key with a proof."""

    jwks: Keys


@command(Needs.LOGIN, IdentityHeld, C.NO_SUCH_USER, C.NO_IDENTITY)
class Identity(Command[IdentityHeld]):
    """Fetch a person's public keys."""

    user: User


@command(Needs.LOGIN, SettingItem, C.NO_SUCH_ROOM)
class Settings(Listing[SettingItem]):
    """List a room's settings."""

    room: Room
