"""What every section of the benchmark needs: a server of its own, the load generator, the cores.

A section is a module with `NAME`, `measure(plan) -> Iterator[Row]` and `report(rows) -> str`
(Markdown; plots go to `PLOTS`). A row is one JSON object; the section and the run's start are added
to it. A section may have a `TITLE`, and `figures(rows)` for its lines of the figures to reach.
Server and tools share nothing but loopback, and a data folder that is deleted afterwards.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILD = HERE / "build"
COMPILED = HERE.parent / "build" / "compiled"  # by `make compiled`
PLOTS = HERE / "plots"
GENERATOR = BUILD / "loadgen"
CAN_SEAL = Path("/usr/include/openssl/evp.h").exists()
"""Whether the load generator can be built so that it seals its connections."""
SECONDS_MAX = 300
NOISY_CORES = 0.15  # used by other programs

# Hashing is made cheap where it is not what is measured, so that accounts are made quickly.
CHEAP_HASHES = {"argon2_memory_kib": "8", "argon2_passes": "1"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How much to measure: rounds, and seconds for each phase."""

    rounds: int = 5
    seconds: float = 1.0
    servers: tuple[str, ...] = ()  # all, unless named
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """A server that runs: `port` on 127.0.0.1, and its data folder."""

    pid: int
    port: int
    data: Path


def pinned(core: int) -> list[str]:
    """What stands before a command that shall keep to one core (0: servers, 1: the rest)."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core])] if len(cores) > 1 else []


def build() -> None:
    """Compile the load generator, and the floor that it is tried on."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        sys.exit("bench: a C compiler is needed for the load generator (Debian: apt install gcc)")
    BUILD.mkdir(exist_ok=True)
    newest = max(source.stat().st_mtime for source in HERE.glob("*.[ch]"))
    for source in HERE.glob("*.c"):
        program = BUILD / source.stem
        if not program.exists() or program.stat().st_mtime < newest:
            sealed = ["-DSEALED", source, "-lcrypto"] if CAN_SEAL else [source]
            subprocess.run([compiler, "-O2", "-o", program, *sealed], check=True)


@contextmanager
def chatd(
    data: Path | None = None,
    settings: dict[str, str] | None = None,
    core: int | None = 0,
    source: Path = HERE.parent,
) -> Iterator[Running]:
    """Run a server on a free port; `settings` as in the settings file. `core` None: not pinned.
    Without `data` it starts empty, in a folder that is deleted afterwards. `source` holds the
    packages."""
    if data is None:
        BUILD.mkdir(exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=BUILD) as fresh,
            chatd(Path(fresh), settings, core, source) as running,
        ):
            yield running
        return
    command = [*(pinned(core) if core is not None else []), sys.executable]
    command += ["-P", "-m", "chatd", "run"]
    command += ["--listen", "127.0.0.1:0", "--data", str(data)]
    chosen = {"log_level": "warning", "registrations_max": "1000000", **(settings or CHEAP_HASHES)}
    environment = {f"CHATD_{name.upper()}": value for name, value in chosen.items()}
    environment = {**os.environ, **environment, "PYTHONPATH": str(source)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            said = re.search(r":(\d+)$", process.stdout.readline().strip())
            if said is None:
                sys.exit("bench: the server did not start")
            yield Running(process.pid, int(said[1]), data)
        finally:
            process.terminate()


def generate(port: int, pid: int, label: str, dialect: list[str], *options: str) -> list[Row]:
    """Run the load generator on its core: a row for each phase."""
    command = [
        *(*pinned(1), str(GENERATOR), *dialect, "--port", str(port), "--pid", str(pid)),
        *("--label", label, "--setup-limit", "200", *options),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=SECONDS_MAX)
    return [json.loads(line) for line in done.stdout.splitlines()]


def pipe_dialect(file: str = "chatd.pipe") -> list[str]:
    """Our protocol, as the load generator is told it."""
    return ["--dialect", "pipe", "--pipe-file", str(HERE / file)]


def quiet(row: Row) -> bool:
    """Whether other programs left the machine alone meanwhile."""
    return float(row.get("other_cpu", 0)) <= NOISY_CORES
