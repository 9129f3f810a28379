"""The machine that the figures were measured on: what it is, and how fast its disk syncs."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import apsw

from chatd import __version__

from .harness import BUILD, HERE, Row

SYNCS = 200
SYNC_BYTES = 4096


def describe() -> Row:
    """A row: processor, kernel, versions, and the disk's time for one fdatasync in µs."""
    syncs = sync_us()
    return {
        "section": "machine",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "chatd": " ".join([__version__, *_commit()]),
        "sqlite": apsw.sqlite_lib_version(),
        "fdatasync_p50_us": round(median(syncs)),
        "fdatasync_p99_us": round(quantiles(syncs, n=100)[-1]),
    }


def sync_us() -> list[float]:
    """How long the disk takes for a page that is appended and synced, each time, in µs."""
    BUILD.mkdir(exist_ok=True)
    took = []
    with tempfile.TemporaryFile(dir=BUILD) as file:
        for _ in range(SYNCS):
            os.write(file.fileno(), bytes(SYNC_BYTES))
            start = perf_counter()
            os.fdatasync(file.fileno())
            took.append((perf_counter() - start) * 1e6)
    return took


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _commit() -> list[str]:
    """The commit, where this is a clone."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return [f"({done.stdout.strip()})"] if done.returncode == 0 else []
