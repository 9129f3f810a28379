"""The report, and plots, from made-up rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import figures, plots, rows, throughput
from bench.harness import Row

RUN = {"run": "2026-11-21T10:00:00Z", "section": "throughput"}
PHASE = {"scenario": "fanout", "members": 100, "senders": 1, "window": 64, "secs": 1.0}
COST = {"cpu_us_per_delivery": 0.2, "lat_p50_us": 90.0, "lat_p99_us": 900.0}
USE = {"srv_cpu": 0.9, "lg_load": 0.5, "other_cpu": 0.0, "lost": 0}


def measured(server: str, rates: list[float]) -> list[Row]:
    """A phase's rows, one a round."""
    told = RUN | PHASE | COST | USE | {"server": server, "cell": "f100"}
    return [told | {"round": n, "deliveries_s": rate} for n, rate in enumerate(rates)]


MADE_UP = [
    *({**RUN, "server": name, "version": "1.2"} for name in ("chatd", "nats")),
    {**RUN, "server": "ngircd", "install": "apt install ngircd"},
    *measured("chatd", [3e6, 4e6, 5e6, 4e6, 4e6]),
    *measured("nats", [2e6, 2e6, 2e6, 2e6, 2e6]),
    {**RUN, "server": "prosody", "cell": "rooms", "round": 1, "error": "join timeout: 3 of 2000"},
]


def test_the_figures_to_reach_are_computed_from_the_rows() -> None:
    told = {figure[:2]: figure[2:] for figure in figures.figures(MADE_UP)}
    assert told["fan-out to 100, 1 sender, window 64", "stored"] == (
        "≥ the best of InspIRCd, NATS, ngircd",
        "2.00 (1.50..2.50) of NATS: 4.00M (3.00M..5.00M) against 2.00M (2.00M..2.00M) deliveries/s",
        "reached",
    )
    assert told["5,000 idle connections", ""][-1] == "not measured"


def test_the_tables_tell_what_was_measured_and_what_was_not() -> None:
    text = throughput.report(MADE_UP)
    assert "NATS 1.2" in text
    assert "Not installed here: ngircd (`apt install ngircd`)" in text
    assert (
        "| chatd, stored | 4.00M (3.00M..5.00M) | 2.00 (1.50..2.50) | 0.20 (0.20..0.20) |" in text
    )
    assert "- Prosody, rooms, join timeout: 3 of 2000 (1×)" in text


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the benchmark writes, instead of in the project."""
    monkeypatch.setattr(plots, "PLOTS", tmp_path)
    monkeypatch.setattr(rows, "STORE", tmp_path / "rows.jsonl")
    return tmp_path


def test_a_plot_of_the_same_figures_is_the_same_file(elsewhere: Path) -> None:
    series = {"stored": [(0.0, 9e4), (1e6, 8e4), (1e7, 8e4)], "history=no": [(0.0, 3e5)]}

    def drawn() -> bytes:
        line = plots.lines("growth", "Deliveries", "messages kept", "deliveries/s", series)
        assert line == "![Deliveries](plots/growth.svg)"
        return (elsewhere / "growth.svg").read_bytes()

    first = drawn()
    assert drawn() == first
    assert all(word in first for word in (b"history=no", b"messages kept", b"10M"))


def test_a_section_measured_anew_replaces_its_own_rows_alone(elsewhere: Path) -> None:
    for section, number in (("growth", 1), ("logins", 2), ("growth", 3)):
        rows.append({"section": section, "number": number})
    rows.forget("growth")
    rows.append({"section": "growth", "number": 4})
    assert [row["number"] for row in rows.read()] == [2, 4]
    assert (elsewhere / "rows.jsonl").exists()
