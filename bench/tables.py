"""Numbers and tables as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median


def table(heads: list[str], body: Iterable[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *body])


def amount(value: float) -> str:
    """Three digits or so: 1.23M, 45.6k, 789, 1.23, 0.046."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{_digits(value / limit)}{unit}"
    return _digits(value)


def _digits(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def micros(value: float) -> str:
    """A time given in µs."""
    if value >= 1e6:
        return f"{value / 1e6:.2f} s"
    return f"{value / 1e3:.1f} ms" if value >= 1e3 else f"{value:.0f} µs"


def spread(values: list[float], form: Callable[[float], str] = amount) -> str:
    """The median, with the least and the greatest: `5.2 (5.0..5.9)`."""
    if not values:
        return "–"
    if len(values) == 1:
        return form(values[0])
    return f"{form(median(values))} ({form(min(values))}..{form(max(values))})"
