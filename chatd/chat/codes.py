"""Codes that are sent to people and given back: made, judged, and counted where they are wrong.

Whoever asks learns nothing about a name that is not theirs: for one that nobody has, the same is
stored and compared, under a number that only this name has.
"""

from __future__ import annotations

import hmac

import msgspec

from chatd.protocol.errors import ChatError, Code
from chatd.security.tokens import new_code, random_hash

from . import gateway_changes as changes
from .chat import Chat
from .gateway import WAITING_MAX, Letter
from .gateway_changes import KEPT_MS, CodeKind
from .model import OneCode, PendingAccount

TRIES_MAX = 5


def denied() -> ChatError:
    """One and the same, whatever was wrong."""
    return ChatError(
        Code.DENIED, f"Wrong user or code, or {TRIES_MAX} wrong tries; RESET|user sends another."
    )


def _expired() -> ChatError:
    return ChatError(Code.EXPIRED, "This code has expired; RESET|user sends another.")


def waiting(chat: Chat, name: str) -> PendingAccount | None:
    """The registration of that name that waits for its code, if its time is not up."""
    found = chat.directory.pending_named(name)
    if found is None or found.gone or chat.clock.now_ms() - found.created_ms >= KEPT_MS:
        return None
    return found


def make_way(chat: Chat, name: str) -> None:
    """Remove a registration of that name whose time is up."""
    if (old := chat.directory.pending_named(name)) is not None:
        chat.directory.forget(old)
        if not old.gone:
            chat.ledger.store(changes.PendingGone(old.id))


def demand_room(chat: Chat) -> None:
    """UNAVAILABLE where too much is on its way out already."""
    if chat.gateway.waiting >= WAITING_MAX:
        raise ChatError(Code.UNAVAILABLE, "Too many messages wait to be sent; try again later.")


def send_code(chat: Chat, kind: CodeKind, subject: int, user: str, contact: str | None) -> None:
    """Replace the code of an account or a registration, and have the new one sent. Where there is
    no contact, all is done alike, and nobody can know the code."""
    now_ms, code = chat.clock.now_ms(), new_code()
    expires_ms = now_ms + chat.rules.code_seconds * 1000
    hashed = chat.archive.code_hash(kind, subject, expires_ms, code)
    if contact is None:
        hashed = random_hash()
    _keep(chat, OneCode(kind, subject, hashed, now_ms, expires_ms))
    letter = msgspec.json.encode(Letter(contact, kind, user, code, expires_ms)).decode()
    chat.ledger.store(changes.OutgoingQueued(chat.ids.outgoing(), letter, now_ms))
    chat.gateway.waiting += 1
    chat.ledger.then(_wake, chat)


def right_code(
    chat: Chat, kind: CodeKind, subject: int, typed: str
) -> tuple[OneCode, ChatError | None]:
    """The code, and what is wrong with what was typed: DENIED, or EXPIRED to who knew it; that is
    counted, and the count stored before it can be told."""
    now_ms = chat.clock.now_ms()
    code = chat.directory.code(kind, subject)
    if code is None or code.gone:  # as much is stored as if there were one
        return _keep(chat, OneCode(kind, subject, random_hash(), now_ms, now_ms)), denied()
    hashed = chat.archive.code_hash(kind, subject, code.expires_ms, typed)
    right = hmac.compare_digest(hashed, code.code_hash) and code.tries < TRIES_MAX
    if right and now_ms < code.expires_ms:
        return code, None
    code.tries += 1
    chat.ledger.store(changes.CodeTried(kind, subject, code.tries), code)
    return code, _expired() if right else denied()


def use(chat: Chat, code: OneCode) -> None:
    """It is good no more."""
    code.gone = True
    chat.ledger.store(changes.CodeGone(code.kind, code.subject), code)


def _keep(chat: Chat, code: OneCode) -> OneCode:
    kept: OneCode = chat.directory.replace(code)
    made = changes.CodeMade(kept.kind, kept.subject, kept.code_hash, kept.sent_ms, kept.expires_ms)
    chat.ledger.store(made, kept)
    return kept


def _wake(chat: Chat) -> None:
    chat.gateway.wake()
