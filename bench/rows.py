"""What was measured so far, one JSON object a line, so that sections can be measured one by one."""

from __future__ import annotations

import json

from .harness import BUILD, Row

STORE = BUILD / "rows.jsonl"


def append(row: Row) -> None:
    """Keep a row, so that a run that is broken off loses none."""
    BUILD.mkdir(exist_ok=True)
    with STORE.open("a") as file:
        file.write(json.dumps(row) + "\n")


def read() -> list[Row]:
    """All rows, in the order measured."""
    if not STORE.exists():
        return []
    return [json.loads(line) for line in STORE.read_text().splitlines()]


def forget(section: str) -> None:
    """Drop a section's rows: it is measured anew."""
    kept = [row for row in read() if row["section"] != section]
    STORE.unlink(missing_ok=True)
    for row in kept:
        append(row)
