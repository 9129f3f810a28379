"""What the server counts of itself: plain numbers, counted where many are counted at once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from chatd.protocol.errors import Code


class Histogram:
    """How often something took how long: `counts` holds one number for each of `bounds_seconds`,
    for what took at most so long and longer than the bound before, and one for all that took
    longer."""

    __slots__ = ("bounds_seconds", "counts", "sum_seconds")

    def __init__(self, *bounds_seconds: float) -> None:
        self.bounds_seconds = bounds_seconds
        self.counts = [0] * (len(bounds_seconds) + 1)
        self.sum_seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one that took so long."""
        self.counts[bisect_left(self.bounds_seconds, seconds)] += 1
        self.sum_seconds += seconds


@dataclass(slots=True)
class Counts:
    """Since the server was started. `messages` are those that were stored or passed on, and
    `deliveries` those handed on to somebody's connection; `dropped` of these were not taken, as
    `lags` events told. `turned_away`: connections for which there was no room."""

    messages: int = 0
    deliveries: int = 0
    dropped: int = 0
    lags: int = 0
    registrations: int = 0
    connections: int = 0
    turned_away: int = 0
    tls_handshakes: int = 0
    sealed_handshakes: int = 0
    refusals: Counter[Code] = field(default_factory=Counter)

    def registered(self) -> None:
        """An account was made."""
        self.registrations += 1
