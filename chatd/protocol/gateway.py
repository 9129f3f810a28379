"""Commands for people who are reached through a gateway, by mail or text message: opening the
account that waits for a code, and coming back to one whose password was lost."""

from __future__ import annotations

from dataclasses import KW_ONLY

from . import kdf as kdfs
from .declare import Command, Needs, command
from .errors import Code
from .fields import BlobField, Kdf, OneCode, Secret, User, Version
from .replies import Done

C = Code


@command(Needs.NO_LOGIN, Done, C.DENIED, C.EXPIRED, C.RATE_LIMITED)
class Activate(Command[Done]):
    """Open the account that you registered, with the code that was sent."""

    user: User
    code: OneCode


@command(Needs.NO_LOGIN, Done, C.RATE_LIMITED)
class Reset(Command[Done]):
    """Have a code sent to the contact of an account, if it has one."""

    user: User


@command(
    Needs.NO_LOGIN,
    Done,
    *(C.DENIED, C.EXPIRED, C.RATE_LIMITED, C.WEAK_PASSWORD, C.CONFLICT, C.TOO_BIG),
)
class Recover(Command[Done]):
    """Set a new password with the code that was sent; it ends all your sessions."""

    user: User
    code: OneCode
    secret: Secret
    _: KW_ONLY
    kdf: Kdf | None = None
    version: Version | None = None
    vault: BlobField | None = None

    def __post_init__(self) -> None:
        kdfs.fit(self.secret, self.kdf)
        if (self.version is None) != (self.vault is None):
            raise ValueError("A vault comes with the version that it replaces: version=, vault=")
