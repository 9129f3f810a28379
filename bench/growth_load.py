"""Deliveries against members of a room, and against the messages stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

from .fill import Filling, filled, fresh
from .growth_reads import MESSAGES, REFILLED_MAX, history_of, warm
from .harness import Plan, Row, chatd, generate, pipe_dialect
from .plots import lines
from .tables import amount, spread, table

MEMBERS = (10, 100, 1_000, 10_000)
PHASES = "1:64,1:1"
MANY_ROOMS = ("--scenario", "manyrooms", "--rooms", "100", "--members", "10", "--phases", "100:4")
FANOUT = ("--scenario", "fanout", "--phases", PHASES)

Points = dict[str, list[tuple[float, float]]]


def members(plan: Plan) -> Iterator[Row]:
    """One sender, one room, all of whose members are there."""
    for _ in range(plan.rounds):
        for count in MEMBERS:
            yield from _load(plan, Filling(count, 1, count), *FANOUT, "--members", str(count))


def history(plan: Plan) -> Iterator[Row]:
    """One room of ten, and a hundred rooms of ten, whose messages join those stored before."""
    for _ in range(plan.rounds):
        for messages in MESSAGES:
            if messages <= REFILLED_MAX:  # what the last round added would count
                fresh(history_of(messages))
            for scenario in ((*FANOUT, "--members", "10"), MANY_ROOMS):
                for row in _load(plan, history_of(messages), *scenario):
                    yield {"messages": messages, **row}


def _load(plan: Plan, filling: Filling, *options: str) -> list[Row]:
    path = filled(filling)
    warm(path)
    with chatd(path) as server:
        dialect = pipe_dialect("filled.pipe")
        options = ("--secs", str(plan.seconds), "--inflight", "64", *options)
        return generate(server.port, server.pid, "chatd", dialect, *options)


MEASURES = {"members": members, "history": history}


def report(rows: list[Row]) -> str:
    """Tables of rates and CPU."""
    parts = {"members": _report_members, "history": _report_history}
    chosen = {what: [row for row in rows if row["what"] == what] for what in parts}
    return "\n\n".join(parts[what](own) for what, own in chosen.items() if own)


def _report_members(rows: list[Row]) -> str:
    body, rates, costs = _figures(rows, "members", lambda row: f"window {row['window']}")
    heads = ["", "members", "deliveries/s", "CPU µs each", "p50, µs"]
    plots = _plots("members", "members of the room", rates, costs)
    return f"### Members\n\nOne sender, one room, stored.\n\n{table(heads, body)}\n\n{plots}"


def _report_history(rows: list[Row]) -> str:
    def kind(row: Row) -> str:
        rooms = f"{row['rooms']} rooms" if "rooms" in row else "one room"
        return f"{rooms} of 10, window {row['window']}"

    body, rates, costs = _figures(rows, "messages", kind)
    heads = ["", "messages stored", "deliveries/s", "CPU µs each", "p50, µs"]
    plots = _plots("history", "messages stored before", rates, costs)
    return f"### History\n\n{table(heads, body)}\n\n{plots}"


def _figures(
    rows: list[Row], column: str, kind: Callable[[Row], str]
) -> tuple[list[list[str]], Points, Points]:
    """The table's lines, and points of the rates and of the CPU, against a column."""
    body, rates, costs = [], Points(), Points()
    for key in sorted({(kind(row), row[column]) for row in rows}):
        own = [row for row in rows if (kind(row), row[column]) == key]
        rate = [row["deliveries_s"] for row in own]
        cost = [row["cpu_us_per_delivery"] for row in own]
        p50 = [row["lat_p50_us"] for row in own]
        body.append([key[0], amount(key[1]), spread(rate), spread(cost), spread(p50)])
        rates.setdefault(key[0], []).append((key[1], median(rate)))
        costs.setdefault(key[0], []).append((key[1], median(cost)))
    return body, rates, costs


def _plots(name: str, x_label: str, rates: Points, costs: Points) -> str:
    title = f"Deliveries against {x_label}"
    rate = lines(f"{name}-rate", title, x_label, "deliveries/s", rates)
    cost = lines(f"{name}-cpu", f"CPU, against {x_label}", x_label, "CPU µs a delivery", costs)
    return f"{rate}\n{cost}"
