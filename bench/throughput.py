"""Deliveries per second, CPU per delivery and latency of chatd and its peers, with the same load.

Within a round all servers take a scenario one after the other, so that what is compared was
measured within a minute. Each starts afresh for each scenario.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean, median

from . import machine
from .figures import figures
from .harness import Plan, Row, Running, generate, quiet
from .peers import CannotStart
from .servers import Server, servers
from .tables import amount
from .throughput_report import report

__all__ = ["NAME", "TITLE", "figures", "measure", "report"]

NAME = "throughput"
TITLE = "Throughput and latency"
TENTH = 0.1  # of the greatest throughput: where latency is judged
SLOW_ROUNDS_MAX, SLOW_STRETCH = 2, 2.0  # fewer rounds, and longer ones


@dataclass(frozen=True)
class Cell:
    """What is measured on one start of a server, with so many users: a run of the generator.
    With `tenth` it only finds the greatest rate, and a second run, at a tenth of it, counts."""

    users: int
    load: str
    tenth: bool = False


CELLS = {
    "f10": Cell(10, "--scenario fanout --members 10 --phases 1:1,1:64"),
    "f100": Cell(100, "--scenario fanout --members 100 --phases 1:1,1:64,4:64"),
    "f1000": Cell(1000, "--scenario fanout --members 1000 --phases 1:1,1:64"),
    "pairs": Cell(200, "--scenario pairs --pairs 100 --phases 1:1,1:32"),
    "pairs-1": Cell(200, "--scenario pairs --pairs 100 --phases 1:1"),
    "rooms": Cell(2000, "--scenario manyrooms --rooms 200 --members 10 --phases 1:4"),
    "idle": Cell(5000, "--scenario idle --conns 1000,5000"),
    "tenth-f100": Cell(100, "--scenario fanout --members 100 --phases 4:64", tenth=True),
    "tenth-pairs": Cell(200, "--scenario pairs --pairs 100 --phases 1:32", tenth=True),
}


@dataclass(frozen=True)
class Turn:
    """One server's turn at one cell, in one round."""

    number: int
    cell: str
    server: Server

    @property
    def kind(self) -> tuple[str, str]:
        return self.cell, self.server.name


def measure(plan: Plan) -> Iterator[Row]:
    """All cells of all servers that are installed, round by round."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    unknown = {*plan.servers, *plan.cells} - {one.name for one in servers()} - CELLS.keys()
    if unknown:
        sys.exit(f"bench: there is neither a server nor a cell {', '.join(unknown)}")
    asked = [one for one in servers() if one.name in (plan.servers or [one.name])]
    yield {"fdatasync_p50_us": median(machine.sync_us())}
    yield from map(_found, asked)
    present = [server for server in asked if server.version() is not None]
    turns = list(_turns(plan, present))
    took: dict[tuple[str, str], float] = {}
    for place, turn in enumerate(turns):
        start = time.monotonic()
        found = _quietest(turn, plan.seconds)
        took[turn.kind] = time.monotonic() - start
        _say(turn, found, _seconds_left(turns[place + 1 :], took))
        yield from found


def _found(server: Server) -> Row:
    """Its version, or how it is installed."""
    version = server.version()
    if version is not None:
        return {"server": server.name, "version": version}
    print(f"  {server.title} is not installed: {server.install}")
    return {"server": server.name, "install": server.install}


def _turns(plan: Plan, present: list[Server]) -> Iterator[Turn]:
    for number in range(1, plan.rounds + 1):
        for cell in CELLS:
            if plan.cells and cell not in plan.cells:
                continue
            for server in present:
                if cell in server.cells and not (server.slow and number > SLOW_ROUNDS_MAX):
                    yield Turn(number, cell, server)


def _quietest(turn: Turn, seconds: float) -> list[Row]:
    """The rows of a turn, which is taken once again if other programs were at work meanwhile."""
    found = take(turn, seconds)
    if all(map(quiet, found)):
        return found
    again = take(turn, seconds)
    return min(found, again, key=_noise)


def _noise(found: list[Row]) -> float:
    return max(row.get("other_cpu", 0) if "error" not in row else 9 for row in found)


def take(turn: Turn, seconds: float) -> list[Row]:
    """Start the server and put the cell's load to it: a row for each phase."""
    cell, server = CELLS[turn.cell], turn.server
    try:
        with server.start(cell.users) as running:
            found = load(server, running, cell, seconds)
    except CannotStart as error:
        found = [{"error": f"did not start: {error}"}]
    told = {"round": turn.number, "cell": turn.cell, "server": server.name}
    return [row | told for row in found]


def load(server: Server, running: Running, cell: Cell, seconds: float) -> list[Row]:
    """What the generator measures, so many seconds a phase; if it fails, what it says."""
    seconds *= SLOW_STRETCH if server.slow else 1
    options = [*cell.load.split(), "--secs", str(seconds)]

    def run(*more: str) -> list[Row]:
        return generate(running.port, running.pid, server.name, server.dialect, *options, *more)

    try:
        found = run()
        if cell.tenth:
            found = run("--rate", str(found[-1]["msgs_s"] * TENTH))
    except subprocess.CalledProcessError as error:
        return [json.loads(line) for line in error.stdout.splitlines()]
    except subprocess.TimeoutExpired:
        return [{"error": "took too long"}]
    return found


def _say(turn: Turn, found: list[Row], seconds_left: float) -> None:
    told = ", ".join(map(_gist, found))
    left = f"{seconds_left / 60:.0f} min left"
    print(f"  {turn.number} {turn.cell:11} {turn.server.name:20} {told} ({left})", flush=True)


def _gist(row: Row) -> str:
    if "error" in row:
        return str(row["error"])
    if "conns" in row:
        return f"{row['kib_per_conn']:.1f} KiB each"
    noise = "" if quiet(row) else " noisy"
    return f"{amount(row['deliveries_s'])}/s{noise}"


def _seconds_left(turns: list[Turn], took: dict[tuple[str, str], float]) -> float:
    typical = mean(took.values())
    return sum(took.get(turn.kind, typical) for turn in turns)
