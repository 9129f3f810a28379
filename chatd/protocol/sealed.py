"""Commands for what the server keeps and cannot open: salts, vaults, identities; and for asking
where messages must be encrypted."""

from __future__ import annotations

from .declare import Command, Listing, Needs, command
from .errors import Code
from .fields import Blob, Keys, Room, User, Version
from .replies import IdentityHeld, Published, Salted, SettingItem, Stored, VaultHeld

C = Code


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
