"""The time of messages: wall clock in ms that never goes back, and how it is written."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Milliseconds since 1970, as RFC 3339 in UTC. The text of a second, and of the
    latest millisecond, is made once."""

    def __init__(self) -> None:
        self._latest_ms = 0
        self._second = -1
        self._prefix = ""
        self._text_ms, self._text = -1, ""

    def now_ms(self) -> int:
        self._latest_ms = max(self._latest_ms, time.time_ns() // 1_000_000)
        return self._latest_ms

    def text(self, time_ms: int) -> str:
        """`2026-11-21T04:05:06.789Z`"""
        if time_ms == self._text_ms:
            return self._text
        second, ms = divmod(time_ms, 1000)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self._text_ms, self._text = time_ms, f"{self._prefix}.{ms:03d}Z"
        return self._text
