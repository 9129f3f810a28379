"""How long to wait before the next attempt."""

from __future__ import annotations

import random

FIRST_SECONDS = 0.1
SECONDS_MAX = 30.0


class Backoff:
    """Waits that double up to a bound.

    Each is drawn from the upper half of its range, so that the clients of a server that went away
    do not all come back at the same moment.
    """

    def __init__(
        self, first_seconds: float = FIRST_SECONDS, seconds_max: float = SECONDS_MAX
    ) -> None:
        self._first_seconds = first_seconds
        self._seconds_max = seconds_max
        self._range_seconds = first_seconds

    def next_seconds(self) -> float:
        """The wait before the next attempt."""
        seconds = self._range_seconds
        self._range_seconds = min(self._seconds_max, seconds * 2)
        return random.uniform(seconds / 2, seconds)  # noqa: S311  (no secret)

    def reset(self) -> None:
        """An attempt went well: begin again with short waits."""
        self._range_seconds = self._first_seconds
