"""Reads of what accounts keep to log in with and to be written to: secrets, vaults, public keys."""

from __future__ import annotations

from typing import Any

import apsw

from chatd.chat.ports import StoredKeys, StoredVault
from chatd.protocol.kdf import NONE

from .codec import Codec

# Where none has the hash it is the next account's row, so that a row is read either way.
_KDF = (
    "SELECT name_hash, id, secret_box IS NOT NULL, kdf_box FROM account"
    " WHERE name_hash >= ? ORDER BY name_hash LIMIT 1"
)
_NOBODY = 0
_PARTNERS = (
    "SELECT other.account FROM member mine JOIN member other USING (conversation)"
    " WHERE mine.account = ? AND mine.role IS NULL"
)


class SealedReads:
    """Reads through one connection; used by one thread at a time."""

    def __init__(self, db: apsw.Connection, codec: Codec) -> None:
        self._db = db
        self._codec = codec

    def credentials(self, name: str) -> tuple[int, str, int] | None:
        sql = "SELECT id, secret_box, version FROM account WHERE name_hash = ?"
        row = self._one(sql, self._codec.user_hash(name))
        if row is None or row[1] is None:
            return None
        id_, secret, version = row
        return id_, self._codec.open("account.secret", secret, id_), version

    def kdf(self, name: str) -> str:
        """The same steps for whoever has a derived secret, has none any more, or never had."""
        wanted, decoy = self._codec.user_hash(name), self._codec.decoy_kdf(name)
        id_ = _NOBODY
        boxed: bytes | None = self._codec.seal("account.kdf", decoy, _NOBODY)
        row = self._one(_KDF, wanted)
        if row is not None and row[0] == wanted and row[2]:
            id_, boxed = row[1], row[3]
        return NONE if boxed is None else self._codec.open("account.kdf", boxed, id_)

    def vault(self, account: int) -> StoredVault | None:
        row = self._one("SELECT version, blob_box FROM vault WHERE account = ?", account)
        if row is None:
            return None
        version, blob = row
        return StoredVault(version, self._codec.open("vault.blob", blob, account, version))

    def keys(self, account: int) -> StoredKeys | None:
        sql = "SELECT version, thumbprint_box, keys_box FROM identity WHERE account = ?"
        row = self._one(sql, account)
        if row is None:
            return None
        version, thumbprint, keys = row
        return StoredKeys(
            version,
            self._codec.open("identity.thumbprint", thumbprint, account, version),
            self._codec.open("identity.keys", keys, account, version),
        )

    def partners(self, account: int) -> set[int]:
        return {partner for (partner,) in self._all(_PARTNERS, account)}

    def _one(self, sql: str, *bindings: Any) -> tuple[Any, ...] | None:
        return self._db.execute(sql, bindings).fetchone()

    def _all(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, bindings).fetchall()  # none stays open, whatever goes wrong
