"""What was measured, for people and for programs."""

from __future__ import annotations

from typing import Any

from .engine import DRAIN_SECONDS_MAX
from .histogram import Bar, Histogram
from .measuring import Outcome
from .tally import Tally

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9}
BUSY_SHARE = 0.9
"""Who uses more of a core than this has little left to wait for a server with."""


def fields_of_outcome(server: str, outcome: Outcome, tally: Tally) -> dict[str, Any]:
    """All of it, with the units in the names."""
    plan = outcome.plan
    return {
        "server": server,
        "software": outcome.software,
        "connections": plan.connections,
        "accounts": plan.accounts,
        "rooms": plan.rooms,
        "senders": plan.senders,
        "window": plan.window,
        "rate": plan.rate,
        "payload_bytes": plan.payload_bytes,
        "history": plan.history,
        "duration_seconds": plan.seconds,
        "elapsed_seconds": round(tally.seconds, 6),
        "interrupted": outcome.interrupted,
        "sent": tally.sent,
        "acknowledged": tally.acknowledged,
        "refused": dict(tally.refused),
        "unanswered": tally.unanswered,
        "unsent": tally.unsent,
        "expected_deliveries": tally.expected,
        "deliveries": tally.delivered,
        "missing_deliveries": tally.missing,
        "lags": tally.lags,
        "lost_connections": tally.lost,
        "messages_per_second": round(tally.messages_per_second, 3),
        "deliveries_per_second": round(tally.deliveries_per_second, 3),
        "ack_ms": _latencies(tally.ack),
        "delivery_ms": _latencies(tally.delivery),
        "ack_histogram": [_bar_fields(bar) for bar in tally.ack.bars()],
        "delivery_histogram": [_bar_fields(bar) for bar in tally.delivery.bars()],
        "client_cpu_share": round(tally.cpu_share, 3),
        "client_limited": tally.cpu_share >= BUSY_SHARE,
        "left": outcome.left,
        "notes": notes(outcome, tally),
    }


def _latencies(histogram: Histogram) -> dict[str, float] | None:
    if not histogram.count:
        return None
    shares = {name: histogram.percentile(share) for name, share in PERCENTILES.items()}
    ends = {"min": histogram.least_us, "max": histogram.greatest_us, "mean": histogram.mean_us}
    return {name: round(us / 1e3, 3) for name, us in {**shares, **ends}.items()}


def _bar_fields(bar: Bar) -> dict[str, float]:
    return {"over_ms": bar.over_us / 1e3, "up_to_ms": bar.up_to_us / 1e3, "count": bar.count}


def notes(outcome: Outcome, tally: Tally) -> list[str]:
    """What must be known to take the figures for what they are; a sentence each."""
    plan = outcome.plan
    found = []
    if tally.lost:
        found.append(f"It ended early: {len(tally.lost)} connections were lost. {tally.lost[0]}")
    if tally.unsent:
        found.append(
            f"The rate was not reached: {tally.unsent:,} messages were due and not sent, because"
            " their senders' windows were full. The latencies of the others count from when they"
            " were due."
        )
    if tally.missing > 0:
        lags = f"; the server announced it {tally.lags:,} times (*LAG)" if tally.lags else ""
        when = f" within {DRAIN_SECONDS_MAX:.0f} s of the last message" if tally.overdue else ""
        found.append(f"{tally.missing:,} deliveries did not come{when}{lags}.")
    if tally.unanswered:
        found.append(f"{tally.unanswered:,} messages were not answered.")
    if tally.cpu_share >= BUSY_SHARE:
        found.append(
            f"This program itself was busy {tally.cpu_share:.0%} of the time: the server may do"
            " more, and answer sooner, than is told here."
        )
    if plan.accounts < outcome.accounts_wanted:
        made = f"{plan.accounts} of {outcome.accounts_wanted} accounts"
        found.append(f"The server made {made}, and then refused to (RATE_LIMITED).")
    if plan.accounts < plan.rooms:
        found.append("There are more rooms than accounts, so each connection hears several rooms.")
    return found
