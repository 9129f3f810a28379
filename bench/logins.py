"""Log-ins: RESUME of thousands of connections at once, and argon2 while others exchange messages.

The server keeps to core 0 and the client to core 1, but where it says that the server has both.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from .harness import BUILD, Plan, Row, Running, chatd
from .storm import DESCRIPTORS_SPARE, Meter, Storm, connect, keeping_to
from .talk import LOGINS_UNDER_WAY, MESSAGES_PER_SECOND, PAIRS, SECRET, Talk, logged_in

NAME = "logins"
CONNECTIONS = 5_000
UNDER_WAY = 1_000
WANTED_PER_SECOND = 5_000
ROOM_MEMBERS = 50
UNREAD = 5  # in each of two rooms
ACCOUNTS = 32  # that log in with argon2, by turns
TALK_SECONDS_MIN = 8.0
OWN_SECONDS = 2.0  # of argon2-cffi alone
DEFAULT_HASHES = {"argon2_memory_kib": "19456", "argon2_passes": "2", "argon2_lanes": "1"}

_ROOMS = CONNECTIONS // ROOM_MEMBERS
_END = b"PING|SUCCESS|end\n"
"""Answers a PING sent right behind: so all is done, with what is told after logging in."""

# What argon2-cffi does by itself, in the same Python with as many threads.
_ARGON2 = """
import sys, threading, time
from argon2 import PasswordHasher
threads, seconds = int(sys.argv[1]), float(sys.argv[2])
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
hashed, counts = hasher.hash("secret"), [0] * threads
begun = time.monotonic()
def work(place):
    while time.monotonic() < begun + seconds:
        hasher.verify(hashed, "secret")
        counts[place] += 1
running = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
for thread in running: thread.start()
for thread in running: thread.join()
print(sum(counts) / (time.monotonic() - begun))
"""


_RESUME_TOLD = (
    f"RESUME of {CONNECTIONS:,} connections, {UNDER_WAY:,} under way at once; wanted:"
    f" {WANTED_PER_SECOND:,} per second. Each counts once all that it is told has come, and a PING"
    f" sent right behind is answered. Members are in two rooms, with {UNREAD} unread in each. In"
    " brackets the lowest and highest round."
)
_ARGON2_TOLD = (
    f"AUTH with argon2id (19 MiB, 2 passes, 1 lane), {LOGINS_UNDER_WAY} under way, while"
    f" {PAIRS} pairs exchange {MESSAGES_PER_SECOND} stored messages per second. *Alone*:"
    " argon2-cffi by itself right before and after, a thread for each core. *Beside*: the same,"
    " in a process of its own, while the server carries those messages and nobody logs in: what the"
    " messages leave, and what they take with such a neighbour. Where the server has two cores it"
    " shares the second with the client."
)


def measure(plan: Plan) -> Iterator[Row]:
    """Rows of both parts, round by round."""
    for member in (False, True):
        with _accounts(member) as (data, tokens):
            for number in range(plan.rounds):
                for row in _resumes(data, tokens):
                    yield {"part": "resume", "rooms": member, "round": number, **row}
    for number in range(plan.rounds):
        for core in (0, None):
            yield {"part": "argon2", "round": number, **_argon2(core, plan.seconds)}


@contextmanager
def _accounts(member: bool) -> Iterator[tuple[Path, list[str]]]:
    """A data folder with accounts, each with a session whose token is known; as members of two
    rooms, with something unread in both."""
    BUILD.mkdir(exist_ok=True)
    _allow_descriptors()
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        tokens = [""] * CONNECTIONS

        def keep(number: int, sock: socket.socket, came: bytes) -> None:
            tokens[number] = came.partition(b"AUTH|SUCCESS|")[2][:43].decode()
            sock.close()

        with chatd(Path(folder)) as server, keeping_to(1):
            Storm(_requests(server, lambda n: _join(n, member)), _END, keep).run(CONNECTIONS, 64)
            if member:
                Storm(_requests(server, lambda _: _posts()), _END).run(1, 1)[0].close()
        yield Path(folder), tokens


def _join(number: int, member: bool) -> str:
    user = f"user{number}|tr0ub{number}x"
    rooms = f"JOIN|#a{number % _ROOMS}\nJOIN|#b{number % (_ROOMS - 1)}\n" if member else ""
    return f"REGISTER|{user}\nAUTH|{user}\n{rooms}"


def _posts() -> str:
    """What somebody says in every room while its members are away."""
    rooms = [f"#a{n}" for n in range(_ROOMS)] + [f"#b{n}" for n in range(_ROOMS - 1)]
    said = [f"JOIN|{room}\n" + f"MSG|{room}|hello there\n" * UNREAD for room in rooms]
    return f"REGISTER|poster|{SECRET}\nAUTH|poster|{SECRET}\n" + "".join(said)


def _requests(server: Running, request: Callable[[int], str]) -> Callable[[int], socket.socket]:
    return lambda number: connect(server.port, f"{request(number)}PING|end\n".encode())


def _resumes(data: Path, tokens: list[str]) -> Iterator[Row]:
    """After a restart and again when all is in memory; connections made on the way, or before."""
    for connected in (False, True):
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            shutil.copytree(data, folder, dirs_exist_ok=True)
            with chatd(Path(folder)) as server, keeping_to(1):
                for memory in ("after a restart", "in memory"):
                    yield {
                        "memory": memory,
                        "connected": connected,
                        **_resume(server, tokens, connected),
                    }


def _resume(server: Running, tokens: list[str], connected: bool) -> Row:
    socks: list[socket.socket] = []
    if connected:
        socks = Storm(lambda _: connect(server.port), b"*HELLO|").run(len(tokens), UNDER_WAY)

    def start(number: int) -> socket.socket:
        sock = socks[number] if connected else connect(server.port)
        sock.send(f"RESUME|{tokens[number]}\nPING|end\n".encode())
        return sock

    meter = Meter(server.pid)
    done = Storm(start, _END).run(len(tokens), UNDER_WAY)
    row: Row = meter.stop(len(tokens))
    for sock in done:
        sock.close()
    ask_quiet = Storm(lambda _: connect(server.port, b"PING|end\n"), _END)
    ask_quiet.run(1, 1)[0].close()  # the server has seen them leave
    return row


def _argon2(core: int | None, seconds: float) -> Row:
    """The rate of AUTH against argon2's own, before and after and beside messages; latencies at
    rest, beside argon2 and during log-ins."""
    cores = os.sched_getaffinity(0) if core is None else {sorted(os.sched_getaffinity(0))[core]}
    seconds = max(seconds, TALK_SECONDS_MIN)
    before = _own_rate(cores)
    with chatd(settings=DEFAULT_HASHES, core=core) as server, keeping_to(1):
        speakers = [logged_in(server.port, f"speaker{n}") for n in range(PAIRS)]
        listeners = [logged_in(server.port, f"listener{n}") for n in range(PAIRS)]
        for number in range(ACCOUNTS):
            logged_in(server.port, f"user{number}").close()
        turns = itertools.cycle(range(ACCOUNTS))

        def log_in() -> socket.socket:
            return connect(server.port, f"AUTH|user{next(turns)}|{SECRET}\n".encode())

        rest, beside, storm = (Talk(speakers, listeners, log_in) for _ in range(3))
        rest.run(seconds, 0)
        with _own_started(cores, seconds) as argon2:
            beside.run(seconds, 0)
            left = _printed(argon2)
        meter = Meter(server.pid)
        storm.run(seconds, LOGINS_UNDER_WAY)
        row: Row = meter.stop(storm.logins)
        for sock in [*speakers, *listeners]:
            sock.close()
    own = (before + _own_rate(cores)) / 2
    talks = {"rest_ms": rest, "beside_ms": beside, "storm_ms": storm}
    spread = {name: _percentiles(talk) for name, talk in talks.items()}
    return {"cores": len(cores), "own_rate": own, "beside_rate": left, **row, **spread}


def _own_rate(cores: set[int]) -> float:
    with _own_started(cores, OWN_SECONDS) as argon2:
        return _printed(argon2)


def _own_started(cores: set[int], seconds: float) -> subprocess.Popen[str]:
    """argon2-cffi by itself, a thread for each core; it prints its rate."""
    where = ["taskset", "-c", ",".join(map(str, cores))]
    command = [*where, sys.executable, "-c", _ARGON2, str(len(cores)), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _printed(argon2: subprocess.Popen[str]) -> float:
    return float(argon2.communicate()[0])


def _percentiles(talk: Talk) -> list[float]:
    """p50 and p99."""
    cuts = quantiles(talk.latencies_ms, n=100)
    return [round(cuts[49], 2), round(cuts[98], 2)]


def _allow_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + DESCRIPTORS_SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def report(rows: list[Row]) -> str:
    """Two tables, medians of the rounds."""
    resumes = [row for row in rows if row["part"] == "resume"]
    hashes = [row for row in rows if row["part"] == "argon2"]
    return f"{_resume_table(resumes)}\n\n{_argon2_table(hashes)}\n"


def _resume_table(rows: list[Row]) -> str:
    lines = [
        _RESUME_TOLD,
        "",
        "| sessions | accounts | connecting | per second | server µs each | client's load |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    cases = {(row["memory"], row["rooms"], row["connected"]): None for row in rows}
    for memory, member, connected in cases:
        some = [
            r
            for r in rows
            if (r["memory"], r["rooms"], r["connected"]) == (memory, member, connected)
        ]
        rates = [row["rate"] for row in some]
        lines.append(
            f"| {memory} | {'members' if member else 'bare'} |"
            f" {'before' if connected else 'included'} |"
            f" {median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) |"
            f" {_median(some, 'server_us'):.0f} | {_median(some, 'client_cpu'):.2f} |"
        )
    return "\n".join(lines)


def _argon2_table(rows: list[Row]) -> str:
    lines = [
        _ARGON2_TOLD,
        "",
        "| cores | AUTH/s | of alone | of beside | p50, p99 at rest, ms | beside | in log-ins |",
        "| ---: | ---: | ---: | ---: | --- | --- | --- |",
    ]
    for cores in sorted({row["cores"] for row in rows}):
        some = [row for row in rows if row["cores"] == cores]
        latencies = (_latency(some, name) for name in ("rest_ms", "beside_ms", "storm_ms"))
        lines.append(
            f"| {cores} | {_median(some, 'rate'):.1f} | {_share(some, 'own_rate')} |"
            f" {_share(some, 'beside_rate')} | {' | '.join(latencies)} |"
        )
    return "\n".join(lines)


def _share(rows: list[Row], name: str) -> str:
    """Of argon2's own rate, and that rate."""
    share = median(row["rate"] / row[name] for row in rows)
    return f"{share:.2f} of {_median(rows, name):.1f}"


def _latency(rows: list[Row], name: str) -> str:
    return ", ".join(f"{median(row[name][place] for row in rows):.2f}" for place in (0, 1))


def _median(rows: list[Row], name: str) -> float:
    return median(float(row[name]) for row in rows)
