"""`chatd check`: is the database whole, does it open with its key, does it hide what it must?

    report = check(folder, database, key)

Nothing is written, and a server may run meanwhile.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw

from chatd.security.keys import ServerKey

from .codec import Codec
from .database import SCHEMA_VERSION, OpenError
from .findings import Report
from .scan import Scan
from .tables import fresh
from .verify import Known, Verifier

BUSY_MS = 10_000
INTEGRITY_FINDINGS_MAX = 100


def check(folder: Path, database: Path, key: ServerKey) -> Report:
    """Verify the database, and look in all files of `folder` for what it knows. OpenError."""
    report = Report()
    scan = Scan(folder, fresh().serialize("main"), report)
    try:
        with closing(open_to_read(database)) as db:
            verify(db, key, report, scan.add)
    except apsw.Error as error:
        raise unreadable(database, error) from error
    scan.finish()
    return report


def verify(db: apsw.Connection, key: ServerKey, report: Report, known: Known) -> None:
    """All but the look into the files. apsw.Error where it can't be read at all."""
    version = db.pragma("user_version")
    if version != SCHEMA_VERSION:
        report.add(f"the database: its version is {version}, this chatd's is {SCHEMA_VERSION}")
        return
    try:
        _integrity(db, report)
        Verifier(db, Codec(key), report, known).run()
    except apsw.CorruptError:
        report.add("the database: damaged, not all of its rows can be read")


def open_to_read(database: Path) -> apsw.Connection:
    """A connection that can't write. apsw.Error."""
    db = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    db.set_busy_timeout(BUSY_MS)
    return db


def unreadable(database: Path, error: apsw.Error) -> OpenError:
    """The sentence about a database that SQLite refuses."""
    return OpenError(f"can't read the database {database}: {type(error).__name__}: {error}")


def _integrity(db: apsw.Connection, report: Report) -> None:
    for (problem,) in db.execute(f"PRAGMA integrity_check({INTEGRITY_FINDINGS_MAX})"):
        if problem != "ok":
            report.add(f"the database: {problem}")
    for table, row, parent, _ in db.execute("PRAGMA foreign_key_check"):
        place = table if row is None else f"{table} {row}"
        report.add(f"{place}: refers to a row of {parent} that is not there")
