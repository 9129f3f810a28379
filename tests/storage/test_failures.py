"""What is stored and cannot be read, written or moved: failures, other keys, stolen files."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest

from chatd.chat import changes as c
from chatd.chat.ports import Unavailable
from chatd.security.boxes import BoxError
from chatd.security.keys import ServerKey
from chatd.storage.codec import Codec
from chatd.storage.database import OpenError, open_database
from chatd.storage.journal import replay
from chatd.storage.reads import Reader
from chatd.storage.recent import Recent
from chatd.storage.sqlite import SqliteStore
from chatd.storage.tables import tables
from chatd.storage.writes import Writer
from tests.storage.test_sqlite import ANN, BEN, IN_OPS, KEY, OPS, SESSION, opened, posted, settle


async def test_a_commit_keeps_all_or_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, *IN_OPS) as store:
        with pytest.raises(Unavailable, match="Constraint"):
            await store.commit([posted(1, "half"), c.AccountMade(9, "annabel", "", 1)])
        assert await store.history(OPS, 0, 9, 9) == []
        assert await store.account(9) is None
        await store.commit([posted(1, "whole")])
        assert [m.text for m in await store.history(OPS, 0, 9, 9)] == ["whole"]


@contextmanager
def no_file_grows(bytes_max: int) -> Iterator[None]:
    """The system refuses to write beyond so many bytes of any file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_disk_that_takes_no_more_is_unavailable_and_then_recovers(tmp_path: Path) -> None:
    async with opened(tmp_path, *IN_OPS, posted(1, "before")) as store:
        big = [posted(seq, "x" * 30_000) for seq in range(2, 20)]
        with no_file_grows((tmp_path / "chatd.db-wal").stat().st_size):
            with pytest.raises(Unavailable):
                await store.commit(big)
            assert [m.text for m in await store.history(OPS, 0, 99, 99)] == ["before"]
        await store.commit([posted(2, "after")])
        assert [m.text for m in await store.history(OPS, 0, 99, 99)] == ["before", "after"]
    async with opened(tmp_path) as store:
        assert [m.text for m in await store.history(OPS, 0, 99, 99)] == ["before", "after"]


def test_a_full_database_keeps_nothing_of_a_batch(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "chatd.db", Codec(KEY))) as db:
        writer = Writer(db, Codec(KEY))
        writer.write(IN_OPS)
        db.pragma("max_page_count", db.pragma("page_count"))
        with pytest.raises(apsw.FullError):
            writer.write([posted(seq, "x" * 30_000) for seq in range(1, 20)])
        assert not db.in_transaction
        assert Reader(db, Codec(KEY), writer.recent).history(OPS, 0, 99, 99) == []


async def test_another_key_opens_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, *IN_OPS, posted(1, "hello")):
        pass
    settle(tmp_path)
    with closing(apsw.Connection(str(tmp_path / "chatd.db"))) as db:
        reader = Reader(db, Codec(ServerKey(bytes(32))), Recent())
        assert reader.account_named("annabel") is None
        with pytest.raises(BoxError):
            reader.history(OPS, 0, 9, 9)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chatd.db").write_bytes(b"this is no database, but it is long enough " * 100)
    with pytest.raises(OpenError, match=r"chatd\.db cannot be opened"):
        open_database(tmp_path / "chatd.db", Codec(KEY))


def test_a_database_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "chatd.db", Codec(KEY))) as db:
        db.pragma("user_version", 1_000)
    with pytest.raises(OpenError, match="newer chatd"):
        open_database(tmp_path / "chatd.db", Codec(KEY))


SECRETS: list[c.Change] = [
    c.RoomSet(OPS, "a topic to hide", private=False, history=True, level=0),
    SESSION,
    c.DirectMade(11, ANN, "annabel", BEN, "benedict"),
    c.InviteSet(OPS, BEN, ANN),
    c.MessagesPosted(
        OPS, 1, 2_001, ANN, ["a text to hide"], ("client-id-to-hide", b"digest to hide!!")
    ),
    c.MessagesPosted(11, 1, 2_002, BEN, ["another text"], None),
]
HIDDEN = ["annabel", "benedict", "#operations", "publicident", "192.0.2.99", "$argon2id"]
HIDDEN += ["topic to hide", "text to hide", "another text", "client-id-to-hide", "digest to hide"]


