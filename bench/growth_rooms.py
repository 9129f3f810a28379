"""Deliveries, log-ins and memory against rooms: ten users who are in all of them.

The load goes to one XX
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median

from .fill import TEXT, Filling, filled
from .growth_client import READ_BYTES_MAX, Asker
from .harness import Plan, Row, chatd
from .plots import lines
from .storm import Meter, keeping_to
from .tables import amount, spread, table

ROOMS = (1, 10, 100, 1_000, 10_000, 100_000)
USERS = 10
WINDOW = 64
LOADS = {"one": "one of them", "all": "all of them, at random"}

Points = dict[str, list[tuple[float, float]]]


@dataclass
class Post:
    """One user posts, all others hear it; `came` counts each one's lines."""

    users: list[Asker]
    came: dict[int, int] = field(default_factory=dict)

    def run(self, rooms: Iterator[int]) -> int:
        """Keep `WINDOW` messages under way, one to each of `rooms`; how many there were."""
        sent, going, sender = 0, True, self.users[0].sock
        self.came = {user.sock.fileno(): 0 for user in self.users}
        with self._listening() as ready:
            while going or self._done() < sent:
                names = list(islice(rooms, WINDOW - (sent - self._done())))
                sender.sendall("".join(f"MSG|#r{n}|{TEXT}\n" for n in names).encode())
                sent += len(names)
                going = bool(names) or self._done() + WINDOW == sent
                if self._done() < sent:
                    self._hear(ready)
        return sent

    def _done(self) -> int:
        return min(self.came.values())

    def _hear(self, ready: selectors.BaseSelector) -> None:
        for key, _ in ready.select():
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            data = sock.recv(READ_BYTES_MAX)
            if not data or b"|FAILURE|" in data:
                raise ConnectionError(data[:300].decode())
            self.came[key.fd] += data.count(b"\n")

    @contextmanager
    def _listening(self) -> Iterator[selectors.BaseSelector]:
        with selectors.DefaultSelector() as ready:
            for user in self.users:
                ready.register(user.sock, selectors.EVENT_READ)
            yield ready


def rooms(plan: Plan) -> Iterator[Row]:
    """Rates, the time to log in, and resident memory once all have."""
    for _ in range(plan.rounds):
        for count in ROOMS:
            with chatd(filled(Filling(USERS, count, USERS))) as server, keeping_to(1):
                users = [Asker(server.port) for _ in range(USERS)]
                start = time.perf_counter()
                for number, user in enumerate(users):
                    user.log_in(f"u{number}")
                log_in_ms = (time.perf_counter() - start) * 1e3 / USERS
                memory = {"log_in_ms": round(log_in_ms, 2), "rss_mib": rss_mib(server.pid)}
                for load in LOADS:
                    row = _posted(server.pid, users, count if load == "all" else 1, plan.seconds)
                    yield {"rooms": count, "load": load, **memory, **row}


def _posted(pid: int, users: list[Asker], rooms: int, seconds: float) -> Row:
    post = Post(users)
    post.run(iter(range(rooms)))  # so that what can be in memory is there
    meter = Meter(pid)
    sent = post.run(_at_random(rooms, seconds))
    meant = meter.stop(sent * (USERS - 1))
    return {
        "deliveries_s": meant["rate"],
        "cpu_us_per_delivery": meant["server_us"],
        "other_cpu": meant["other_cpu"],
    }


def _at_random(rooms: int, seconds: float) -> Iterator[int]:
    random, end = Random(rooms), time.monotonic() + seconds
    while time.monotonic() < end:
        yield random.randrange(rooms)


def rss_mib(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


MEASURES = {"rooms": rooms}


def report(rows: list[Row]) -> str:
    """A table with all, and a plot of the rates."""
    rows = [row for row in rows if row["what"] == "rooms"]
    return _report(rows) if rows else ""


def _report(rows: list[Row]) -> str:
    body, rates = [], Points()
    for count in sorted({row["rooms"] for row in rows}):
        own = [row for row in rows if row["rooms"] == count]
        cells = [spread([r[column] for r in own]) for column in ("log_in_ms", "rss_mib")]
        for load, words in LOADS.items():
            loaded = [row for row in own if row["load"] == load]
            rate = [row["deliveries_s"] for row in loaded]
            rates.setdefault(words, []).append((count, median(rate)))
            cells += [spread(rate), spread([row["cpu_us_per_delivery"] for row in loaded])]
        body.append([amount(count), *cells])
    heads = ["rooms", "log-in, ms", "resident, MiB"]
    heads += [f"{words}: {figure}" for words in LOADS.values() for figure in ("deliveries/s", "µs")]
    plot = lines("rooms-rate", "Deliveries against rooms", "rooms", "deliveries/s", rates)
    return f"""### Rooms

Ten users who are members of all rooms; one posts, window {WINDOW}, stored. The posts go to one of
the rooms or to all of them at random, of which the server keeps 60,000 in memory.

{table(heads, body)}

{plot}"""
