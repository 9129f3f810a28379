"""What it takes to seal connections: the server's key, and bounds for who does it badly."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatd.security.channel import Acceptor
from chatd.security.throttle import Quota, Slowdown

HANDSHAKES_MAX, HANDSHAKES_SECONDS = 200, 10
"""From one address: half a percent of a core."""
ADDRESSES_KEPT_MAX = 100_000


@dataclass(slots=True)
class Channels:
    """`tampering` counts what does not open, `handshakes` all of them, by address. (Handshakes are
    one request and its answer: there are none half done that would have to be bounded.)"""

    acceptor: Acceptor
    tampering: Slowdown
    handshakes: Quota = field(
        default_factory=lambda: Quota(HANDSHAKES_MAX, HANDSHAKES_SECONDS, ADDRESSES_KEPT_MAX)
    )
