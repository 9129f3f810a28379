"""What reading costs against the messages stored: HISTORY, UNREAD, JOIN, RESUME."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from .fill import UNREAD, Filling, filled, fresh
from .growth_client import Asker, timed
from .harness import Plan, Row, chatd
from .plots import lines
from .storm import keeping_to
from .tables import amount, micros, spread, table

MESSAGES = (1_000, 100_000, 1_000_000, 10_000_000)
FEW, MANY = "u0", "u9"  # the first and the last member of #r0, who has read nothing
PAGE = 100
REFILLED_MAX = 1_000_000  # messages: filled anew each time, as runs add to them
ROOMS = 1_000
JOIN_SECONDS = 1.0
CASES = {
    "newest": f"HISTORY, newest {PAGE}",
    "middle": f"HISTORY, {PAGE} in the middle",
    "first": f"HISTORY, first {PAGE}",
    "unread-few": f"UNREAD, {UNREAD} unread",
    "unread-many": "UNREAD, half of all unread",
    "resume-few": f"RESUME, {UNREAD} unread",
    "resume-many": "RESUME, half of all unread",
    "join": "JOIN of a room not used before",
}

Act = Callable[[], object]


def history_of(messages: int) -> Filling:
    """Accounts, each in one room of ten, and so many messages, half of them in #r0."""
    return Filling(10_000, ROOMS, 10, messages)


def reads(plan: Plan) -> Iterator[Row]:
    """Each case again and again for `seconds`, in turn."""
    for messages in MESSAGES:
        filling = history_of(messages)
        path = fresh(filling) if messages <= REFILLED_MAX else filled(filling)
        warm(path)
        with chatd(path) as server, keeping_to(1):
            cases = _cases(server.port, messages)
            for case, act in cases.items():
                act()  # what is read only once is not measured
                for _ in range(plan.rounds):
                    row = timed(server.pid, plan.seconds, act)
                    yield {"messages": messages, "case": case, **row}
            yield from _joins(server.port, server.pid, messages)


def warm(path: Path) -> None:
    """Have the database in the system's cache: otherwise the disk is measured."""
    with (path / "chatd.db").open("rb") as file:
        while file.read(1 << 20):
            pass


def _cases(port: int, messages: int) -> dict[str, Act]:
    few, many = Asker(port), Asker(port)
    tokens = {asker: asker.log_in(name) for asker, name in ((few, FEW), (many, MANY))}
    last_seq = int(few.ask("JOIN|#r0").split(b"|")[3])
    few.ask(f"SEEN|#r0|{last_seq - UNREAD}")  # a load adds some
    random = Random(messages)
    last = messages // 2 - PAGE - 1
    return {
        "newest": lambda: few.ask(f"HISTORY|#r0|limit={PAGE}"),
        "middle": lambda: few.ask(f"HISTORY|#r0|after={random.randrange(last)}|limit={PAGE}"),
        "first": lambda: few.ask(f"HISTORY|#r0|after=0|limit={PAGE}"),
        "unread-few": lambda: few.ask("UNREAD"),
        "unread-many": lambda: many.ask("UNREAD"),
        "resume-few": lambda: _resume(port, tokens[few]),
        "resume-many": lambda: _resume(port, tokens[many]),
    }


def _resume(port: int, token: str) -> None:
    """Connect, resume, and hear what is unread."""
    asker = Asker(port)
    asker.ask(f"RESUME|{token}", "PING")
    asker.close()


def _joins(port: int, pid: int, messages: int) -> Iterator[Row]:
    """Rooms that the server has not read from disk yet; left again, so that nothing is changed."""
    asker = Asker(port)
    asker.log_in(FEW)
    rooms = iter(range(1, ROOMS))
    joined = []

    def join() -> None:
        joined.append(f"#r{next(rooms)}")
        asker.ask(f"JOIN|{joined[-1]}")

    yield {"messages": messages, "case": "join", **timed(pid, JOIN_SECONDS, join, ROOMS - 1)}
    asker.ask(*(f"LEAVE|{room}" for room in joined), "PING")
    asker.close()


MEASURES = {"reads": reads}


def report(rows: list[Row]) -> str:
    rows = [row for row in rows if row["what"] == "reads"]
    return _report(rows) if rows else ""


def _report(rows: list[Row]) -> str:
    body, series = [], dict[str, list[tuple[float, float]]]()
    amounts = sorted({row["messages"] for row in rows})
    for case, words in CASES.items():
        cells = []
        for messages in amounts:
            own = [r for r in rows if r["case"] == case and r["messages"] == messages]
            cells.append(spread([r["p50_us"] for r in own], micros))
            cells.append(spread([r["server_us"] for r in own], micros))
            series.setdefault(words, []).extend((messages, r["p50_us"]) for r in own)
        body.append([words, *cells])
    heads = [""] + [f"{amount(m)}: {column}" for m in amounts for column in ("p50", "CPU")]
    plot = lines("reads", "Reading", "messages stored", "p50, µs", series)
    return f"""### Reading back, against the messages stored

One client that asks and waits. *CPU*: of the server, each. JOIN includes its commit. The
database is in the system's cache.

{table(heads, body)}

{plot}"""
