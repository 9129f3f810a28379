"""What all tests share."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

import chatd.protocol.wire  # noqa: F401  (first, so that all is declared in one order)

# No test is judged by the clock, hypothesis's examples included: a busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Tests that are started in the background may ignore Ctrl-C, and so would all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
