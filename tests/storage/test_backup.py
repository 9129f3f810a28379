"""Copies of a database in use, and what happens when one takes its place."""

from __future__ import annotations

import re
import resource
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatd.chat import changes as c
from chatd.security.keys import ServerKey
from chatd.storage import backup as module
from chatd.storage.backup import SEQS_SKIPPED, CopyError, backup, restore
from chatd.storage.database import SCHEMA_VERSION
from chatd.storage.sqlite import SqliteStore

from .sample import DIRECT, OTHER_ROOM, ROOM, TEXTS, USERS, Sample, make

NOW = datetime(2026, 11, 21, 4, 5, 6, 789, UTC)
LATER = c.MessagesPosted(DIRECT, 99, 9_000, 1, ["posted after the copy was made"])


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return make(tmp_path / "data")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def ceilings(sample: Sample) -> dict[object, object]:
    return {row[0]: row[1] for row in sample.rows("SELECT id, ceiling FROM conversation")}


def refusal(sample: Sample, file: Path) -> str:
    """Why a copy is not restored; nothing of the data has changed then."""
    before = sample.database.read_bytes(), names(sample.folder)
    with pytest.raises(CopyError) as caught:
        restore(sample.database, file, sample.key)
    assert (sample.database.read_bytes(), names(sample.folder)) == before
    return str(caught.value)


