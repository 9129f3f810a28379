"""SQLite's log: it is emptied while commits go on, and its file stays short."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from chatd.chat.ports import Unavailable
from chatd.storage import checkpoints
from chatd.storage.sqlite import SqliteStore
from tests.storage.test_failures import no_file_grows
from tests.storage.test_sqlite import IN_OPS, OPS, opened, posted

PAGE_BYTES = 4_096
TEXT = "x" * 10_000


async def test_the_log_begins_anew_while_commits_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LOG_PAGES", 40)
    monkeypatch.setattr(checkpoints, "LOG_PAGES_MAX", 40)
    log = tmp_path / "chatd.db-wal"
    async with opened(tmp_path, *IN_OPS) as store:
        for seq in range(1, 300):
            await store.commit([posted(seq, TEXT)])
        assert log.stat().st_size < 300 * PAGE_BYTES
        assert (tmp_path / "chatd.db").stat().st_size > 300 * len(TEXT)
        assert len(await store.history(OPS, 290, 300, 20)) == 9
    assert not log.exists() or log.stat().st_size == 0


async def fill(store: SqliteStore) -> int:
    """Commit until it fails; the last seq that was stored."""
    for seq in count(1):
        try:
            await store.commit([posted(seq, TEXT)])
        except Unavailable:
            break
    return seq - 1


async def test_where_the_database_cannot_grow_the_log_does_until_commits_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LOG_PAGES", 40)
    async with opened(tmp_path, *IN_OPS) as store:
        with no_file_grows(1_000_000):
            seq = await fill(store)
        assert seq > 50
        await store.commit([posted(seq + 1, "room again")])
    async with opened(tmp_path) as store:
        assert await store.history_start(OPS, 10_000, seq + 1) == 1
        assert [m.text for m in await store.history(OPS, seq, 10_000, 9)] == ["room again"]
