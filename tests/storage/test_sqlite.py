"""The store: what is committed is read back, what fails leaves nothing, nothing is in the clear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from chatd.chat import changes as c
from chatd.chat.model import ERASED, Sent
from chatd.chat.ports import StoredMessage, StoredRoom, StoredUnread
from chatd.security.keys import ServerKey
from chatd.storage import sqlite
from chatd.storage.codec import Codec
from chatd.storage.database import open_database
from chatd.storage.journal import replay
from chatd.storage.sqlite import SqliteStore

KEY = ServerKey(bytes(range(32)))
ANN, BEN, OPS, DIRECT = 1, 2, 10, 11
TOKEN_HASH = bytes(32)

PEOPLE: list[c.Change] = [
    c.AccountMade(ANN, "annabel", "$argon2id$annabel", 1_000),
    c.AccountMade(BEN, "benedict", "$argon2id$benedict", 1_001),
]
IN_OPS: list[c.Change] = [
    *PEOPLE,
    c.RoomMade(OPS, "#operations", 1_002),
    c.MemberJoined(OPS, ANN, "owner", 0, 1_003),
    c.MemberJoined(OPS, BEN, "member", 0, 1_004),
]
SESSION = c.SessionMade(5, "publicident", ANN, 0, TOKEN_HASH, "192.0.2.99", 1_005)


def posted(seq: int, text: str, sender: int = ANN, conversation: int = OPS) -> c.MessagesPosted:
    return c.MessagesPosted(conversation, seq, 2_000 + seq, sender, [text])


def settle(folder: Path) -> None:
    """Put all messages into chunks."""
    codec = Codec(KEY)
    with closing(open_database(folder / "chatd.db", codec)) as db:
        replay(db, codec)


@asynccontextmanager
async def opened(folder: Path, *changes: c.Change) -> AsyncIterator[SqliteStore]:
    """A store with these changes committed."""
    store = SqliteStore(folder / "chatd.db", KEY)
    try:
        if changes:
            await store.commit(changes)
        yield store
    finally:
        await store.aclose()


async def test_accounts(tmp_path: Path) -> None:
    async with opened(tmp_path, *PEOPLE) as store:
        ann = await store.account_named("annabel")
        assert ann is not None
        assert (ann.id, ann.name, ann.secret, ann.level) == (ANN, "annabel", "$argon2id$annabel", 0)
        assert (await store.account(BEN)) is not None
        assert await store.account_named("nobody") is None
        assert await store.account(99) is None
        assert await store.credentials("annabel") == (ANN, "$argon2id$annabel", 0)
        assert await store.names([ANN, BEN, 99]) == {ANN: "annabel", BEN: "benedict"}


async def test_a_new_secret_ends_the_other_sessions(tmp_path: Path) -> None:
    other = c.SessionMade(6, "otherident", ANN, 0, b"o" * 32, "", 1_006)
    async with opened(tmp_path, *PEOPLE, SESSION, other) as store:
        await store.commit([c.SecretSet(ANN, "rehashed", 0, None)])
        assert len(await store.sessions(ANN, 0, 10)) == 2
        await store.commit([c.SecretSet(ANN, "changed", 1, 5)])
        assert await store.credentials("annabel") == (ANN, "changed", 1)
        (kept,) = await store.sessions(ANN, 0, 10)
        assert (kept.id, kept.version) == (5, 1)
        assert await store.session(b"o" * 32) is None


async def test_sessions(tmp_path: Path) -> None:
    async with opened(tmp_path, *PEOPLE, SESSION) as store:
        found = await store.session(TOKEN_HASH)
        assert found is not None
        assert (found.id, found.public_id, found.account) == (
            5,
            "publicident",
            ANN,
        )
        assert await store.names([found.account]) == {ANN: "annabel"}
        assert (found.created_ms, found.used_ms, found.address) == (1_005, 1_005, "192.0.2.99")
        await store.commit([c.SessionUsed(5, "::1", 9_000)])
        listed = await store.session_listed(ANN, "publicident")
        assert listed is not None and (listed.used_ms, listed.address) == (9_000, "::1")
        assert await store.session_listed(BEN, "publicident") is None
        assert await store.sessions(ANN, 5, 10) == []
        await store.commit([c.SessionEnded(5)])
        assert await store.session(TOKEN_HASH) is None


async def test_rooms(tmp_path: Path) -> None:
    settings = c.RoomSet(OPS, "the topic", private=True, history=False, level=3)
    async with opened(tmp_path, *IN_OPS, settings, c.BanSet(OPS, 77, banned=True)) as store:
        room = await store.room_named("#operations")
        assert room is not None
        assert (room.id, room.name, room.topic) == (OPS, "#operations", "the topic")
        assert (room.private, room.history, room.level, room.bans) == (True, False, 3, {77})
        assert [(a, m.role) for a, m in room.members.items()] == [(ANN, "owner"), (BEN, "member")]
        ann = await store.account(ANN)
        assert ann is not None and ann.rooms == {OPS}
        await store.commit([c.RoleSet(OPS, BEN, "moderator"), c.BanSet(OPS, 77, banned=False)])
        await store.commit([c.MemberLeft(OPS, ANN), c.SeqReserved(OPS, 500)])
        room = await store.room(OPS)
        assert room is not None
        assert ({BEN}, set(), 500) == (set(room.members), room.bans, room.last_seq)
        assert room.members[BEN].role == "moderator"


async def test_which_rooms_are_listed(tmp_path: Path) -> None:
    hidden: list[c.Change] = [
        c.RoomMade(20, "#private", 1),
        c.RoomSet(20, "", private=True, history=True, level=0),
        c.RoomMade(21, "#high", 1),
        c.RoomSet(21, "up here", private=False, history=True, level=5),
    ]
    async with opened(tmp_path, *IN_OPS, *hidden) as store:
        ops = StoredRoom(OPS, "#operations", "", 2, joined=True)
        high = StoredRoom(21, "#high", "up here", 0, joined=False)
        assert await store.rooms(ANN, 0, 0, 10) == [ops]
        assert await store.rooms(ANN, 5, 0, 10) == [ops, high]
        assert await store.rooms(ANN, 5, OPS, 10) == [high]
        await store.commit([c.MemberJoined(20, ANN, "owner", 0, 1)])
        assert [room.name for room in await store.rooms(ANN, 0, 0, 10)] == [
            "#operations",
            "#private",
        ]


async def test_who_joins_again_is_the_youngest_member(tmp_path: Path) -> None:
    again: list[c.Change] = [c.MemberLeft(OPS, ANN), c.MemberJoined(OPS, ANN, "member", 0, 9)]
    async with opened(tmp_path, *IN_OPS, *again):
        pass
    async with opened(tmp_path, c.AccountMade(3, "carol", "", 1)) as store:
        await store.commit([c.MemberJoined(OPS, 3, "member", 0, 9)])
        room = await store.room(OPS)
        assert room is not None and list(room.members) == [BEN, ANN, 3]


async def test_history_and_unread(tmp_path: Path) -> None:
    said = [posted(seq, f"text {seq}", ANN if seq % 2 else BEN) for seq in (1, 2, 4, 5)]
    async with opened(tmp_path, *IN_OPS, *said) as store:
        assert await store.history(OPS, 0, 6, 10) == [
            StoredMessage(1, 2_001, "annabel", "text 1"),
            StoredMessage(2, 2_002, "benedict", "text 2"),
            StoredMessage(4, 2_004, "benedict", "text 4"),
            StoredMessage(5, 2_005, "annabel", "text 5"),
        ]
        assert [m.seq for m in await store.history(OPS, 1, 5, 10)] == [2, 4]
        assert [m.seq for m in await store.history(OPS, 0, 6, 2)] == [1, 2]
        assert await store.history_start(OPS, 6, 2) == 4
        assert await store.history_start(OPS, 6, 0) == 0
        assert await store.history_start(99, 6, 2) == 0
        assert await store.unread(BEN) == [StoredUnread("#operations", 2, 1, 5)]
        await store.commit([c.SeenSet(OPS, BEN, 4), c.SeenSet(OPS, BEN, 2)])
        assert await store.unread(BEN) == [StoredUnread("#operations", 1, 5, 5)]


async def test_a_page_of_history_is_never_empty_and_never_huge(tmp_path: Path) -> None:
    said = [posted(seq, "x" * 30_000) for seq in range(1, 31)]
    async with opened(tmp_path, *IN_OPS, *said) as store:
        page = await store.history(OPS, 0, 31, 30)
        assert 0 < len(page) < 30
        assert [m.seq for m in page] == list(range(1, len(page) + 1))


async def test_direct_conversations(tmp_path: Path) -> None:
    made = c.DirectMade(DIRECT, ANN, "annabel", BEN, "benedict")
    alone = c.DirectMade(12, ANN, "annabel", ANN, "annabel")
    said = [posted(1, "hello", BEN, DIRECT), posted(1, "note", ANN, 12)]
    async with opened(tmp_path, *PEOPLE, made, alone, *said) as store:
        direct = await store.direct(ANN, BEN)
        assert direct is not None and (direct.id, direct.last_seq) == (DIRECT, 1)
        assert await store.direct(BEN, BEN) is None
        assert await store.unread(ANN) == [StoredUnread("benedict", 1, 1, 1)]
        assert await store.unread(BEN) == []
        ann = await store.account(ANN)
        assert ann is not None and ann.rooms == set()


async def test_invites_and_blocks(tmp_path: Path) -> None:
    more: list[c.Change] = [c.InviteSet(OPS, BEN, ANN), c.BlockSet(ANN, BEN, on=True)]
    async with opened(tmp_path, *IN_OPS, *more) as store:
        ann, ben = await store.account(ANN), await store.account(BEN)
        assert ann is not None and ann.blocked == {BEN}
        assert ben is not None and ben.invites == {OPS}
        assert await store.invites(BEN) == [("#operations", "annabel")]
        await store.commit([c.InviteSet(OPS, BEN, None), c.BlockSet(ANN, BEN, on=False)])
        ann, ben = await store.account(ANN), await store.account(BEN)
        assert ann is not None and ann.blocked == set()
        assert ben is not None and ben.invites == set()


async def test_send_ids(tmp_path: Path) -> None:
    message = c.MessagesPosted(OPS, 3, 2_003, ANN, ["once"], ("client id", b"d" * 16))
    async with opened(tmp_path, *IN_OPS, message) as store:
        sent = Sent(OPS, b"d" * 16, 3, 2_003)
        assert await store.sent(ANN, "client id") == sent
        assert await store.sent(BEN, "client id") is None
        ids = await store.sent_ids(ANN)
        assert (ids.account, ids.complete, ids.known) == (ANN, True, {"client id": sent})
        await store.tidy(2_003 + 48 * 3_600_000)
        assert await store.sent(ANN, "client id") == sent
        await store.tidy(2_004 + 48 * 3_600_000)
        assert await store.sent(ANN, "client id") is None


async def test_an_erased_account_leaves_what_it_wrote_and_its_name_taken(tmp_path: Path) -> None:
    own: list[c.Change] = [
        c.DirectMade(DIRECT, ANN, "annabel", BEN, "benedict"),
        c.DirectMade(12, ANN, "annabel", ANN, "annabel"),
        SESSION,
        c.BlockSet(ANN, BEN, on=True),
        c.BlockSet(BEN, ANN, on=True),
        c.MessagesPosted(OPS, 1, 2_001, ANN, ["mine"], ("client id", b"d" * 16)),
        posted(1, "note to myself", ANN, 12),
        posted(1, "dear ben", ANN, DIRECT),
    ]
    async with opened(tmp_path, *IN_OPS, *own) as store:
        await store.commit([c.MemberLeft(OPS, ANN), c.AccountErased(ANN)])
        ann = await store.account_named("annabel")
        assert ann is not None and ann.erased and ann.secret == ""
        assert await store.credentials("annabel") is None
        assert (await store.sessions(ANN, 0, 10), await store.sent(ANN, "client id")) == ([], None)
        assert [m.sender for m in await store.history(OPS, 0, 9, 9)] == [ERASED]
        assert [m.sender for m in await store.history(DIRECT, 0, 9, 9)] == [ERASED]
        ben = await store.account(BEN)
        assert ben is not None and ben.blocked == set()
        await store.tidy(3_000)
        assert await store.history(12, 0, 9, 9) == []


async def test_a_room_that_is_gone_is_deleted_bit_by_bit_and_its_id_never_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "DOOMED_CHUNKS_MAX", 2)
    said = [posted(seq, "text") for seq in range(1, 400)]
    gone: list[c.Change] = [c.MemberLeft(OPS, ANN), c.MemberLeft(OPS, BEN), c.RoomGone(OPS)]
    async with opened(tmp_path, *IN_OPS, *said):
        pass
    settle(tmp_path)
    async with opened(tmp_path, posted(400, "not in a chunk yet")) as store:
        await store.commit(gone)
        assert await store.room_named("#operations") is None
        await store.commit([c.RoomMade(OPS + 1, "#operations", 1)])
        room = await store.room_named("#operations")
        assert room is not None and (room.id, room.last_seq) == (OPS + 1, 0)
        await store.tidy(3_000)
        assert await store.history(OPS, 0, 9_999, 1) != []
        await store.tidy(3_000)
        assert await store.history(OPS, 0, 9_999, 1) == []
        await store.commit([c.RoomGone(OPS + 1)])
        await store.tidy(3_000)
    async with opened(tmp_path) as store:
        assert store.highest.conversation == OPS + 1


async def test_sessions_that_were_idle_too_long_are_thrown_away(tmp_path: Path) -> None:
    async with opened(tmp_path, *PEOPLE, SESSION) as store:
        month_ms = 30 * 24 * 3_600_000
        await store.tidy(1_005 + month_ms)
        assert await store.session(TOKEN_HASH) is not None
        await store.tidy(1_006 + month_ms)
        assert await store.session(TOKEN_HASH) is None


async def test_what_comes_after_a_login_is_heard_live_and_not_announced(tmp_path: Path) -> None:
    first, second = (c.MessagesPosted(OPS, seq, 2_000 + seq, ANN, ["news"], None) for seq in (1, 2))
    async with opened(tmp_path, *IN_OPS, first) as store:
        at_login = store.latest
        await store.commit([second])
        assert await store.unread(BEN, at_login) == [StoredUnread("#operations", 1, 1, 1)]
        assert await store.unread(BEN) == [StoredUnread("#operations", 2, 1, 2)]
    async with opened(tmp_path) as store:
        assert store.latest == at_login + 1
