"""The clock of messages: it never goes back, and is written as the contract says."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.chat.clock import Clock


def test_it_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    readings = iter([5_000_000_000, 4_000_000_000, 5_000_999_999, 6_000_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(readings))
    assert [clock.now_ms() for _ in range(4)] == [5_000, 5_000, 5_000, 6_000]


def test_it_is_written_in_utc_with_milliseconds() -> None:
    clock = Clock()
    assert clock.text(0) == "1970-01-01T00:00:00.000Z"
    assert clock.text(1_795_233_906_789) == "2026-11-21T04:05:06.789Z"
    assert clock.text(1_795_233_906_007) == "2026-11-21T04:05:06.007Z"


@given(st.lists(st.integers(0, 253_402_300_799_999), min_size=1))
def test_what_is_written_reads_back(times_ms: list[int]) -> None:
    clock = Clock()
    for time_ms in times_ms:
        read = datetime.fromisoformat(clock.text(time_ms))
        assert round(read.timestamp() * 1000) == time_ms
