"""Measure this machine: `make bench`, or `python -m bench --only throughput --rounds 3`.

Runs the sections one after the other, keeps their rows in bench/build/rows.jsonl, and writes
bench/RESULTS.md from all rows there are. It talks to loopback only, stops by itself, ends what it
started also on Ctrl-C, and leaves nothing behind but bench/build and the report.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
from types import FrameType
from typing import Any

from . import machine, report, rows
from .harness import Plan, build


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        if not arguments.report:
            _measure(arguments)
    except KeyboardInterrupt:
        sys.exit("bench: broken off; `python -m bench --report` tells of what was measured so far")
    found = rows.read()
    measured = {row["section"] for row in found}
    report.write(found, [_load(name) for name in report.SECTIONS if name in measured])
    print(f"bench: {report.RESULTS} is written")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", default=report.SECTIONS, type=_names, help="sections: %(default)s"
    )
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="%(default)s")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of each phase")
    parser.add_argument("--servers", default=(), type=_names, help="of throughput, as chatd,nats")
    parser.add_argument("--cells", default=(), type=_names, help="of throughput, as f100,pairs")
    parser.add_argument("--anew", action="store_true", help="forget earlier rows of these sections")
    parser.add_argument("--report", action="store_true", help="only write the report anew")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _load(section: str) -> Any:
    if section not in report.SECTIONS:
        sys.exit(f"bench: there is no section {section}, but {', '.join(report.SECTIONS)}")
    return importlib.import_module(f".{section}", __package__)


def _measure(arguments: argparse.Namespace) -> None:
    sections = [_load(name) for name in arguments.only]
    build()
    plan = Plan(
        arguments.rounds,
        arguments.seconds,
        arguments.servers,
        arguments.cells,
    )
    run = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows.append(machine.describe() | {"run": run})
    for section in sections:
        _measure_section(section, plan, run, arguments.anew)


def _measure_section(section: Any, plan: Plan, run: str, anew: bool) -> None:
    print(f"bench: {section.NAME} …", flush=True)
    start = time.monotonic()
    if anew:
        rows.forget(section.NAME)
    for row in section.measure(plan):
        rows.append({"section": section.NAME, "run": run, **row})
    print(f"bench: {section.NAME} took {time.monotonic() - start:,.0f} s", flush=True)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends the run as Ctrl-C does: whatever was started is stopped on the way out."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
