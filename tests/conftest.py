"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test is judged by the clock, hypothesis's examples included: a busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
