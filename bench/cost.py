"""Fills the tables of bench/COST.md anew: `python -m bench.cost [steps] [calls] [machine]`.

Without arguments all three are measured, in about two minutes. The page's words stay as they are:
a table stands between `<!-- NAME -->` and `<!-- end -->`. System calls need strace.
"""

from __future__ import annotations

import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from time import perf_counter_ns

from . import machine, micro
from .harness import BUILD, GENERATOR, HERE, Plan, build, chatd, pinned, pipe_dialect
from .tables import amount, table

PAGE = HERE / "COST.md"
FAN_OUT = "--scenario fanout --members 100 --phases"
PAIRS_TALKING = 100
PAIRS = f"--scenario pairs --pairs {PAIRS_TALKING} --phases"
# The second phase is traced: in the first, everybody has logged in.
CELLS = {
    "fan-out 100, window 1": f"{FAN_OUT} 1:1,1:1",
    "fan-out 100, window 64": f"{FAN_OUT} 1:64,1:64",
    "100 pairs, window 1": f"{PAIRS} 1:1,1:1",
    "100 pairs, window 32": f"{PAIRS} 1:32,1:32",
}
KINDS = {"stored": "chatd.pipe", "history=no": "chatd-live.pipe"}
LOAD_SECONDS = 2.0
CALLS = {
    "sendto": "send",
    "recvfrom": "recv",
    "epoll_wait": "epoll_wait",
    "epoll_ctl": "epoll_ctl",
    "read": "read",
    "write": "write",
    "futex": "futex",
    "getrandom": "getrandom",
    "pwrite64": "pwrite",
    "fdatasync": "fdatasync",
    "fcntl": "fcntl",
    "pread64": "pread",
}
"""By their names in the kernel, in the order of the way."""
CALLS_LEAST = 0.001
LOOPS, TRIES = 200, 15


def main() -> None:
    wanted = sys.argv[1:] or ["steps", "calls", "machine"]
    build()
    for name in wanted:
        print(f"bench: {name} …", flush=True)
        _fill(name, {"steps": _steps, "calls": _calls, "machine": _machine}[name]())
    print(f"bench: {PAGE} is written")


def _fill(name: str, tables: str) -> None:
    """Replace the part of the page that has this name."""
    text, found = re.subn(
        rf"(<!-- {name} -->\n).*?(\n<!-- end -->)",
        lambda part: part[1] + tables + part[2],
        PAGE.read_text(),
        flags=re.DOTALL,
    )
    if found != 1:
        sys.exit(f"bench: {PAGE} has no part called {name}")
    PAGE.write_text(text)


def _steps() -> str:
    return micro.report(list(micro.measure(Plan())))


def _calls() -> str:
    """System calls a message, by scenario."""
    if shutil.which("strace") is None:
        sys.exit("bench: strace is needed to count system calls (Debian: apt install strace)")
    counts = {
        f"{cell}, {kind}": _traced(load, pipe)
        for cell, load in CELLS.items()
        for kind, pipe in KINDS.items()
    }
    body = []
    for cell, count in counts.items():
        known = [count.get(name, 0) for name in CALLS]
        every = sum(count.values())
        body.append([cell, amount(every), *map(_told, known), _told(every - sum(known))])
    return table(["scenario", "all", *(f"`{name}`" for name in CALLS.values()), "other"], body)


def _told(calls: float) -> str:
    return amount(calls) if calls >= CALLS_LEAST else ""


def _traced(load: str, pipe: str) -> dict[str, float]:
    """Calls a message."""
    with chatd() as server:
        command = [
            *(*pinned(1), str(GENERATOR), *pipe_dialect(pipe)),
            *("--port", str(server.port), "--pid", str(server.pid), *load.split()),
            *("--warm", "0", "--secs", str(LOAD_SECONDS)),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as generator:
            assert generator.stdout is not None
            generator.stdout.readline()  # the first phase is over
            with _tracing(server.pid) as summary:
                row = json.loads(generator.stdout.readline())
            counts = re.findall(r"^ *(\d+) (\w+)$", summary.read_text(), re.MULTILINE)
    rate = row["msgs_s"] if "fanout" in load else row["deliveries_s"]
    # At the end a whole window is still to come; it is traced, but not in the rate.
    messages = rate * row["secs"] + row["window"] * row.get("senders", PAIRS_TALKING)
    return {name: int(calls) / messages for calls, name in counts if name != "total"}


@contextmanager
def _tracing(pid: int) -> Iterator[Path]:
    """Count a process's system calls meanwhile; afterwards they stand in this file."""
    summary = BUILD / "strace.txt"
    command = ["strace", "-c", "-f", "-U", "calls,name", "-o", str(summary), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
        try:
            yield summary
        finally:
            tracer.send_signal(signal.SIGINT)


def _machine() -> str:
    """What this machine charges for the least of each kind, from Python, in µs."""
    here, there = _pair()
    epoll, bell = select.epoll(), os.eventfd(0, os.EFD_NONBLOCK)
    message, lines = b"x" * 110, b"x" * 110 * 64
    with here, there:
        charged = {
            "a call of a Python function": _each(_nothing),
            "`epoll_wait` that finds nothing": _each(epoll.poll, 0),
            "`eventfd` written and read": _each(_ring, bell),
            "`getrandom` of 12 bytes": _each(os.urandom, 12),
            "`send` of 110 bytes on loopback, with the kernel's work for the receiver": _each(
                here.send, message, after=lambda: _drain(there)
            ),
            "`send` of 64 times as much": _each(here.send, lines, after=lambda: _drain(there)),
            "`recv` of 110 bytes that are there, from one who is answered": _each(
                there.recv,
                65_536,
                before=lambda: here.send(message),
                after=lambda: (there.send(message), here.recv(65_536)),
            ),
            "to another thread and back: queue, `eventfd`, `epoll_wait`": _hop(),
            "`fdatasync` of an appended page, most of it waiting": median(machine.sync_us()),
        }
    epoll.close()
    os.close(bell)
    return table(["what", "µs"], [[what, amount(us)] for what, us in charged.items()])


def _each(
    act: Callable[..., object],
    *arguments: object,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> float:
    """The µs of one call: the median of tries, each a mean of many."""
    tries = []
    for _ in range(TRIES):
        spent = 0
        for _ in range(LOOPS):
            before()
            start = perf_counter_ns()
            act(*arguments)
            spent += perf_counter_ns() - start
            after()
        tries.append(spent / LOOPS / 1000)
    return median(tries)


def _nothing() -> None:
    pass


def _ring(bell: int) -> None:
    os.eventfd_write(bell, 1)
    os.eventfd_read(bell)


def _pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        here = socket.create_connection(door.getsockname())
        there, _ = door.accept()
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    there.setblocking(False)
    return here, there


def _drain(there: socket.socket) -> None:
    with suppress(BlockingIOError):
        while there.recv(1 << 20):
            pass


def _hop() -> float:
    jobs: queue.SimpleQueue[bool] = queue.SimpleQueue()
    with select.epoll() as epoll:
        bell = os.eventfd(0, os.EFD_NONBLOCK)
        epoll.register(bell, select.EPOLLIN)

        def work() -> None:
            while jobs.get():
                os.eventfd_write(bell, 1)

        def there_and_back() -> None:
            jobs.put(True)
            epoll.poll()
            os.eventfd_read(bell)

        thread = threading.Thread(target=work)
        thread.start()
        took = _each(there_and_back)
        jobs.put(False)
        thread.join()
        os.close(bell)
    return took


if __name__ == "__main__":
    main()
