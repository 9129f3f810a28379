"""What each step of a message's way costs, in µs a message: `python -m bench.micro`.

The steps are taken one after the other with chatd's own objects (`micro_world.py`), for one message
at a time and for 64 that arrive together. Each figure is the median over repeats, of the mean over
a repeat's rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from .harness import Plan, Row
from .micro_report import report

__all__ = ["NAME", "TITLE", "measure", "report"]

NAME = "micro"
TITLE = "The steps of a message's way"


def measure(_plan: Plan) -> Iterator[Row]:
    """A row for each step, batch and number of listeners. Only this loads the server's code: a
    report, and the other sections, do without."""
    yield from import_module(".micro_steps", __package__).measure()


def main() -> None:
    """Measure, and print the table."""
    print(report(list(measure(Plan()))))


if __name__ == "__main__":
    main()
