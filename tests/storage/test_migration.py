"""A database of every older version opens, and nothing of it is lost."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from chatd.chat import changes as c
from chatd.chat.model import ERASED, Sent
from chatd.chat.ports import StoredMessage, StoredUnread
from chatd.storage.codec import Codec
from chatd.storage.database import SCHEMA_VERSION, open_database
from chatd.storage.sqlite import SqliteStore
from chatd.storage.tables import fresh, shape
from tests.storage.frozen import KEY, TOKEN_HASH, dump


@pytest.fixture(params=range(1, SCHEMA_VERSION + 1))
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A database as some version left it."""
    path = tmp_path / "chatd.db"
    with closing(apsw.Connection(str(path))) as db:
        db.execute(dump(request.param).read_text())
    return path


def test_it_has_the_current_schema_once_it_is_opened(old: Path) -> None:
    with closing(open_database(old, Codec(KEY))) as db, closing(fresh()) as new:
        assert db.pragma("user_version") == SCHEMA_VERSION
        assert shape(db) == shape(new)
        assert db.pragma("integrity_check") == "ok"


async def test_everything_is_still_there(old: Path) -> None:
    store = SqliteStore(old, KEY)
    try:
        ann, carol = await store.account_named("annabel"), await store.account_named("carol")
        assert ann is not None and (ann.secret, ann.rooms) == ("$argon2id$annabel", {1})
        assert carol is not None and carol.erased
        session = await store.session(TOKEN_HASH)
        assert session is not None and (session.account, session.address) == (ann.id, "192.0.2.99")
        assert await store.names([session.account]) == {ann.id: "annabel"}
        room = await store.room_named("#operations")
        assert room is not None
        assert (room.topic, room.private, room.level, room.last_seq) == ("the topic", True, 2, 21)
        assert [(a, m.role) for a, m in room.members.items()] == [(1, "owner"), (2, "moderator")]
        assert await store.history(1, 0, 99, 9) == [StoredMessage(21, 2_001, "annabel", "a text")]
        assert await store.unread(2) == [StoredUnread("#operations", 1, 21, 21)]
        assert await store.unread(1) == [StoredUnread("benedict", 1, 1, 1)]
        assert await store.sent(1, "client id") == Sent(1, b"digest of text..", 21, 2_001)
        assert await store.names([3]) == {}
        assert store.highest.conversation == 3
        await store.tidy(3_000)
        await store.commit([c.MessagesPosted(1, 22, 3_000, 3, ["from who is gone"])])
        assert [m.sender for m in await store.history(1, 21, 99, 9)] == [ERASED]
    finally:
        await store.aclose()
