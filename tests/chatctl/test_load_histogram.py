"""Latencies as they are counted: against the exact answer for any values."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.load import histogram
from chatctl.load.histogram import COARSE, FINE, Histogram, rounded
from chatctl.load.picture import time_of

LATENCIES = st.integers(0, 20_000_000) | st.integers(0, 3_000) | st.sampled_from([0, 1, 1_000])
PERCENTS = st.sampled_from([0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0])


def counted(values: list[int], parts: int = 1) -> Histogram:
    """These, added in some parts."""
    made = Histogram()
    for part in range(parts):
        made.add(values[part::parts])
    return made


def exact(values: list[int], percent: float) -> int:
    """The least value that so many of all do not exceed."""
    rank = max(1, ceil(Fraction(len(values)) * Fraction(percent) / 100))
    return sorted(values)[rank - 1]


@given(st.lists(LATENCIES, min_size=1), PERCENTS, st.integers(1, 3))
def test_a_percentile_is_never_too_small_and_within_a_hundredth(
    values: list[int], percent: float, parts: int
) -> None:
    told, true = counted(values, parts).percentile(percent), exact(values, percent)
    assert true <= told <= true * 1.01
    assert told <= max(values)


@given(st.lists(LATENCIES, min_size=1))
def test_ends_mean_and_count_are_exact(values: list[int]) -> None:
    made = counted(values, 2)
    assert (made.percentile(100), made.count) == (max(values), len(values))
    assert (made.mean_us, made.least_us) == (sum(values) / len(values), min(values))
    assert made.greatest_us == max(values)


@given(st.lists(LATENCIES), st.sampled_from([COARSE, FINE]))
def test_every_value_is_in_its_bar_and_no_bar_is_left_out(
    values: list[int], steps: tuple[float, ...]
) -> None:
    bars = counted(values).bars(steps)
    assert [bar.count for bar in bars] == [
        sum(bar.over_us < value <= bar.up_to_us for value in values) for bar in bars
    ]
    assert sum(bar.count for bar in bars) == len(values)
    assert [bar.up_to_us for bar in bars[:-1]] == [bar.over_us for bar in bars[1:]]
    assert all(bar.count for bar in (*bars[:1], *bars[-1:]))


@given(LATENCIES)
def test_rounding_goes_up_to_three_digits(us: int) -> None:
    assert us <= rounded(us) <= us * 1.01
    assert len(str(rounded(us)).rstrip("0")) <= 3
    assert rounded(rounded(us)) == rounded(us)


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few values are kept as they came."""
    with monkeypatch.context() as patch:
        patch.setattr(histogram, "FRESH_MAX", 10)
        yield


def test_memory_does_not_grow_with_what_is_added(small_memory: None) -> None:
    values = list(range(0, 1_000_000, 7))
    made = Histogram()
    for first in range(0, len(values), 100):
        made.add(values[first : first + 100])
    assert len(made._counts) + len(made._fresh) <= 4_000
    assert made.percentile(50) == rounded(exact(values, 50))


def test_without_values_there_is_nothing() -> None:
    empty = Histogram()
    assert (empty.count, empty.mean_us, empty.percentile(50), empty.bars()) == (0, 0, 0, [])


@pytest.mark.parametrize(
    ("us", "told"),
    [
        (0, "0 µs"),
        (52, "52 µs"),
        (999, "999 µs"),
        (1_240, "1.24 ms"),
        (12_400, "12.4 ms"),
        (124_000, "124 ms"),
        (1_000_000, "1.00 s"),
        (13_540_000, "13.5 s"),
    ],
)
def test_a_time_to_read(us: int, told: str) -> None:
    assert time_of(us) == told
