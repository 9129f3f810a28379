"""Measure chatd on this machine: `make bench`, or `python bench/run.py --rounds 3 --only fan-out`.

Starts a server of its own on a loopback port and a data folder of its own, runs each scenario with
the load generator, and prints a table. Server and generator are pinned to a core each where there
are two. It stops by itself and leaves nothing behind but bench/build.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
GENERATOR = HERE / "build" / "loadgen"
SECONDS_MAX = 300
NOISY_CORES = 0.15  # used by other programs

SCENARIOS = {
    "fan-out to 10": "--scenario fanout --members 10 --phases 1:1,1:64",
    "fan-out to 100": "--scenario fanout --members 100 --phases 1:1,1:64,4:64",
    "fan-out to 1000": "--scenario fanout --members 1000 --phases 1:1,1:64",
    "100 pairs": "--scenario pairs --pairs 100 --phases 1:1,1:32",
    "200 rooms of 10": "--scenario manyrooms --rooms 200 --members 10 --phases 1:4",
    "idle connections": "--scenario idle --conns 1000,5000",
}

# Hashing is made cheap, so that setting up thousands of accounts does not take minutes.
SETTINGS = {
    "CHATD_ARGON2_MEMORY_KIB": "8",
    "CHATD_ARGON2_PASSES": "1",
    "CHATD_LOG_LEVEL": "warning",
}

Row = dict[str, float]


def main() -> None:
    arguments = _arguments()
    _build()
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for _ in range(arguments.rounds):
        for name, options in SCENARIOS.items():
            if arguments.only in name:
                for row in _measure(options, arguments.seconds):
                    found[name, _phase(row)].append(row)
    print(_table(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    return parser.parse_args()


def _build() -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        sys.exit("bench: a C compiler is needed for the load generator (Debian: apt install gcc)")
    GENERATOR.parent.mkdir(exist_ok=True)
    source = HERE / "loadgen.c"
    subprocess.run([compiler, "-O2", "-o", GENERATOR, source], check=True)


def _measure(options: str, seconds: float) -> list[Row]:
    with _server() as (process, port):
        command = [
            *_pinned(1),
            *(str(GENERATOR), "--dialect", "pipe", "--pipe-file", str(HERE / "chatd.pipe")),
            *("--port", str(port), "--pid", str(process.pid), "--label", "chatd"),
            *("--secs", str(seconds), "--setup-limit", "200", *options.split()),
        ]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=SECONDS_MAX)
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def _server() -> Iterator[tuple[subprocess.Popen[str], int]]:
    with tempfile.TemporaryDirectory(dir=HERE / "build") as data:
        command = [*_pinned(0), sys.executable, "-m", "chatd", "run"]
        command += ["--listen", "127.0.0.1:0", "--data", data]
        environment = {**os.environ, **SETTINGS, "PYTHONPATH": str(HERE.parent)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert process.stdout is not None
            said = re.search(r":(\d+)$", process.stdout.readline().strip())
            if said is None:
                sys.exit("bench: the server did not start")
            yield process, int(said[1])
        finally:
            process.terminate()
            process.wait()


def _pinned(core: int) -> list[str]:
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core])] if len(cores) > 1 else []


def _phase(row: Row) -> str:
    if "window" in row:
        return f"{row.get('senders', 1):g} x {row['window']:g}"
    return f"{row['conns']:g}"


def _table(found: dict[tuple[str, str], list[Row]]) -> str:
    lines = [
        "| scenario | senders x window | deliveries/s | CPU µs each | p50 µs | p99 µs | note |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, phase), rows in found.items():
        lines.append(f"| {name} | {phase} | {' | '.join(_figures(rows))} |")
    return "\n".join(lines)


def _figures(rows: list[Row]) -> list[str]:
    def middle(key: str) -> float:
        return median(row[key] for row in rows)

    if "conns" in rows[0]:
        return ["", "", "", "", f"{middle('kib_per_conn'):.1f} KiB a connection"]
    loud = any(row["other_cpu"] > NOISY_CORES for row in rows)
    lost = sum(row["lost"] + row["bad"] for row in rows)
    note = ", ".join([*(["noisy machine"] if loud else []), *([f"{lost:g} lost"] if lost else [])])
    return [
        f"{middle('deliveries_s'):,.0f}",
        f"{middle('cpu_us_per_delivery'):.2f}",
        f"{middle('lat_p50_us'):,.0f}",
        f"{middle('lat_p99_us'):,.0f}",
        note,
    ]


if __name__ == "__main__":
    main()
