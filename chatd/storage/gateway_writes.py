"""How changes to what goes through the gateway become rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from chatd.chat import gateway_changes as c
from chatd.protocol.kdf import NONE

from .codec import NOBODIES, Codec
from .rows import Rows, delete, insert, replace, update

CODE_KINDS: dict[c.CodeKind, int] = {"activate": 0, "recover": 1}
_CODES_OF_PENDING = (
    "DELETE FROM code WHERE kind = 0 AND subject IN (SELECT id FROM pending WHERE created_ms <= ?)"
)
_TRIED = "UPDATE code SET tries = ? WHERE kind = ? AND subject = ?"


def _pending_made(codec: Codec, m: c.PendingMade) -> Rows:
    kdf = None if m.kdf == NONE else codec.seal("pending.kdf", m.kdf, m.pending)
    row = insert(
        "pending",
        id=m.pending,
        name_hash=codec.user_hash(m.name),
        name_box=codec.seal("pending.name", m.name, m.pending),
        secret_box=codec.seal("pending.secret", m.secret, m.pending),
        kdf_box=kdf,
        contact_box=codec.seal("pending.contact", m.contact, m.pending),
        created_ms=m.time_ms,
    )
    return [row]


def _pending_gone(_codec: Codec, m: c.PendingGone) -> Rows:
    code = delete("code", kind=CODE_KINDS["activate"], subject=m.pending)
    return [code, delete("pending", id=m.pending)]


def _contact_set(codec: Codec, m: c.ContactSet) -> Rows:
    boxed = None if m.contact is None else codec.seal("account.contact", m.contact, m.account)
    return [update("account", m.account, contact_box=boxed)]


def _code_made(_codec: Codec, m: c.CodeMade) -> Rows:
    row = replace(
        "code",
        kind=CODE_KINDS[m.kind],
        subject=m.subject,
        code_hash=m.code_hash,
        sent_ms=m.time_ms,
        expires_ms=m.expires_ms,
        tries=0,
    )
    return [row]


def _code_tried(_codec: Codec, m: c.CodeTried) -> Rows:
    return [(_TRIED, (m.tries, CODE_KINDS[m.kind], m.subject))]


def _code_gone(_codec: Codec, m: c.CodeGone) -> Rows:
    return [delete("code", kind=CODE_KINDS[m.kind], subject=m.subject)]


def _outgoing_queued(codec: Codec, m: c.OutgoingQueued) -> Rows:
    row = insert(
        "outgoing",
        id=m.outgoing,
        message_box=codec.seal("outgoing.message", m.message, m.outgoing),
        created_ms=m.time_ms,
        next_ms=m.time_ms,
        tries=0,
    )
    return [row]


def _outgoing_postponed(_codec: Codec, m: c.OutgoingPostponed) -> Rows:
    return [update("outgoing", m.outgoing, tries=m.tries, next_ms=m.next_ms)]


def _outgoing_gone(_codec: Codec, m: c.OutgoingGone) -> Rows:
    return [delete("outgoing", id=m.outgoing)]


def tidy_codes(db: apsw.Connection, now_ms: int) -> None:
    """Throw away registrations that were never activated, codes of yesterday, and those of names
    that nobody has, of which nobody has to be told that they have expired."""
    too_old = (now_ms - c.KEPT_MS,)
    db.execute(_CODES_OF_PENDING, too_old)
    db.execute("DELETE FROM pending WHERE created_ms <= ?", too_old)
    db.execute("DELETE FROM code WHERE expires_ms <= ?", too_old)
    db.execute("DELETE FROM code WHERE expires_ms <= ? AND subject >= ?", (now_ms, NOBODIES))


GATEWAY_WRITES: dict[type, Callable[[Codec, Any], Rows]] = {
    c.PendingMade: _pending_made,
    c.PendingGone: _pending_gone,
    c.ContactSet: _contact_set,
    c.CodeMade: _code_made,
    c.CodeTried: _code_tried,
    c.CodeGone: _code_gone,
    c.OutgoingQueued: _outgoing_queued,
    c.OutgoingPostponed: _outgoing_postponed,
    c.OutgoingGone: _outgoing_gone,
}
