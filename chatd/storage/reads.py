"""How rows become what the rules ask for. Runs in a reader's thread, on a connection of its own."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import apsw

from chatd.chat.model import ERASED, Account, Direct, Member, Room, Sent, SentIds, Session
from chatd.chat.ports import StoredMessage, StoredRoom, StoredUnread
from chatd.protocol.fields import RoleWord

from .codec import Codec
from .device_reads import DeviceReads
from .gateway_reads import GatewayReads
from .messages import Messages
from .recent import Recent

SENT_IDS_LOADED_MAX = 5_000

_ROLES: tuple[RoleWord, ...] = ("member", "moderator", "owner")
_ACCOUNT = (
    "SELECT id, name_box, secret_box, level, version,"
    " (SELECT version FROM vault WHERE vault.account = account.id),"
    " (SELECT version FROM identity WHERE identity.account = account.id) FROM account"
)
_ACCOUNT_SETS = (
    "SELECT 0, conversation FROM member WHERE account = ?1 AND role IS NOT NULL"
    " UNION ALL SELECT 1, blocked FROM block WHERE account = ?1"
    " UNION ALL SELECT 2, room FROM invite WHERE account = ?1"
)
_ROOM = (
    "SELECT id, name_box, topic_box, private, history, level, e2e, ceiling FROM conversation"
    " WHERE name_box IS NOT NULL"
)
_MEMBERSHIPS = (
    "SELECT m.conversation, m.seen, c.name_box, m.label_box, (SELECT last_seq FROM chunk"
    " WHERE conversation = m.conversation ORDER BY first_seq DESC LIMIT 1)"
    " FROM member m JOIN conversation c ON c.id = m.conversation WHERE m.account = ?"
)
_SESSION = (
    "SELECT id, public_box, account, version, created_ms, used_ms, address_box, token_hash,"
    " device FROM session"
)


class Reader(DeviceReads, GatewayReads):
    """Reads through one connection; used by one thread at a time."""

    def __init__(self, db: apsw.Connection, codec: Codec, recent: Recent) -> None:
        super().__init__(db, codec)
        self._messages = Messages(db, codec, recent)

    def close(self) -> None:
        self._db.close()

    def snapshot(self) -> AbstractContextManager[None]:
        """All that is read within is as it was at one moment."""
        return self._messages.snapshot()

    def account_named(self, name: str) -> Account | None:
        found = self._one(f"{_ACCOUNT} WHERE name_hash = ?", self._codec.user_hash(name))
        return None if found is None else self._account(found, name)

    def account(self, account: int) -> Account | None:
        found = self._one(f"{_ACCOUNT} WHERE id = ?", account)
        return None if found is None else self._account(found, None)

    def _account(self, row: tuple[Any, ...], name: str | None) -> Account:
        id_, name_box, secret_box, level, version, vault_version, keys_version = row
        if name_box is None:
            return Account(id_, name or ERASED, "", erased=True)
        open_ = self._codec.open
        account = Account(
            id_,
            open_("account.name", name_box, id_),
            open_("account.secret", secret_box, id_),
            level,
            version,
            vault_version=vault_version or 0,
            keys_version=keys_version or 0,
        )
        sets = account.rooms, account.blocked, account.invites
        for kind, member in self._all(_ACCOUNT_SETS, id_):
            sets[kind].add(member)
        return account

    def room_named(self, name: str) -> Room | None:
        return self._room(self._one(f"{_ROOM} AND name_hash = ?", self._codec.room_hash(name)))

    def room(self, room: int) -> Room | None:
        return self._room(self._one(f"{_ROOM} AND id = ?", room))

    def _room(self, row: tuple[Any, ...] | None) -> Room | None:
        if row is None:
            return None
        id_, name, topic, private, history, level, e2e, ceiling = row
        open_ = self._codec.open
        room = Room(
            id_,
            last_seq=max(ceiling, self._messages.last_seq(id_)),
            ceiling=ceiling,
            name=open_("conversation.name", name, id_),
            topic=open_("conversation.topic", topic, id_) if topic else "",
            private=bool(private),
            history=bool(history),
            level=level,
            e2e=bool(e2e),
        )
        members = "SELECT account, role FROM member WHERE conversation = ? ORDER BY place"
        room.members = {a: Member(_ROLES[role]) for a, role in self._all(members, id_)}
        room.bans = {a for (a,) in self._all("SELECT account FROM ban WHERE room = ?", id_)}
        return room

    def direct(self, low: int, high: int) -> Direct | None:
        row = self._one(
            "SELECT id, ceiling FROM conversation WHERE name_hash = ?",
            self._codec.direct_hash(low, high),
        )
        if row is None:
            return None
        id_, ceiling = row
        last_seq = max(ceiling, self._messages.last_seq(id_))
        return Direct(id_, last_seq, ceiling, low=low, high=high)

    def session(self, token_hash: bytes) -> Session | None:
        return self._session(self._one(f"{_SESSION} WHERE token_hash = ?", token_hash))

    def session_and_account(self, token_hash: bytes) -> tuple[Session, Account] | None:
        session = self.session(token_hash)
        account = session and self.account(session.account)
        return (session, account) if session and account else None

    def session_listed(self, account: int, public_id: str) -> Session | None:
        tag = self._codec.session_tag(account, public_id)
        sql = f"{_SESSION} WHERE account = ? AND public_tag = ?"
        return self._session(self._one(sql, account, tag))

    def sessions(self, account: int, after: int, limit: int) -> list[Session]:
        sql = f"{_SESSION} WHERE account = ? AND id > ? ORDER BY id LIMIT ?"
        found = [self._session(row) for row in self._all(sql, account, after, limit)]
        return [session for session in found if session is not None]

    def _session(self, row: tuple[Any, ...] | None) -> Session | None:
        if row is None:
            return None
        id_, public, account, version, created_ms, used_ms, address, token_hash, device = row
        return Session(
            id_,
            self._codec.open("session.public", public, id_),
            account,
            version,
            created_ms,
            used_ms,
            self._codec.open("session.address", address, id_),
            token_hash,
            device,
        )

    def sent_ids(self, account: int) -> SentIds:
        sql = "SELECT time_ms, sent_box FROM sent WHERE account = ? LIMIT ?"
        rows = self._all(sql, account, SENT_IDS_LOADED_MAX)
        ids = SentIds(account, complete=len(rows) < SENT_IDS_LOADED_MAX)
        for time_ms, box in rows:
            client_id, sent = self._codec.open_sent(account, time_ms, box)
            ids.known[client_id] = sent
        return ids

    def sent(self, account: int, client_id: str) -> Sent | None:
        row = self._one(
            "SELECT time_ms, sent_box FROM sent WHERE account = ? AND id_tag = ?",
            account,
            self._codec.sent_tag(account, client_id),
        )
        return None if row is None else self._codec.open_sent(account, *row)[1]

    def history_start(self, conversation: int, before: int, limit: int) -> int:
        return self._messages.start(conversation, before, limit)

    def history(
        self, conversation: int, after: int, before: int, limit: int
    ) -> list[StoredMessage]:
        page = self._messages.page(conversation, after, before, limit)
        names = self.names({sender for _, _, sender, _ in page})
        return [StoredMessage(q, t, names.get(s, ERASED), text) for q, t, s, text in page]

    def unread(self, account: int, upto: int | None = None) -> list[StoredUnread]:
        found = []
        for conversation, seen, name, label, chunked in self._all(_MEMBERSHIPS, account):
            unread = self._messages.unread(conversation, account, seen, upto, chunked or 0)
            if unread is not None:
                called = self._label(conversation, account, name, label)
                found.append(StoredUnread(called, *unread))
        return sorted(found, key=lambda unread: unread.conversation)

    def _label(self, conversation: int, account: int, name: Any, label: Any) -> str:
        if name is not None:
            return self._codec.open("conversation.name", name, conversation)
        return self._codec.open("member.label", label, conversation, account)

    def invites(self, account: int) -> list[tuple[str, str]]:
        rows = self._all(
            "SELECT i.room, i.inviter, c.name_box FROM invite i"
            " JOIN conversation c ON c.id = i.room WHERE i.account = ?",
            account,
        )
        found = [(self._codec.open("conversation.name", name, room), by) for room, by, name in rows]
        names = self.names({by for _, by in found})
        return [(room, names.get(by, ERASED)) for room, by in found]

    def news(self, account: int, upto: int) -> tuple[list[StoredUnread], list[tuple[str, str]]]:
        return self.unread(account, upto), self.invites(account)

    def rooms(self, account: int, level: int, after: int, limit: int) -> list[StoredRoom]:
        rows = self._all(
            "SELECT c.id, c.name_box, c.topic_box, m.account IS NOT NULL,"
            " (SELECT count(*) FROM member WHERE conversation = c.id) FROM conversation c"
            " LEFT JOIN member m ON m.conversation = c.id AND m.account = ?"
            " WHERE c.id > ? AND c.name_box IS NOT NULL"
            " AND (m.account IS NOT NULL OR (NOT c.private AND c.level <= ?))"
            " ORDER BY c.id LIMIT ?",
            account,
            after,
            level,
            limit,
        )
        open_ = self._codec.open
        return [
            StoredRoom(
                id_,
                open_("conversation.name", name, id_),
                open_("conversation.topic", topic, id_) if topic else "",
                members,
                bool(joined),
            )
            for id_, name, topic, joined, members in rows
        ]

    def names(self, accounts: Iterable[int]) -> dict[int, str]:
        found = {}
        for account in accounts:
            row = self._one("SELECT name_box FROM account WHERE id = ?", account)
            if row is not None and row[0] is not None:
                found[account] = self._codec.open("account.name", row[0], account)
        return found

    def highest(self) -> tuple[int, ...]:
        """The highest ids of accounts, conversations (ever), sessions, devices, enrolments, pending
        registrations and outgoing messages."""
        row = self._one(
            "SELECT (SELECT max(id) FROM account),"
            " (SELECT seq FROM sqlite_sequence WHERE name = 'conversation'),"
            " (SELECT max(id) FROM session), (SELECT max(id) FROM device),"
            " (SELECT max(id) FROM enrolment), (SELECT max(id) FROM pending),"
            " (SELECT max(id) FROM outgoing)"
        )
        assert row is not None
        return tuple(highest or 0 for highest in row)
