"""What the benchmark concludes from rows: medians, ratios of neighbours, or that it cannot tell."""

from __future__ import annotations

import pytest

from bench import results
from bench.harness import Row
from bench.results import Judged
from bench.tables import amount, micros, spread


def row(server: str, number: int, rate: float, other_cpu: float = 0.0) -> Row:
    """One phase's row, of the round `number`."""
    return {
        "run": "r",
        "round": number,
        "server": server,
        "scenario": "fanout",
        "members": 100,
        "senders": 4,
        "window": 64,
        "secs": 1.0,
        "deliveries_s": rate,
        "other_cpu": other_cpu,
    }


def test_a_ratio_is_taken_between_neighbours() -> None:
    # The machine is half as fast in the second round, for both.
    ours = [row("chatd", 1, 300.0), row("chatd", 2, 150.0)]
    theirs = [row("nats", 1, 200.0), row("nats", 2, 100.0)]
    assert results.ratios(ours, theirs).values == [1.5, 1.5]


def test_rounds_in_which_others_were_at_work_do_not_count() -> None:
    ours = [row("chatd", 1, 300.0), row("chatd", 2, 300.0), row("chatd", 3, 10.0, other_cpu=1.0)]
    theirs = [row("nats", number, 100.0) for number in (1, 2, 3)]
    assert results.ratios(ours, theirs) == Judged([3.0, 3.0], calm=True)


def test_servers_of_different_runs_are_compared_by_their_medians() -> None:
    ours = [row("chatd", 1, 300.0), row("chatd", 2, 500.0), row("chatd", 3, 400.0)]
    theirs = [row("nats", 1, 100.0) | {"run": "another"}]
    assert results.ratios(ours, theirs).values == [4.0]


def test_if_most_rounds_are_noisy_nothing_is_concluded() -> None:
    ours = [row("chatd", 1, 300.0), row("chatd", 2, 300.0, 1.0), row("chatd", 3, 300.0, 1.0)]
    theirs = [row("nats", number, 100.0) for number in (1, 2, 3)]
    assert results.ratios(ours, theirs).verdict(1.0) == "too noisy to tell"


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([1.0, 1.1, 1.2, 1.3, 0.9], "reached"),
        ([0.9, 0.8, 0.9, 0.95, 1.1], "**not reached**"),
        ([0.5, 0.9, 1.1, 1.2, 2.0], "too noisy to tell"),  # whatever the median
        ([1.5, 1.6, 3.0, 2.0, 2.0], "reached"),  # wide, but all above
        ([1.2, 1.2], "reached (n = 2)"),
        ([], "not measured"),
    ],
)
def test_a_verdict_is_the_medians_unless_the_spread_is_too_wide(
    values: list[float], verdict: str
) -> None:
    assert Judged(values, calm=True).verdict(1.0) == verdict


def test_a_limit_is_kept_from_below() -> None:
    assert Judged([3.8, 3.9, 3.9, 3.9, 4.0], calm=True).verdict(4.0, at_most=True) == "reached"


def test_the_best_is_the_one_with_the_greatest_median() -> None:
    servers = {
        "nats": [row("nats", 1, 1.0), row("nats", 2, 2.0), row("nats", 3, 99.0)],
        "ngircd": [row("ngircd", 1, 3.0)],
        "chatd": [row("chatd", 1, 1000.0)],
    }
    assert results.best(servers) == "ngircd"
    assert results.best({"chatd": []}) is None


def test_what_failed_is_no_figure() -> None:
    good, few = row("nats", 1, 1000.0), row("ngircd", 1, 7.0)
    failed = {"server": "prosody", "error": "join timeout"}
    measured = results.by_phase([good, few, failed, {"server": "nats", "version": "2"}])
    assert measured == {"fan-out to 100, 4 senders, window 64": {"nats": [good]}}
    assert results.trouble(few) == "fewer than 100 deliveries in 1.0 s"


def test_numbers_are_short() -> None:
    numbers = (1_234_567, 45_678, 789, 12.34, 1.234, 0.0456, 0)
    assert [amount(n) for n in numbers] == "1.23M 45.7k 789 12.3 1.23 0.046 0.00".split()
    assert [micros(t) for t in (7.2, 1500, 2_500_000)] == ["7 µs", "1.5 ms", "2.50 s"]
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00..3.00)"
