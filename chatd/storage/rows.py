"""SQL of changes to rows. Tables and columns are named by the program alone; what is bound comes
from outside."""

from __future__ import annotations

from typing import Any

Row = tuple[str, tuple[Any, ...]]
"""A statement, and what is bound in it."""
Rows = list[Row]


def insert(table: str, **columns: Any) -> Row:
    """A new row."""
    return _filled("INSERT", table, columns)


def replace(table: str, **columns: Any) -> Row:
    """A row in the place of the one with the same key, if there is one."""
    return _filled("REPLACE", table, columns)


def update(table: str, id_: int, **columns: Any) -> Row:
    """Columns of the row with that id."""
    sets = ", ".join(f"{name} = ?" for name in columns)
    return f"UPDATE {table} SET {sets} WHERE id = ?", (*columns.values(), id_)  # noqa: S608


def delete(table: str, **columns: Any) -> Row:
    """All rows with these values."""
    where = " AND ".join(f"{name} = ?" for name in columns)
    return f"DELETE FROM {table} WHERE {where}", tuple(columns.values())  # noqa: S608


def _filled(verb: str, table: str, columns: dict[str, Any]) -> Row:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    return f"{verb} INTO {table} ({names}) VALUES ({marks})", tuple(columns.values())
