"""How each change of the ledger becomes rows. Runs in the writer's thread, inside a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import apsw

from chatd.chat import changes as c
from chatd.chat.model import RANK, Sent
from chatd.protocol.kdf import NONE

from .codec import Codec
from .device_writes import DEVICE_WRITES
from .gateway_writes import CODE_KINDS, GATEWAY_WRITES
from .journal import Journal
from .recent import Recent
from .rows import Row, Rows, delete, insert, replace, update

_SENT = "INSERT OR REPLACE INTO sent (account, id_tag, time_ms, sent_box) VALUES (?, ?, ?, ?)"


# The places of members only ever grow; the highest stands where SQLite keeps its own such numbers.
_PLACE = "SELECT seq FROM sqlite_sequence WHERE name = 'member'"
_PLACE_SET = "UPDATE sqlite_sequence SET seq = ? WHERE name = 'member'"


class Writer:
    """Writes changes through one connection."""

    def __init__(self, db: apsw.Connection, codec: Codec, recent: Recent | None = None) -> None:
        self._db = db
        self._codec = codec
        self.recent = Recent() if recent is None else recent
        self._journal = Journal(db, codec, self.recent)
        self._place: int = db.execute(_PLACE).get
        self._gone: list[int] = []

    @property
    def latest(self) -> int:
        """The number of the latest commit of messages."""
        return self._journal.latest

    def write(self, changes: Sequence[c.Change], only: bool = False) -> None:
        """All changes in one transaction, synced. `only`: without moving earlier messages as well,
        which takes room. apsw.Error: it failed, and nothing is kept."""
        self._gone.clear()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            posted = self._all(changes)
            turn = self._journal.write(posted, only) if posted else None
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        if turn is not None:
            self._journal.settle(turn)
        self.recent.drop(self._gone)

    def _all(self, changes: Sequence[c.Change]) -> list[c.MessagesPosted]:
        """Everything but the messages themselves, which it returns."""
        posted: list[c.MessagesPosted] = []
        place = self._place
        for kind, run in groupby(changes, type):
            if kind is c.MessagesPosted:
                posted += self._ids_kept(list(run))  # type: ignore[arg-type]
            else:
                self._others(kind, run)
        if self._place != place:
            self._db.execute(_PLACE_SET, (self._place,))
        return posted

    def _ids_kept(self, posted: list[c.MessagesPosted]) -> list[c.MessagesPosted]:
        if once := [self._sent(m) for m in posted if m.once is not None]:
            self._db.executemany(_SENT, once)
        return posted

    def _sent(self, m: c.MessagesPosted) -> tuple[Any, ...]:
        assert m.once is not None
        client_id, digest = m.once
        box = self._codec.seal_sent(
            m.sender, client_id, Sent(m.conversation, digest, m.seq, m.time_ms)
        )
        return m.sender, self._codec.sent_tag(m.sender, client_id), m.time_ms, box

    def _others(self, kind: type, run: Any) -> None:
        for change in run:
            for sql, bindings in self._rows(kind, change):
                self._db.execute(sql, bindings)

    def _rows(self, kind: type, change: Any) -> Rows:
        if (write := _WRITES.get(kind)) is not None:
            return write(self, change)
        return _CODED[kind](self._codec, change)

    def _account_made(self, m: c.AccountMade) -> Rows:
        row = insert(
            "account",
            id=m.account,
            name_hash=self._codec.user_hash(m.name),
            name_box=self._codec.seal("account.name", m.name, m.account),
            secret_box=self._secret(m),
            kdf_box=self._kdf(m.account, m.kdf),
            created_ms=m.time_ms,
        )
        return [row]

    def _secret(self, m: c.AccountMade | c.SecretSet) -> bytes:
        return self._codec.seal("account.secret", m.secret, m.account)

    def _kdf(self, account: int, kdf: str) -> bytes | None:
        return None if kdf == NONE else self._codec.seal("account.kdf", kdf, account)

    def _secret_set(self, m: c.SecretSet) -> Rows:
        rows = [update("account", m.account, secret_box=self._secret(m), version=m.version)]
        if m.kdf is not None:
            rows.append(update("account", m.account, kdf_box=self._kdf(m.account, m.kdf)))
        if m.keep is not None:
            others = ("DELETE FROM session WHERE account = ? AND id <> ?", (m.account, m.keep))
            rows += [others, update("session", m.keep, version=m.version)]
        return rows

    def _account_erased(self, m: c.AccountErased) -> Rows:
        mine = [delete(table, account=m.account) for table in _OWN]
        empty = dict.fromkeys(("name_box", "secret_box", "kdf_box", "contact_box"))
        return [
            update("account", m.account, **empty, level=0),
            *mine,
            delete("code", kind=CODE_KINDS["recover"], subject=m.account),
            delete("block", blocked=m.account),
            (_DOOM_LONELY, (m.account, m.account)),
            delete("member", account=m.account),
        ]

    def _vault_stored(self, m: c.VaultStored) -> Rows:
        boxed = self._codec.seal("vault.blob", m.blob, m.account, m.version)
        return [replace("vault", account=m.account, version=m.version, blob_box=boxed)]

    def _keys_published(self, m: c.KeysPublished) -> Rows:
        row = m.account, m.version
        published = replace(
            "identity",
            account=m.account,
            version=m.version,
            thumbprint_box=self._codec.seal("identity.thumbprint", m.thumbprint, *row),
            keys_box=self._codec.seal("identity.keys", m.jwks, *row),
        )
        return [published]

    def _session_made(self, m: c.SessionMade) -> Rows:
        row = insert(
            "session",
            id=m.session,
            public_tag=self._codec.session_tag(m.account, m.public_id),
            public_box=self._codec.seal("session.public", m.public_id, m.session),
            account=m.account,
            version=m.version,
            token_hash=m.token_hash,
            created_ms=m.time_ms,
            used_ms=m.time_ms,
            address_box=self._codec.seal("session.address", m.address, m.session),
            device=m.device,
        )
        return [row]

    def _session_used(self, m: c.SessionUsed) -> Rows:
        address = self._codec.seal("session.address", m.address, m.session)
        return [update("session", m.session, used_ms=m.time_ms, address_box=address)]

    def _session_ended(self, m: c.SessionEnded) -> Rows:
        return [delete("session", id=m.session)]

    def _room_made(self, m: c.RoomMade) -> Rows:
        row = insert(
            "conversation",
            id=m.room,
            name_hash=self._codec.room_hash(m.name),
            name_box=self._codec.seal("conversation.name", m.name, m.room),
            created_ms=m.time_ms,
        )
        return [row]

    def _room_set(self, m: c.RoomSet) -> Rows:
        topic = self._codec.seal("conversation.topic", m.topic, m.room) if m.topic else None
        row = update(
            "conversation",
            m.room,
            topic_box=topic,
            private=m.private,
            history=m.history,
            level=m.level,
            e2e=m.e2e,
        )
        return [row]

    def _room_gone(self, m: c.RoomGone) -> Rows:
        self._gone.append(m.room)
        return [
            delete("ban", room=m.room),
            delete("invite", room=m.room),
            delete("conversation", id=m.room),
            insert("doomed", conversation=m.room),
        ]

    def _seq_reserved(self, m: c.SeqReserved) -> Rows:
        return [update("conversation", m.conversation, ceiling=m.ceiling)]

    def _direct_made(self, m: c.DirectMade) -> Rows:
        name_hash = self._codec.direct_hash(m.low, m.high)
        sides = {m.low: m.high_name, m.high: m.low_name}
        return [
            insert("conversation", id=m.direct, name_hash=name_hash, created_ms=0),
            *(self._member(m.direct, side, None, 0, label) for side, label in sides.items()),
        ]

    def _member_joined(self, m: c.MemberJoined) -> Rows:
        return [self._member(m.room, m.account, RANK[m.role], m.seen, None)]

    def _member(
        self, conversation: int, account: int, role: int | None, seen: int, label: str | None
    ) -> Row:
        self._place += 1
        box = None
        if label is not None:
            box = self._codec.seal("member.label", label, conversation, account)
        return insert(
            "member",
            conversation=conversation,
            account=account,
            place=self._place,
            role=role,
            seen=seen,
            label_box=box,
        )

    def _role_set(self, m: c.RoleSet) -> Rows:
        sql = "UPDATE member SET role = ? WHERE conversation = ? AND account = ?"
        return [(sql, (RANK[m.role], m.room, m.account))]

    def _member_left(self, m: c.MemberLeft) -> Rows:
        return [delete("member", conversation=m.room, account=m.account)]

    def _seen_set(self, m: c.SeenSet) -> Rows:
        sql = "UPDATE member SET seen = max(seen, ?) WHERE conversation = ? AND account = ?"
        return [(sql, (m.seq, m.conversation, m.account))]

    def _ban_set(self, m: c.BanSet) -> Rows:
        change = insert if m.banned else delete
        return [change("ban", room=m.room, account=m.account)]

    def _invite_set(self, m: c.InviteSet) -> Rows:
        if m.by is None:
            return [delete("invite", account=m.account, room=m.room)]
        return [insert("invite", account=m.account, room=m.room, inviter=m.by)]

    def _block_set(self, m: c.BlockSet) -> Rows:
        change = insert if m.on else delete
        return [change("block", account=m.account, blocked=m.blocked)]


# Direct conversations that nobody else takes part in any more.
_DOOM_LONELY = """
    INSERT OR IGNORE INTO doomed SELECT id FROM conversation
    WHERE name_box IS NULL AND id IN (SELECT conversation FROM member WHERE account = ?)
    AND NOT EXISTS (
        SELECT 1 FROM member other WHERE other.conversation = conversation.id AND other.account <> ?
    )
"""
_OWN = ("session", "sent", "ban", "invite", "block", "vault", "identity", "device")
_CODED = {**DEVICE_WRITES, **GATEWAY_WRITES}

_WRITES: dict[type, Callable[[Writer, Any], Rows]] = {
    c.AccountMade: Writer._account_made,
    c.SecretSet: Writer._secret_set,
    c.AccountErased: Writer._account_erased,
    c.VaultStored: Writer._vault_stored,
    c.KeysPublished: Writer._keys_published,
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
