"""What the rows of throughput say: medians, ratios and whether the machine was quiet enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .harness import Row, quiet

RIVALS = ("inspircd", "nats", "ngircd")
ROUNDS_WANTED = 5
DELIVERIES_MIN = 100
ERROR_MAX = 120  # characters
WIDE = 1.5  # greatest to least: a spread in which a figure near its mark is a matter of luck


def phase(row: Row) -> str:
    """What was put to the server, in words."""
    kind = row["scenario"]
    if kind == "idle":
        return f"{row['conns']:,} idle connections"
    window = f"window {row['window']}"
    if kind == "pairs":
        told = f"{row['pairs']} pairs, {window}"
    elif kind == "manyrooms":
        told = f"{row['rooms']} rooms of {row['members']}, {window}"
    else:
        senders = f"{row['senders']} sender{'s' if row['senders'] > 1 else ''}"
        told = f"fan-out to {row['members']:,}, {senders}, {window}"
    return f"{told}, at a tenth" if row.get("rate") else told


def trouble(row: Row) -> str | None:
    """Why a row of the generator is not a figure."""
    if "error" in row:
        return str(row["error"])[:ERROR_MAX]
    if "deliveries_s" in row and row["deliveries_s"] * row["secs"] < DELIVERIES_MIN:
        return f"fewer than {DELIVERIES_MIN} deliveries in {row['secs']:.1f} s"
    return None


def by_phase(rows: list[Row]) -> dict[str, dict[str, list[Row]]]:
    """The measured rows: phase, then server. Those that failed are left out."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if "scenario" in row and trouble(row) is None:
            found.setdefault(phase(row), {}).setdefault(row["server"], []).append(row)
    return found


def kept(rows: list[Row]) -> list[Row]:
    """The quiet ones, if they are at least half; else all."""
    calm = [row for row in rows if quiet(row)]
    return calm if 2 * len(calm) >= len(rows) else rows


def values(rows: list[Row], key: str) -> list[float]:
    """A figure's values in the rows that count."""
    return [float(row[key]) for row in kept(rows)]


def best(servers: dict[str, list[Row]], among: tuple[str, ...] = RIVALS) -> str | None:
    """The server with the greatest median of deliveries per second."""
    present = [name for name in among if name in servers]
    return max(
        present, key=lambda name: median(values(servers[name], "deliveries_s")), default=None
    )


@dataclass(frozen=True)
class Judged:
    """The values of each round that count, and whether as many as half of the rounds were quiet."""

    values: list[float]
    calm: bool

    def verdict(self, wanted: float, at_most: bool = False) -> str:
        """In words. Where the rounds scatter widely around what is wanted, none."""
        if not self.values:
            return "not measured"
        least, greatest = min(self.values), max(self.values)
        if not self.calm or (least < wanted < greatest and greatest > WIDE * least):
            return "too noisy to tell"
        middle = median(self.values)
        reached = middle <= wanted if at_most else middle >= wanted
        number = len(self.values)
        few = f" (n = {number})" if number < ROUNDS_WANTED else ""
        return f"{'reached' if reached else '**not reached**'}{few}"


def judged(rows: list[Row], figure: Callable[[Row], float]) -> Judged:
    """A figure of one server."""
    calm = [row for row in rows if quiet(row)]
    return Judged([figure(row) for row in kept(rows)], 2 * len(calm) >= len(rows))


def ratios(ours: list[Row], theirs: list[Row], key: str = "deliveries_s") -> Judged:
    """Ours to theirs, each of the same round of the same run, neighbours in time. Where they were
    measured in different runs, the ratio of the medians."""
    rounds = {(row["run"], row["round"]): row for row in theirs}
    pairs = [(row, rounds.get((row["run"], row["round"]))) for row in ours]
    both = [(mine, other) for mine, other in pairs if other is not None]
    if not both and ours and theirs:
        return Judged([median(values(ours, key)) / median(values(theirs, key))], True)
    calm = [(mine, other) for mine, other in both if quiet(mine) and quiet(other)]
    enough = 2 * len(calm) >= len(both)
    return Judged([mine[key] / other[key] for mine, other in (calm if enough else both)], enough)
