"""What the server counts of itself."""

from __future__ import annotations

from chatd.chat.counts import Counts, Histogram
from chatd.protocol.errors import Code


def test_a_histogram_has_a_place_for_each_time() -> None:
    seconds = Histogram(0.1, 1)
    for one in (0, 0.1, 0.10001, 1, 7):
        seconds.observe(one)
    assert seconds.counts == [2, 2, 1]
    assert seconds.sum_seconds == 0 + 0.1 + 0.10001 + 1 + 7


def test_each_server_counts_for_itself() -> None:
    one, other = Counts(), Counts()
    one.registered()
    one.refusals[Code.DENIED] += 1
    assert (one.registrations, other.registrations) == (1, 0)
    assert other.refusals[Code.DENIED] == 0
