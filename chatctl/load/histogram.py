"""How often each latency occurred, in bounded memory, to three significant digits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

EXACT_MAX = 1_000
"""Up to here, in µs, nothing is rounded."""
FRESH_MAX = 50_000
"""Distinct values that are kept as they came before they are rounded."""

COARSE = (1.0, 2.0, 5.0)
FINE = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
"""Edges within a decade; the latter are the preferred numbers R10 of ISO 3."""


def rounded(us: int) -> int:
    """To three significant digits, upwards: by less than one per cent, and never flattering."""
    if us < EXACT_MAX:
        return us
    step: int = 10 ** (len(str(us)) - 3)
    return -(-us // step) * step


@dataclass(frozen=True, slots=True)
class Bar:
    """How many values lie over `over_us` and up to `up_to_us`."""

    over_us: int
    up_to_us: int
    count: int


class Histogram:
    """Latencies in whole µs. Least, greatest and mean are exact; the rest is `rounded`."""

    def __init__(self) -> None:
        self.total_us = 0
        self.least_us = 0
        self.greatest_us = 0
        self._fresh: Counter[int] = Counter()
        self._counts: Counter[int] = Counter()

    def add(self, values_us: Iterable[int]) -> None:
        """Count these; negative ones are none."""
        self._fresh.update(values_us)
        if len(self._fresh) > FRESH_MAX:
            self._fold()

    @property
    def count(self) -> int:
        """How many there are."""
        return self._counts.total() + self._fresh.total()

    @property
    def mean_us(self) -> float:
        """Their mean; 0 if there is none."""
        self._fold()
        return self.total_us / max(1, self.count)

    def percentile(self, percent: float) -> int:
        """The least value, `rounded`, that `percent` of all do not exceed; 0 if there is none."""
        self._fold()
        rank = max(1, ceil(self.count * percent / 100))
        passed = 0
        for us in sorted(self._counts):
            passed += self._counts[us]
            if passed >= rank:
                return min(us, self.greatest_us)
        return self.greatest_us

    def bars(self, steps: Sequence[float] = FINE) -> list[Bar]:
        """All of them, from least to greatest, with the empty ones between."""
        self._fold()
        if not self._counts:
            return []
        edges = list(_edges(self.least_us, self.greatest_us, steps))
        return [
            Bar(low, high, sum(n for us, n in self._counts.items() if low < us <= high))
            for low, high in pairwise(edges)
        ]

    def _fold(self) -> None:
        """Round what is fresh."""
        fresh, self._fresh = self._fresh, Counter()
        if not fresh:
            return
        least = min(fresh)
        self.least_us = min(self.least_us, least) if self._counts else least
        self.greatest_us = max(self.greatest_us, *fresh)
        for us, count in fresh.items():
            self.total_us += us * count
            self._counts[rounded(us)] += count


def _edges(least: int, greatest: int, steps: Sequence[float]) -> Iterator[int]:
    """Those between which `least` and `greatest` lie; a 0 lies over -1."""
    low = -1 if least == 0 else 0
    for edge in _rising(steps):
        if edge >= least:
            yield low
        low = edge
        if edge >= greatest:
            yield edge
            return


def _rising(steps: Sequence[float]) -> Iterator[int]:
    """Whole numbers without end, by these steps in each decade."""
    last, unit = 0, 1
    while True:
        for step in steps:
            if (edge := int(unit * step)) > last:
                yield edge
                last = edge
        unit *= 10
