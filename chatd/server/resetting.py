"""A new password for somebody who lost theirs, set by who runs the server while it does not run.

It opens the account and nothing else: the vault stays sealed, for the recovery key alone.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from pathlib import Path

from chatd.chat.changes import SecretSet
from chatd.protocol.kdf import NONE
from chatd.security.keys import ServerKey
from chatd.security.names import BadName, user_name
from chatd.security.passwords import Hasher
from chatd.storage.codec import Codec
from chatd.storage.database import open_database
from chatd.storage.reads import Reader
from chatd.storage.recent import Recent
from chatd.storage.writes import Writer

NO_SESSION = 0
"""No session has this id, so none stays."""


class ResetError(Exception):
    """There is no such account; the sentence says so."""


def reset_password(database: Path, key: ServerKey, user: str, hasher: Hasher) -> str:
    """Ends all sessions of `user`; the new password, of 96 random bits. ResetError, OpenError."""
    codec = Codec(key)
    with closing(open_database(database, codec)) as db:
        try:
            account = Reader(db, codec, Recent()).account_named(user_name(user))
        except BadName as wrong:
            raise ResetError(f"{user!r} is no user's name: {wrong}") from None
        if account is None:
            raise ResetError(f"there is no user {user}; check the spelling")
        password = secrets.token_urlsafe(12)
        hashed = hasher.hash(password)
        change = SecretSet(account.id, hashed, account.version + 1, NO_SESSION, NONE)
        Writer(db, codec).write([change])
    return password
