"""`/metrics`, as Prometheus reads it: what the server has counted, and what it is holding now.

Nothing is computed before somebody asks. Names follow Prometheus's conventions: base units,
`_total` at the end of what only grows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

import trio
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from chatd.chat.chat import Chat
from chatd.chat.counts import Histogram
from chatd.protocol.errors import Code
from chatd.server.codecs import PLAIN
from chatd.server.committer import Committer
from chatd.server.passwords import PasswordThreads
from chatd.server.reactor import Reactor
from chatd.server.sealing import Sealed

CONNECTIONS_PER_YIELD = 2_000
KINDS = "plain", "tls", "sealed"


@dataclass(slots=True)
class _Now:
    """Of all connections: how many of each kind there are, how much waits to be sent to them, and
    how many lines were dropped, of which they are not told yet."""

    kinds: Counter[str] = field(default_factory=Counter)
    unsent_bytes: int = 0
    dropped: int = 0


@dataclass(slots=True)
class Metrics:
    """Of the parts of one server."""

    chat: Chat
    reactor: Reactor
    committer: Committer
    passwords: PasswordThreads
    web_connections: Callable[[], int]

    async def text(self) -> bytes:
        """All of them, in Prometheus's text format."""
        now = await self._now()
        families = [*self._gauges(now), *self._others(now)]
        return await trio.to_thread.run_sync(_written, families)  # some milliseconds, and /proc

    async def _now(self) -> _Now:
        now = _Now()
        for number, connection in enumerate(list(self.reactor.connections.values())):
            if number % CONNECTIONS_PER_YIELD == CONNECTIONS_PER_YIELD - 1:
                await trio.lowlevel.checkpoint()
            codec = connection.codec
            sealed = "sealed" if isinstance(codec, Sealed) else "tls"
            now.kinds["plain" if codec is PLAIN else sealed] += 1
            now.unsent_bytes += connection.outbox.bytes
            now.dropped += connection.outbox.dropped
        return now

    def _gauges(self, now: _Now) -> Iterator[Metric]:
        entries, size_bytes = self.chat.ledger.size
        connections = GaugeMetricFamily(
            "chatd_connections", "Connections, by how they are encrypted.", labels=["kind"]
        )
        for kind in KINDS:
            connections.add_metric([kind], now.kinds[kind])
        yield connections
        gauge = GaugeMetricFamily
        yield gauge("chatd_web_connections", "Connections by HTTP.", self.web_connections())
        yield gauge("chatd_accounts_online", "Accounts logged in.", self.chat.hub.online_count())
        yield gauge("chatd_outbox_bytes", "Bytes that wait to be sent.", now.unsent_bytes)
        yield gauge("chatd_argon2_waiting", "Secrets waiting to be hashed.", self.passwords.waiting)
        yield gauge("chatd_ledger_entries", "Requests gathering for the next commit.", entries)
        yield gauge("chatd_ledger_bytes", "Roughly their bytes.", size_bytes)
        waiting = self.chat.gateway.waiting
        yield gauge("chatd_gateway_outgoing", "Codes that wait to be sent out.", waiting)

    def _others(self, now: _Now) -> Iterator[Metric]:
        counts, counter = self.chat.ledger.counts, CounterMetricFamily
        yield counter("chatd_connections_accepted", "Connections ever let in.", counts.connections)
        yield counter("chatd_connections_refused", "For which no room was.", counts.turned_away)
        yield counter("chatd_messages_accepted", "Messages stored or passed on.", counts.messages)
        yield counter("chatd_deliveries", "Messages times hearers.", counts.deliveries)
        dropped = counts.dropped + now.dropped
        yield counter("chatd_deliveries_dropped", "Not taken by slow readers.", dropped)
        yield counter("chatd_lags", "*LAG told to slow readers.", counts.lags)
        yield counter("chatd_registrations", "Accounts made.", counts.registrations)
        yield counter("chatd_commit_failures", "Batches not stored.", self.committer.failures)
        yield self._refusals()
        handshakes = counter("chatd_handshakes", "Handshakes that succeeded.", labels=["kind"])
        handshakes.add_metric(["tls"], counts.tls_handshakes)
        handshakes.add_metric(["sealed"], counts.sealed_handshakes)
        yield handshakes
        yield _histogram("chatd_commit_seconds", "From batch to disk.", self.committer.seconds)
        yield _histogram("chatd_argon2_seconds", "To hash one secret.", self.passwords.seconds)

    def _refusals(self) -> Metric:
        refusals = CounterMetricFamily(
            "chatd_refusals", "Requests that failed, by code.", labels=["code"]
        )
        for code in Code:
            refusals.add_metric([code], self.chat.ledger.counts.refusals[code])
        return refusals


def _written(families: list[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Families(families))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Families(Collector):
    """What was collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _histogram(name: str, documentation: str, of: Histogram) -> Metric:
    bounds = [*map(str, of.bounds_seconds), "+Inf"]
    buckets = list(zip(bounds, accumulate(of.counts), strict=True))
    return HistogramMetricFamily(name, documentation, buckets, of.sum_seconds)