def contents(folder: Path) -> bytes:
    """All files of a folder, one after the other."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_nothing_stands_in_the_clear_in_any_file(tmp_path: Path) -> None:
    async with opened(tmp_path, *IN_OPS, *SECRETS):
        running = contents(tmp_path)
    stopped = contents(tmp_path)
    assert len(running) > len(stopped)  # the log is there too
    for word in HIDDEN:
        assert word.encode() not in running
        assert word.encode() not in stopped
    assert b"CREATE TABLE" in stopped


def test_columns_hold_numbers_and_blobs_only(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "chatd.db", Codec(KEY))) as db:
        Writer(db, Codec(KEY)).write([*IN_OPS, *SECRETS])
        for table in tables(db):
            for row in db.execute(f"SELECT * FROM {table.name}"):
                assert {type(value) for value in row} <= {int, bytes, type(None)}, table.name


SWAPS = {
    "account": ("name_box", "secret_box"),
    "session": ("public_box", "address_box"),
    "conversation": ("name_box", "topic_box"),
    "chunk": ("body_box",),
    "sent": ("sent_box",),
    "member": ("label_box",),
}


def read_all(db: apsw.Connection) -> None:
    """Open every box there is."""
    reader = Reader(db, Codec(KEY), Recent())
    for account in (ANN, BEN):
        reader.account(account)
        reader.sessions(account, 0, 10)
        reader.unread(account)
        reader.sent_ids(account)
    for room in (OPS, OPS + 50):
        reader.room(room)
        reader.history(room, 0, 99, 99)


@pytest.mark.parametrize(
    ("table", "column"), [(t, col) for t, cols in SWAPS.items() for col in cols]
)
def test_boxes_do_not_open_in_another_row(tmp_path: Path, table: str, column: str) -> None:
    twice: list[c.Change] = [
        c.RoomMade(OPS + 50, "#twin", 1),
        c.RoomSet(OPS + 50, "other topic", private=False, history=True, level=0),
        c.SessionMade(6, "otherident", BEN, 0, b"o" * 32, "198.51.100.1", 1_006),
        c.MessagesPosted(OPS + 50, 1, 2_003, BEN, ["elsewhere"], ("id", b"d" * 16)),
        c.InviteSet(OPS + 50, ANN, BEN),
    ]
    with closing(open_database(tmp_path / "chatd.db", Codec(KEY))) as db:
        Writer(db, Codec(KEY)).write([*IN_OPS, *SECRETS, *twice])
        replay(db, Codec(KEY))
        read_all(db)
        rows = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
        boxes = [box for (box,) in db.execute(f"{rows} ORDER BY {column}")]
        assert len(boxes) >= 2
        for old, new in zip(boxes, [*boxes[1:], boxes[0]]):
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (b"#" + new, old))
        db.execute(f"UPDATE {table} SET {column} = substr({column}, 2) WHERE {column} IS NOT NULL")
        with pytest.raises(BoxError):
            read_all(db)


def test_a_chunk_does_not_open_under_other_seqs(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "chatd.db", Codec(KEY))) as db:
        Writer(db, Codec(KEY)).write([*IN_OPS, posted(1, "one")])
        replay(db, Codec(KEY))
        reader = Reader(db, Codec(KEY), Recent())
        for column in ("first_seq", "last_seq", "messages"):
            db.execute(f"UPDATE chunk SET {column} = {column} + 1")
            with pytest.raises(BoxError):
                reader.history(OPS, 0, 99, 99)
            db.execute(f"UPDATE chunk SET {column} = {column} - 1")
        assert [m.text for m in reader.history(OPS, 0, 99, 99)] == ["one"]


def test_a_journal_that_was_meddled_with_is_refused(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "chatd.db", Codec(KEY))) as db:
        writer = Writer(db, Codec(KEY))
        writer.write([*IN_OPS, posted(1, "one")])
        writer.write([posted(2, "two")])
        db.execute("UPDATE journal SET box = (SELECT box FROM journal WHERE id = 1)")
    with pytest.raises(OpenError, match=r"the journal of the database .* can't be read"):
        SqliteStore(tmp_path / "chatd.db", KEY)
