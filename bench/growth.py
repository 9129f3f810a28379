"""How cost grows: with members, rooms, history, connections and accounts.

Data folders are filled by fill.py and kept in bench/build, so that only the first run is slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import growth_load, growth_reads, growth_rooms, growth_start
from .harness import Plan, Row

NAME = "growth"
TITLE = "How cost grows"

PARTS: tuple[Any, ...] = (growth_start, growth_reads, growth_load, growth_rooms)


def measure(plan: Plan) -> Iterator[Row]:
    """Rows of all parts; `cells` of the plan may name some."""
    for part in PARTS:
        for what, measure_one in part.MEASURES.items():
            if not plan.cells or what in plan.cells:
                for row in measure_one(plan):
                    yield {"what": what, **row}


def report(rows: list[Row]) -> str:
    """A table and a plot for each."""
    return "\n\n".join(text for part in PARTS if (text := part.report(rows)))
