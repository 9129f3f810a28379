"""Reads of what goes through the gateway: who is reached how, codes, and what is on its way."""

from __future__ import annotations

from typing import Any

from chatd.chat.gateway_changes import KEPT_MS, CodeKind
from chatd.chat.model import OneCode, PendingAccount
from chatd.chat.ports import Reach, StoredOutgoing
from chatd.protocol.kdf import NONE
from chatd.security.boxes import BoxError

from .gateway_writes import CODE_KINDS
from .sealed import SealedReads

# Where none has the hash it is the next one's row, so that a row is read either way.
_ACCOUNT = (
    "SELECT name_hash, id, secret_box IS NOT NULL, contact_box FROM account"
    " WHERE name_hash >= ?1 ORDER BY name_hash LIMIT 1"
)
_WAITING = (
    "SELECT name_hash, id, created_ms > ?2, contact_box FROM pending"
    " WHERE name_hash >= ?1 ORDER BY name_hash LIMIT 1"
)
_PENDING = (
    "SELECT id, secret_box, kdf_box, contact_box, created_ms FROM pending WHERE name_hash = ?"
)
_CODE = "SELECT code_hash, sent_ms, expires_ms, tries FROM code WHERE kind = ? AND subject = ?"
_OUTGOING = (
    "SELECT id, message_box, created_ms, next_ms, tries FROM outgoing ORDER BY next_ms, id LIMIT ?"
)
_NOBODY = 0
_NO_CONTACT = "mailto:nobody@nowhere.example"


class GatewayReads(SealedReads):
    """Reads through one connection; used by one thread at a time."""

    def reach(self, name: str, now_ms: int) -> Reach:
        """The same steps for whoever has a contact, has none, is erased, or never was."""
        wanted = self._codec.user_hash(name)
        column, owner = "account.contact", _NOBODY
        boxed: bytes = self._codec.seal(column, _NO_CONTACT, owner)
        account = self._owner(_ACCOUNT, wanted)
        waiting = self._owner(_WAITING, wanted, now_ms - KEPT_MS)
        if account is not None and account[1] is not None:
            owner, boxed = account
        if waiting is not None:
            column, (owner, boxed) = "pending.contact", waiting
        contact = self._codec.open(column, boxed, owner)
        return Reach(
            None if account is None else account[0],
            None if waiting is None else waiting[0],
            self._codec.nobody(name),
            contact if owner else None,
        )

    def _owner(self, sql: str, wanted: bytes, *more: int) -> tuple[int, Any] | None:
        row = self._one(sql, wanted, *more)
        return (row[1], row[3]) if row is not None and row[0] == wanted and row[2] else None

    def pending_named(self, name: str) -> PendingAccount | None:
        row = self._one(_PENDING, self._codec.user_hash(name))
        if row is None:
            return None
        id_, secret, kdf, contact, created_ms = row
        open_ = self._codec.open
        return PendingAccount(
            id_,
            name,
            open_("pending.secret", secret, id_),
            NONE if kdf is None else open_("pending.kdf", kdf, id_),
            open_("pending.contact", contact, id_),
            created_ms,
        )

    def code(self, kind: CodeKind, subject: int) -> OneCode | None:
        row = self._one(_CODE, CODE_KINDS[kind], subject)
        return None if row is None else OneCode(kind, subject, *row)

    def outgoing(self, limit: int) -> list[StoredOutgoing]:
        rows = self._all(_OUTGOING, limit)
        return [StoredOutgoing(id_, self._message(id_, boxed), *rest) for id_, boxed, *rest in rows]

    def _message(self, id_: int, boxed: bytes) -> str:
        """One that cannot be read is empty: it must not hold up the others."""
        try:
            return self._codec.open("outgoing.message", boxed, id_)
        except BoxError:
            return ""

    def outgoing_count(self) -> int:
        row = self._one("SELECT count(*) FROM outgoing")
        assert row is not None
        return int(row[0])
