"""Moves what is in SQLite's log (the -wal file) into the database, out of the way of commits.

A thread of its own does the bulk, on a connection of its own, while commits go on; the writer does
the rest between two commits, so that the log begins anew and its file never gets much longer. See
https://sqlite.org/wal.html, section 6.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import apsw

LOG_PAGES = 1_000
"""About 4 MB, as SQLite has it."""
LOG_PAGES_MAX = 16_000


class Checkpoints:
    """Used by the writer's thread: `step` wherever it is `due` after a commit."""

    def __init__(self, path: Path, writer: apsw.Connection) -> None:
        self._writer = writer
        self._db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._bulk: Future[None] | None = None
        self._pages = 0
        self._next = LOG_PAGES
        writer.set_wal_hook(self._committed)

    def _committed(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        if pages < self._pages:
            self._next = LOG_PAGES  # the log has begun anew
        self._pages = pages
        return apsw.SQLITE_OK

    @property
    def due(self) -> bool:
        """Whether it is time to begin, or to go on."""
        if self._bulk is None:
            return self._pages >= self._next
        return self._bulk.done() or self._pages >= self._next + LOG_PAGES_MAX

    def step(self) -> None:
        """Begin, or go on."""
        if self._bulk is None:
            self._bulk = self._thread.submit(_checkpoint, self._db)
        else:
            self.finish()

    def finish(self) -> None:
        """Move all that can be moved."""
        if self._bulk is not None:
            bulk, self._bulk = self._bulk, None
            bulk.result()
        _checkpoint(self._writer)
        self._next = self._pages + LOG_PAGES  # readers may need the log still

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown()
        self._db.close()


def _checkpoint(db: apsw.Connection) -> None:
    # On a full disk the log stays as it is; it holds all that is needed, and commits say so.
    with suppress(apsw.Error):
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
