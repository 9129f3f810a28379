"""What was counted while measuring."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .histogram import Histogram


@dataclass(slots=True)
class Tally:
    """Counts, and latencies; times are µs since the measuring began."""

    sent: int = 0
    acknowledged: int = 0
    unsent: int = 0
    """Fell due, and the window of their sender was full to the end."""
    unanswered: int = 0
    """Sent, and no answer came."""
    refused: Counter[str] = field(default_factory=Counter)
    """By the code of the failure."""
    expected: int = 0
    """Deliveries of what was acknowledged, if every listener gets it."""
    delivered: int = 0
    overdue: bool = False
    """Whether it was not waited for all that might still come."""
    lags: int = 0
    """How often the server said that it left messages out."""
    lost: list[str] = field(default_factory=list)
    """Why connections ended, one sentence each."""
    ack: Histogram = field(default_factory=Histogram)
    delivery: Histogram = field(default_factory=Histogram)
    sending_us: int = 0
    """How long messages were sent."""
    last_us: int = 0
    """When the last answer or delivery came."""
    cpu_share: float = 0.0
    """Of one core, used by this process while messages were sent."""

    @property
    def missing(self) -> int:
        """Deliveries that did not come."""
        return self.expected - self.delivered

    @property
    def seconds(self) -> float:
        """From the beginning to the last answer or delivery, or to the last moment of sending."""
        return max(self.sending_us, self.last_us, 1) / 1e6

    @property
    def messages_per_second(self) -> float:
        """Acknowledged ones."""
        return self.acknowledged / self.seconds

    @property
    def deliveries_per_second(self) -> float:
        """Received ones."""
        return self.delivered / self.seconds
