"""A database of every older version opens, and nothing of it is lost."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from chatd.chat import changes as c
from chatd.chat.model import ERASED, Sent
from chatd.chat.ports import StoredKeys, StoredMessage, StoredUnread, StoredVault
from chatd.storage.codec import Codec
from chatd.storage.database import SCHEMA_VERSION, open_database
from chatd.storage.sqlite import SqliteStore
from chatd.storage.tables import fresh, shape
from tests.storage.frozen import KDF, KEY, TOKEN_HASH, dump


@pytest.fixture(params=range(1, SCHEMA_VERSION + 1))
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A database as some version left it."""
    return restored(tmp_path, request.param)


def restored(folder: Path, version: int) -> Path:
    path = folder / "chatd.db"
    with closing(apsw.Connection(str(path))) as db:
        db.execute(dump(version).read_text())
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
        assert store.highest.conversation in (3, 4)
        await store.tidy(3_000)
        await store.commit([c.MessagesPosted(1, 22, 3_000, 3, ["from who is gone"])])
        assert [m.sender for m in await store.history(1, 21, 99, 9)] == [ERASED]
    finally:
        await store.aclose()


async def test_what_came_with_version_3(tmp_path: Path) -> None:
    store = SqliteStore(restored(tmp_path, 3), KEY)
    try:
        assert [await store.kdf(name) for name in ("annabel", "benedict")] == ["none", KDF]
        assert await store.vault(1) == StoredVault(2, "sealed again")
        benedict = StoredKeys(1, "thumbprint of benedict", "keys of benedict")
        assert [await store.keys(one) for one in (1, 2, 3)] == [None, benedict, None]
        assert await store.vault(3) is None
        ann, ben = await store.account(1), await store.account(2)
        assert ann is not None and (ann.vault_version, ann.keys_version) == (2, 0)
        assert ben is not None and (ben.vault_version, ben.keys_version) == (0, 1)
        rooms = [await store.room_named(name) for name in ("#operations", "#sealed")]
        assert [room is not None and room.e2e for room in rooms] == [False, True]
    finally:
        await store.aclose()


async def test_an_older_one_has_none_of_it_and_takes_it(old: Path) -> None:
    store = SqliteStore(old, KEY)
    try:
        await store.commit([c.VaultStored(1, 9, "new"), c.KeysPublished(1, 8, "t", "k")])
        await store.commit([c.SecretSet(1, "$argon2id$new", 1, 7, KDF)])
        assert (await store.vault(1), await store.kdf("annabel")) == (StoredVault(9, "new"), KDF)
        assert await store.keys(1) == StoredKeys(8, "t", "k")
    finally:
        await store.aclose()
