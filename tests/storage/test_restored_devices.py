"""A restored database does not know which tokens devices have been given since."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from chatd.chat.rotation import RESTORED
from chatd.storage.backup import backup, restore

from .sample import make


def test_any_token_may_come_once(tmp_path: Path) -> None:
    sample = make(tmp_path / "data")
    file = tmp_path / "copy.db"
    backup(sample.database, file)
    restore(sample.database, file, sample.key)
    with closing(sqlite3.connect(sample.database)) as db:
        assert [row[0] for row in db.execute("SELECT token_hash FROM device")] == [RESTORED]
    assert sample.check().found == 0
