"""The tables as the schema declares them, and their rows page by page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import apsw

PAGE_ROWS = 500

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `key` are the columns of its primary key, all of them numbers but in `sent`."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def place(self, row: Row) -> str:
        """Which row it is: `account 3`, `member (conversation 4, account 3)`."""
        if self.key == ("id",):
            return f"{self.name} {row['id']}"
        numbers = (f"{column} {row[column]}" for column in self.key if type(row[column]) is int)
        return f"{self.name} ({', '.join(numbers)})"


def fresh() -> apsw.Connection:
    """A database in memory with the schema and nothing in it."""
    db = apsw.Connection(":memory:")
    db.execute(files("chatd.storage").joinpath("schema.sql").read_text())
    return db


def shape(db: apsw.Connection) -> set[tuple[Any, ...]]:
    """Every table, index and column with its type; no two schemas that differ have the same."""
    parts = db.execute(
        "SELECT s.type, s.name, s.tbl_name, c.name, c.type, c.[notnull], c.pk FROM sqlite_schema s"
        " LEFT JOIN pragma_table_xinfo(s.name) c"
    )
    kinds = db.execute("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'")
    return {*parts, *kinds}


def columns(db: apsw.Connection) -> set[tuple[str, str]]:
    """The names of all tables and columns."""
    return {(table.name, column) for table in tables(db) for column in table.columns}


def foreign_words(db: apsw.Connection) -> bool:
    """Whether SQLite's table of the highest ids holds more than names of tables and numbers."""
    return bool(
        db.execute(
            "SELECT count(*) FROM sqlite_sequence WHERE typeof(seq) <> 'integer'"
            " OR name NOT IN (SELECT name FROM sqlite_schema WHERE type = 'table')"
        ).get
    )


def tables(db: apsw.Connection) -> list[Table]:
    """All tables but SQLite's own, in the order in which the schema declares them."""
    names = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        " ORDER BY rowid"
    )
    return [_table(db, name) for (name,) in list(names)]


def _table(db: apsw.Connection, name: str) -> Table:
    found = list(db.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)))
    key = sorted((pk, column) for column, pk in found if pk)
    return Table(name, tuple(column for column, _ in found), tuple(column for _, column in key))


def pages(db: apsw.Connection, table: Table) -> Iterator[list[Row]]:
    """All rows by primary key, PAGE_ROWS at a time. While a page is held, what else `db` reads is
    of the same moment; between pages the database may change."""
    key, marks = ", ".join(table.key), ", ".join("?" * len(table.key))
    last: tuple[Any, ...] = ()
    while True:
        where = f"WHERE ({key}) > ({marks})" if last else ""
        with _moment(db):
            # All names come from the schema.
            select = f"SELECT {', '.join(table.columns)} FROM {table.name} {where}"  # noqa: S608
            found = db.execute(f"{select} ORDER BY {key} LIMIT {PAGE_ROWS}", last)
            rows = [dict(zip(table.columns, values, strict=True)) for values in found]
            yield rows
        if len(rows) < PAGE_ROWS:
            return
        last = tuple(rows[-1][column] for column in table.key)


@contextmanager
def _moment(db: apsw.Connection) -> Iterator[None]:
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("COMMIT")
