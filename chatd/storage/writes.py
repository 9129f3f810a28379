"""How each change of the ledger becomes rows. Runs in the writer's thread, inside a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import apsw

from chatd.chat import changes as c
from chatd.chat.model import RANK, Sent

from .codec import Codec

Rows = list[tuple[Any, ...]]

_MESSAGE = (
    "INSERT INTO message (conversation, seq, sender_tag, time_ms, body_box) VALUES (?, ?, ?, ?, ?)"
)
_SENT = "INSERT OR REPLACE INTO sent (account, id_tag, time_ms, sent_box) VALUES (?, ?, ?, ?)"


class Writer:
    """Writes changes through one connection."""

    def __init__(self, db: apsw.Connection, codec: Codec) -> None:
        self._db = db
        self._codec = codec
        self._place: int = db.execute("SELECT coalesce(max(place), 0) FROM member").get

    def write(self, changes: Sequence[c.Change]) -> None:
        """All changes in one transaction, synced. apsw.Error where it failed and nothing is kept."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for kind, run in groupby(changes, type):
                if kind is c.MessagePosted:
                    self._messages(list(run))  # type: ignore[arg-type]
                else:
                    self._others(kind, run)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _messages(self, messages: list[c.MessagePosted]) -> None:
        tag, seal = self._codec.sender_tag, self._codec.seal_message
        self._db.executemany(
            _MESSAGE,
            [
                (
                    m.conversation,
                    m.seq,
                    tag(m.conversation, m.sender),
                    m.time_ms,
                    seal(m.conversation, m.seq, m.time_ms, m.sender, m.text),
                )
                for m in messages
            ],
        )
        if once := [self._sent(m) for m in messages if m.once is not None]:
            self._db.executemany(_SENT, once)

    def _sent(self, m: c.MessagePosted) -> tuple[Any, ...]:
        assert m.once is not None
        client_id, digest = m.once
        box = self._codec.seal_sent(
            m.sender, client_id, Sent(m.conversation, digest, m.seq, m.time_ms)
        )
        return m.sender, self._codec.sent_tag(m.sender, client_id), m.time_ms, box

    def _others(self, kind: type, run: Any) -> None:
        write = _WRITES[kind]
        for change in run:
            for sql, bindings in write(self, change):
                self._db.execute(sql, bindings)

    def _account_made(self, m: c.AccountMade) -> Rows:
        code = self._codec
        name, secret = code.seal("account.name", m.name, m.account), self._secret(m)
        return [
            (
                "INSERT INTO account (id, name_hash, name_box, secret_box, created_ms)"
                " VALUES (?, ?, ?, ?, ?)",
                (m.account, code.user_hash(m.name), name, secret, m.time_ms),
            )
        ]

    def _secret(self, m: c.AccountMade | c.SecretSet) -> bytes:
        return self._codec.seal("account.secret", m.secret, m.account)

    def _secret_set(self, m: c.SecretSet) -> Rows:
        rows: Rows = [
            (
                "UPDATE account SET secret_box = ?, version = ? WHERE id = ?",
                (self._secret(m), m.version, m.account),
            )
        ]
        if m.keep is not None:
            rows += [
                ("DELETE FROM session WHERE account = ? AND id <> ?", (m.account, m.keep)),
                ("UPDATE session SET version = ? WHERE id = ?", (m.version, m.keep)),
            ]
        return rows

    def _account_erased(self, m: c.AccountErased) -> Rows:
        me = (m.account,)
        return [
            ("UPDATE account SET name_box = NULL, secret_box = NULL, level = 0 WHERE id = ?", me),
            *((f"DELETE FROM {table} WHERE account = ?", me) for table in _OWN),
            ("DELETE FROM block WHERE blocked = ?", me),
            ("INSERT OR IGNORE INTO doomed SELECT id FROM conversation"
             " WHERE name_box IS NULL AND id IN (SELECT conversation FROM member WHERE account = ?)"
             " AND NOT EXISTS (SELECT 1 FROM member o WHERE o.conversation = conversation.id"
             " AND o.account <> ?)", (m.account, m.account)),
            ("DELETE FROM member WHERE account = ?", me),
        ]

    def _session_made(self, m: c.SessionMade) -> Rows:
        code = self._codec
        return [
            (
                "INSERT INTO session (id, public_tag, public_box, account, version, token_hash,"
                " created_ms, used_ms, address_box) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    m.session,
                    code.session_tag(m.account, m.public_id),
                    code.seal("session.public", m.public_id, m.session),
                    m.account,
                    m.version,
                    m.token_hash,
                    m.time_ms,
                    m.time_ms,
                    code.seal("session.address", m.address, m.session),
                ),
            )
        ]

    def _session_used(self, m: c.SessionUsed) -> Rows:
        address = self._codec.seal("session.address", m.address, m.session)
        return [
            (
                "UPDATE session SET used_ms = ?, address_box = ? WHERE id = ?",
                (m.time_ms, address, m.session),
            )
        ]

    def _session_ended(self, m: c.SessionEnded) -> Rows:
        return [("DELETE FROM session WHERE id = ?", (m.session,))]

    def _room_made(self, m: c.RoomMade) -> Rows:
        name = self._codec.seal("conversation.name", m.name, m.room)
        return [
            (
                "INSERT INTO conversation (id, name_hash, name_box, created_ms)"
                " VALUES (?, ?, ?, ?)",
                (m.room, self._codec.room_hash(m.name), name, m.time_ms),
            )
        ]

    def _room_set(self, m: c.RoomSet) -> Rows:
        topic = self._codec.seal("conversation.topic", m.topic, m.room) if m.topic else None
        return [
            (
                "UPDATE conversation SET topic_box = ?, private = ?, history = ?, level = ?"
                " WHERE id = ?",
                (topic, m.private, m.history, m.level, m.room),
            )
        ]

    def _room_gone(self, m: c.RoomGone) -> Rows:
        it = (m.room,)
        return [
            ("DELETE FROM ban WHERE room = ?", it),
            ("DELETE FROM invite WHERE room = ?", it),
            ("DELETE FROM conversation WHERE id = ?", it),
            ("INSERT INTO doomed VALUES (?)", it),
        ]

    def _seq_reserved(self, m: c.SeqReserved) -> Rows:
        return [
            ("UPDATE conversation SET ceiling = ? WHERE id = ?", (m.ceiling, m.conversation)),
        ]

    def _direct_made(self, m: c.DirectMade) -> Rows:
        sides = {m.low: m.high_name, m.high: m.low_name}
        return [
            (
                "INSERT INTO conversation (id, name_hash, created_ms) VALUES (?, ?, 0)",
                (m.direct, self._codec.direct_hash(m.low, m.high)),
            ),
            *(self._member(m.direct, side, None, 0, label) for side, label in sides.items()),
        ]

    def _member_joined(self, m: c.MemberJoined) -> Rows:
        return [self._member(m.room, m.account, RANK[m.role], m.seen, None)]

    def _member(
        self, conversation: int, account: int, role: int | None, seen: int, label: str | None
    ) -> tuple[Any, ...]:
        self._place += 1
        row = (conversation, account)
        box = None if label is None else self._codec.seal("member.label", label, *row)
        return (
            "INSERT INTO member (conversation, account, place, role, seen, label_box)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*row, self._place, role, seen, box),
        )

    def _role_set(self, m: c.RoleSet) -> Rows:
        return [
            (
                "UPDATE member SET role = ? WHERE conversation = ? AND account = ?",
                (RANK[m.role], m.room, m.account),
            )
        ]

    def _member_left(self, m: c.MemberLeft) -> Rows:
        return [
            ("DELETE FROM member WHERE conversation = ? AND account = ?", (m.room, m.account)),
        ]

    def _seen_set(self, m: c.SeenSet) -> Rows:
        return [
            (
                "UPDATE member SET seen = max(seen, ?) WHERE conversation = ? AND account = ?",
                (m.seq, m.conversation, m.account),
            )
        ]

    def _ban_set(self, m: c.BanSet) -> Rows:
        if m.banned:
            return [("INSERT OR IGNORE INTO ban VALUES (?, ?)", (m.room, m.account))]
        return [("DELETE FROM ban WHERE room = ? AND account = ?", (m.room, m.account))]

    def _invite_set(self, m: c.InviteSet) -> Rows:
        row = (m.account, m.room)
        if m.by is None:
            return [("DELETE FROM invite WHERE account = ? AND room = ?", row)]
        box = self._codec.seal("invite.by", m.by, *row)
        return [("INSERT OR REPLACE INTO invite VALUES (?, ?, ?)", (*row, box))]

    def _block_set(self, m: c.BlockSet) -> Rows:
        row = (m.account, m.blocked)
        if m.on:
            return [("INSERT OR IGNORE INTO block VALUES (?, ?)", row)]
        return [("DELETE FROM block WHERE account = ? AND blocked = ?", row)]


_OWN = ("session", "sent", "ban", "invite", "block")

_WRITES: dict[type, Callable[[Writer, Any], Rows]] = {
    c.AccountMade: Writer._account_made,
    c.SecretSet: Writer._secret_set,
    c.AccountErased: Writer._account_erased,
    c.SessionMade: Writer._session_made,
    c.SessionUsed: Writer._session_used,
    c.SessionEnded: Writer._session_ended,
    c.RoomMade: Writer._room_made,
    c.RoomSet: Writer._room_set,
    c.RoomGone: Writer._room_gone,
    c.SeqReserved: Writer._seq_reserved,
    c.DirectMade: Writer._direct_made,
    c.MemberJoined: Writer._member_joined,
    c.RoleSet: Writer._role_set,
    c.MemberLeft: Writer._member_left,
    c.SeenSet: Writer._seen_set,
    c.BanSet: Writer._ban_set,
    c.InviteSet: Writer._invite_set,
    c.BlockSet: Writer._block_set,
}
