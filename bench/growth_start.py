"""Start-up time against accounts and messages; memory against connections."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from .fill import Filling, filled
from .growth_client import Asker
from .harness import Plan, Row, chatd, generate, pipe_dialect
from .plots import lines
from .storm import keeping_to
from .tables import amount, spread, table

FILLINGS = [
    Filling(10_000, 1_000, 10, 1_000),
    Filling(10_000, 1_000, 10, 1_000_000),
    Filling(10_000, 1_000, 10, 10_000_000),
    Filling(1_000_000, 100_000, 20, 0),
    Filling(1_000_000, 100_000, 20, 10_000_000),
]
DEFAULT_HASHES = {"argon2_memory_kib": "19456"}
CONNECTIONS = "1000,2000,5000,10000,15000"
IDLERS = {"in no room": Filling(15_000, 0), "each in a room of ten": Filling(15_000, 1_500, 10)}


def startup(plan: Plan) -> Iterator[Row]:
    """From the start of the process to the line that says it listens, and to the first reply."""
    for filling in FILLINGS:
        path = filled(filling)
        for _ in range(plan.rounds):
            for cache in ("cold", "warm"):
                if cache == "cold":
                    _forget(path)
                yield {
                    "accounts": filling.accounts,
                    "messages": filling.messages,
                    "memberships": filling.rooms * filling.members,
                    "cache": cache,
                    **_started(path),
                }


def _started(path: Path) -> Row:
    begin = time.perf_counter()
    with chatd(path, DEFAULT_HASHES) as server:
        listens = time.perf_counter()
        asker = Asker(server.port)
        asker.ask("PING")
        replied = time.perf_counter()
        asker.close()
    return {"listens_s": round(listens - begin, 4), "replies_s": round(replied - begin, 4)}


def _forget(path: Path) -> None:
    """Have the system drop the database from its cache."""
    for file in path.glob("chatd.db*"):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory(_plan: Plan) -> Iterator[Row]:
    """Memory of connections that have logged in and are idle."""
    for rooms, filling in IDLERS.items():
        options = ["--scenario", "idle", "--conns", CONNECTIONS, "--inflight", "64"]
        with chatd(filled(filling)) as server, keeping_to(1):
            dialect = pipe_dialect("filled.pipe")
            for row in generate(server.port, server.pid, "chatd", dialect, *options):
                yield {"rooms": rooms, **row}


MEASURES = {"startup": startup, "memory": memory}


def report(rows: list[Row]) -> str:
    parts = {"startup": _report_startup, "memory": _report_memory}
    chosen = {what: [row for row in rows if row["what"] == what] for what in parts}
    return "\n\n".join(parts[what](own) for what, own in chosen.items() if own)


def _report_startup(rows: list[Row]) -> str:
    body, series = [], dict[str, list[tuple[float, float]]]()
    for kind in dict.fromkeys((r["accounts"], r["messages"], r["memberships"]) for r in rows):
        own = [r for r in rows if (r["accounts"], r["messages"], r["memberships"]) == kind]
        cells = [
            spread([r[column] for r in own if r["cache"] == cache])
            for cache in ("warm", "cold")
            for column in ("listens_s", "replies_s")
        ]
        body.append([*map(amount, kind), *cells])
        for row in own:
            name = f"{amount(kind[0])} accounts, {row['cache']}"
            series.setdefault(name, []).append((kind[1], row["replies_s"]))
    heads = ["accounts", "messages", "memberships", "listens, s", "first reply, s"]
    heads += ["listens, cold, s", "first reply, cold, s"]
    plot = lines(
        "startup", "Start-up", "messages stored", "s to the first reply", series, log_y=False
    )
    return f"""### Start-up

From the start of the process; *cold*: no page of the database is in the system's cache. Most of it
is Python reading its modules.

{table(heads, body)}

{plot}"""


def _report_memory(rows: list[Row]) -> str:
    body, series = [], dict[str, list[tuple[float, float]]]()
    for row in rows:
        body.append(
            [
                row["rooms"],
                amount(row["conns"]),
                amount(row["rss_kib"] / 1024),
                amount(row["kib_per_conn"]),
                amount(row["idle_cpu"] * 100),
            ]
        )
        series.setdefault(row["rooms"], []).append((row["conns"], row["kib_per_conn"]))
    heads = ["who", "connections", "resident, MiB", "KiB each", "CPU at rest, %"]
    plot = lines("memory", "Memory", "connections", "KiB each", series, log_y=False)
    return f"### Memory\n\n{table(heads, body)}\n\n{plot}"