def test_a_copy_is_whole_closed_to_others_and_a_single_file(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    assert file.stat().st_mode & 0o7777 == 0o600
    assert names(file.parent) == {"data", "copy"}
    assert sample.seqs(file) == sample.seqs()
    with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_copy_holds_what_is_still_in_the_log(sample: Sample, file: Path) -> None:
    with sample.writing() as writer:
        writer.write([LATER])
        backup(sample.database, file)
    assert sample.seqs(file)[-1] == 99


def test_the_key_is_not_in_a_copy(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    assert sample.key.raw not in file.read_bytes()


def test_a_copy_is_one_moment_of_a_busy_server(sample: Sample, file: Path) -> None:
    """Each transaction writes a message to both conversations: a copy has both or none."""
    go, stop = threading.Event(), threading.Event()

    def post() -> None:
        with sample.writing() as writer:
            for seq in range(1_000, 100_000):
                pair = [c.MessagesPosted(conv, seq, seq, 1, ["x" * 200]) for conv in (ROOM, DIRECT)]
                writer.write(pair)
                go.set()
                if stop.is_set():
                    return

    thread = threading.Thread(target=post)
    thread.start()
    try:
        assert go.wait(60)
        for number in range(5):
            copy = file.with_name(f"copy{number}")
            backup(sample.database, copy)
            new = [seq for seq in sample.seqs(copy) if seq >= 1_000]
            assert new
            assert new[::2] == new[1::2] == list(range(1_000, 1_000 + len(new) // 2))
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_nothing_is_overwritten(sample: Sample, file: Path, kind: str) -> None:
    if kind == "file":
        file.write_text("precious")
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("nowhere")
    with pytest.raises(CopyError, match="exists already: choose another name"):
        backup(sample.database, file)
    assert names(file.parent) == {"data", "copy"}
    assert kind != "file" or file.read_text() == "precious"


def test_a_name_taken_meanwhile_is_not_overwritten(
    sample: Sample, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = module._copy

    def slowly(source: Path, target: Path) -> None:
        copy(source, target)
        file.write_text("precious")

    monkeypatch.setattr(module, "_copy", slowly)
    with pytest.raises(CopyError, match="File exists"):
        backup(sample.database, file)
    assert file.read_text() == "precious"
    assert names(file.parent) == {"data", "copy"}


def test_a_copy_that_cannot_be_made_leaves_nothing(sample: Sample, file: Path) -> None:
    sample.database.write_bytes(b"no database at all " * 500)
    with pytest.raises(CopyError, match="NotADBError"):
        backup(sample.database, file)
    with pytest.raises(CopyError, match="No such file or directory"):
        backup(sample.database, file / "in" / "no" / "folder")
    assert names(file.parent) == {"data"}


def test_a_disk_without_room_leaves_nothing(sample: Sample, file: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(CopyError, match=re.escape(f"{file}: ")):
            backup(sample.database, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(file.parent) == {"data"}
    assert sample.check().findings == []


def test_there_must_be_a_database(tmp_path: Path, file: Path) -> None:
    with pytest.raises(CopyError, match="start the server first"):
        backup(tmp_path / "chatd.db", file)


def test_a_copy_takes_the_place_of_what_was_there(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    sample.write(LATER)
    kept = restore(sample.database, file, sample.key, NOW)
    assert kept == sample.folder / "chatd.db.before-20261121T040506.000789Z"
    assert names(sample.folder) == {"chatd.db", kept.name}
    assert sample.seqs() == list(range(1, len(TEXTS) + 1))
    assert sample.seqs(kept)[-1] == 99
    assert {p.stat().st_mode & 0o7777 for p in sample.folder.iterdir()} == {0o600}
    assert sample.check().findings == []
    assert file.exists()


def test_what_was_in_the_log_of_a_killed_server_is_kept(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    killed = Sample(sample.folder.with_name("killed"), sample.key)
    killed.folder.mkdir(mode=0o700)
    with sample.writing() as writer:
        writer.write([LATER])
        for path in sample.folder.iterdir():
            (killed.folder / path.name).write_bytes(path.read_bytes())
    kept = restore(killed.database, file, killed.key)
    assert kept is not None
    assert names(killed.folder) == {"chatd.db", kept.name}
    assert killed.seqs(kept)[-1] == 99
    assert 99 not in killed.seqs()


def test_a_damaged_database_is_kept_with_its_log(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    sample.database.write_bytes(b"no database at all " * 500)
    (sample.folder / "chatd.db-wal").write_bytes(b"its log")
    kept = restore(sample.database, file, sample.key)
    assert kept is not None
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == b"its log"
    assert names(sample.folder) == {"chatd.db", kept.name, f"{kept.name}-wal"}
    assert sample.check().found == 0


def test_a_copy_is_restored_where_nothing_is(sample: Sample, file: Path, tmp_path: Path) -> None:
    backup(sample.database, file)
    other = Sample(tmp_path / "other", sample.key)
    other.folder.mkdir(mode=0o700)
    assert restore(other.database, file, other.key) is None
    assert names(other.folder) == {"chatd.db"}
    assert other.check().findings == []


def test_no_seq_is_given_out_twice(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    sample.write(LATER)
    restore(sample.database, file, sample.key)
    restored = ceilings(sample)
    last = max(n for n in range(1, len(TEXTS) + 1) if n % 2 == 0)
    assert restored[DIRECT] == last + SEQS_SKIPPED
    assert restored[OTHER_ROOM] == 500 + SEQS_SKIPPED
    restore(sample.database, file, sample.key)
    assert ceilings(sample) == restored


async def test_the_store_begins_after_what_was_given_out(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    restore(sample.database, file, sample.key)
    store = SqliteStore(sample.database, sample.key)
    direct = await store.direct(1, 2)
    account = await store.account_named(USERS[1])
    await store.aclose()
    assert direct is not None
    assert direct.last_seq >= len(TEXTS) + SEQS_SKIPPED
    assert account is not None
    assert account.id == 1


def test_a_copy_for_another_key_is_refused(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    sample.key = ServerKey.generate()
    assert refusal(sample, file) == f"{file} is not restored: it was made with another server key"


def test_a_damaged_copy_is_refused(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    with file.open("r+b") as stream:
        stream.seek(4_096 * 3)
        stream.write(b"\xff" * 4_096)
    assert refusal(sample, file).startswith(f"{file}")


def test_a_cut_copy_is_refused(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    file.write_bytes(file.read_bytes()[:-8_192])
    assert refusal(sample, file).startswith(f"{file}")


def test_a_copy_that_was_meddled_with_is_refused(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE chunk SET body_box = (SELECT body_box FROM chunk WHERE id = 2)")
        db.commit()
    assert "chunk 1: the box of its texts does not open" in refusal(sample, file)


@pytest.mark.parametrize("content", [b"", b"no database at all " * 500])
def test_what_is_no_copy_is_refused(sample: Sample, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert refusal(sample, file).startswith(f"{file}")


def test_another_program_s_database_is_refused(sample: Sample, file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE account (id)")
    assert refusal(sample, file) == f"{file} is not restored: it is no backup of chatd"
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    assert "not those of this version" in refusal(sample, file)


def test_a_newer_chatd_s_copy_is_refused(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    assert "newer chatd" in refusal(sample, file)


def test_a_copy_must_be_there(sample: Sample, file: Path) -> None:
    assert refusal(sample, file) == f"there is no backup {file}"


def test_a_restore_that_was_killed_is_begun_anew(sample: Sample, file: Path) -> None:
    backup(sample.database, file)
    (sample.folder / "chatd.db.restoring").write_bytes(b"half a copy")
    (sample.folder / "chatd.db.restoring-wal").write_bytes(b"half a log")
    kept = restore(sample.database, file, sample.key)
    assert kept is not None
    assert names(sample.folder) == {"chatd.db", kept.name}
