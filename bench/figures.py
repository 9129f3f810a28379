"""The figures that chatd is to reach, and whether the rows of throughput say that it does."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from .harness import Row
from .results import RIVALS, Judged, best, by_phase, judged, ratios, values
from .servers import servers
from .tables import amount, micros, spread

Figure = tuple[str, str, str, str, str]
Measured = dict[str, dict[str, list[Row]]]

BUILDS = {"chatd": "", "chatd-compiled": ", compiled"}
INSPIRCD = ("inspircd",)
TITLES = {server.name: server.title for server in servers()}

AGAINST_OTHERS = [
    ("fan-out to 100, 1 sender, window 64", "stored", 1.0, RIVALS),
    ("fan-out to 1,000, 1 sender, window 64", "stored", 1.0, RIVALS),
    ("fan-out to 100, 4 senders, window 64", "stored", 1.0, RIVALS),
    ("200 rooms of 10, window 4", "stored", 1.0, RIVALS),
    ("100 pairs, window 32", "stored", 1.0, INSPIRCD),
    ("100 pairs, window 1", "stored", 0.5, INSPIRCD),
    ("100 pairs, window 1", "history=no", 0.8, INSPIRCD),
    ("fan-out to 10, 1 sender, window 1", "history=no", 1.0, INSPIRCD),
    ("fan-out to 100, 1 sender, window 1", "history=no", 1.0, INSPIRCD),
    ("fan-out to 1,000, 1 sender, window 1", "history=no", 1.0, INSPIRCD),
]
SEALED = [
    "fan-out to 100, 1 sender, window 1",
    "fan-out to 100, 1 sender, window 64",
    "fan-out to 100, 4 senders, window 64",
]
SEALED_MIN = 0.75
ARCHIVES = ("prosody-sqlite", "ejabberd-sqlite")
TIMES_ARCHIVES = 20.0
IDLE, IDLE_KIB_MAX = "5,000 idle connections", 4.0
TENTH = "fan-out to 100, 4 senders, window 64, at a tenth"
STORED_P50_US, LIVE_P50_US, TAIL_MAX = 2000.0, 300.0, 10.0


def figures(rows: list[Row]) -> Iterator[Figure]:
    """A line of the table for each figure, in the words of the report."""
    measured = by_phase(rows)
    syncs = [row["fdatasync_p50_us"] for row in rows if "fdatasync_p50_us" in row]
    for build, suffix in BUILDS.items():
        if any(build in servers for servers in measured.values()):
            sync_us = median(syncs or [0])
            for scenario, kind, wanted, told, verdict in _of_build(build, measured, sync_us):
                yield scenario, f"{kind}{suffix}".removeprefix(", "), wanted, told, verdict


def _of_build(build: str, measured: Measured, sync_us: float) -> Iterator[Figure]:
    for scenario, kind, times, rivals in AGAINST_OTHERS:
        yield _against(measured, build, scenario, kind, times, rivals)
    for archive in ARCHIVES:
        yield _against_archive(measured, build, archive)
    for scenario in SEALED:
        yield _sealed(measured, build, scenario)
    yield _idle(measured, build)
    yield from _latency(measured, build, "stored", STORED_P50_US + sync_us)
    yield from _latency(measured, build, "history=no", LIVE_P50_US)


def _named(build: str, kind: str) -> str:
    return build if kind == "stored" else f"{build}-live"


def _against(
    measured: Measured, build: str, scenario: str, kind: str, times: float, rivals: tuple[str, ...]
) -> Figure:
    servers = measured.get(scenario, {})
    ours, rival = servers.get(_named(build, kind), []), best(servers, rivals)
    of_whom = "the best of InspIRCd, NATS, ngircd" if rivals == RIVALS else "InspIRCd"
    wanted = f"≥ {of_whom}" if times == 1 else f"≥ {times:g} of {of_whom}"
    if rival is None or not ours:
        return scenario, kind, wanted, "–", "not measured"
    ratio = ratios(ours, servers[rival])
    rates = [spread(values(rows, "deliveries_s")) for rows in (ours, servers[rival])]
    told = f"{spread(ratio.values)} of {TITLES[rival]}: {' against '.join(rates)} deliveries/s"
    return scenario, kind, wanted, told, ratio.verdict(times)


def _sealed(measured: Measured, build: str, scenario: str) -> Figure:
    """What a sealed channel leaves of the throughput."""
    servers = measured.get(scenario, {})
    plain, sealed = servers.get(build, []), servers.get(f"{build}-sealed", [])
    wanted = f"≥ {SEALED_MIN:g} of plain"
    if not plain or not sealed:
        return scenario, "sealed", wanted, "–", "not measured"
    ratio = ratios(sealed, plain)
    rates = [spread(values(rows, "deliveries_s")) for rows in (sealed, plain)]
    told = f"{spread(ratio.values)}: {' against '.join(rates)} deliveries/s"
    return scenario, "sealed", wanted, told, ratio.verdict(SEALED_MIN)


def _against_archive(measured: Measured, build: str, archive: str) -> Figure:
    """The scenario in which it is the least ahead."""
    found = {
        scenario: ratios(servers[build], servers[archive])
        for scenario, servers in measured.items()
        if build in servers and archive in servers
    }
    found = {scenario: ratio for scenario, ratio in found.items() if ratio.values}
    wanted = f"≥ {TIMES_ARCHIVES:g} times {TITLES[archive]}"
    if not found:
        return "every scenario", "stored", wanted, "–", "not measured"
    least = min(found, key=lambda scenario: median(found[scenario].values))
    told = f"least: {spread(found[least].values)} times ({least}); {_medians(found)}"
    return "every scenario", "stored", wanted, told, found[least].verdict(TIMES_ARCHIVES)


def _medians(found: dict[str, Judged]) -> str:
    all_of_them = sorted(median(ratio.values) for ratio in found.values())
    return f"in all {len(found)}: {', '.join(map(amount, all_of_them))}"


def _idle(measured: Measured, build: str) -> Figure:
    rows = measured.get(IDLE, {}).get(build, [])
    size = judged(rows, lambda row: float(row["kib_per_conn"]))
    told = f"{spread(size.values)} KiB each"
    return IDLE, "", f"≤ {IDLE_KIB_MAX:g} KiB each", told, size.verdict(IDLE_KIB_MAX, at_most=True)


def _latency(measured: Measured, build: str, kind: str, p50_us: float) -> Iterator[Figure]:
    rows = measured.get(TENTH, {}).get(_named(build, kind), [])
    middle = judged(rows, lambda row: float(row["lat_p50_us"]))
    tail = judged(rows, lambda row: float(row["lat_p99_us"] / row["lat_p50_us"]))
    wanted, told = f"p50 ≤ {micros(p50_us)}", f"p50 {spread(middle.values, micros)}"
    yield f"{TENTH} of its rate", kind, wanted, told, middle.verdict(p50_us, at_most=True)
    wanted, told = f"p99 ≤ {TAIL_MAX:g} times p50", f"{spread(tail.values)} times"
    yield f"{TENTH} of its rate", kind, wanted, told, tail.verdict(TAIL_MAX, at_most=True)
