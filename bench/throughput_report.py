"""The tables of throughput, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median

from .harness import Row, quiet
from .results import best, by_phase, kept, phase, ratios, trouble, values
from .servers import servers
from .tables import amount, micros, spread, table

ABOUT = """A message is complete when every member has received it and, with chatd, its sender has
its `MSG|SUCCESS`; a sender keeps at most *window* incomplete messages. *× best* compares
deliveries/s with the best of InspIRCd, NATS and ngircd in the same round. *CPU* is what the kernel
charged to the server's processes for each delivery. *p50* and *p99* are from sending to receipt; in
pairs of the round trip. Where the *generator* was busy near 1, it was the limit, and CPU is the
figure to compare. *n* is the number of rounds that count; with a ~ other programs were at work in
more than half of them."""

LEFT_OUT = """Not run: fan-out to 1,000 on Prosody and ejabberd (joining takes minutes, as all are
told of each), 200 rooms on Prosody with its archive (it stores all it has read before it sends),
and pairs at window 32 with archives (a few hundred messages a second)."""


def report(rows: list[Row]) -> str:
    """All tables."""
    return "\n\n".join(_parts(rows))


def _parts(rows: list[Row]) -> Iterator[str]:
    names = {server.name: server.title for server in servers()}
    measured = by_phase(rows)
    yield ABOUT
    yield _versions(rows, names)
    yield LEFT_OUT
    busy = {title: found for title, found in measured.items() if "idle" not in title}
    yield "### At a glance: deliveries/s, medians"
    yield _glance({t: found for t, found in busy.items() if "tenth" not in t}, names)
    for title, found in busy.items():
        yield f"### {title[0].upper()}{title[1:]}"
        yield _phase(found, names)
    yield "### Idle connections"
    yield IDLE
    yield _idle({title: found for title, found in measured.items() if "idle" in title}, names)
    yield from _failures(rows, names)


IDLE = """Memory that the server's processes grew by, for each connection that is logged in and
says nothing. chatd's log-ins include registering, with hashing made cheap; InspIRCd admits users
once a second."""


def _versions(rows: list[Row], names: dict[str, str]) -> str:
    versions = {row["server"]: row["version"] for row in rows if row.get("version")}
    missing = {row["server"]: row["install"] for row in rows if "install" in row}
    found = {names[name].partition(",")[0]: versions[name] for name in names if name in versions}
    absent = [f"{names[name]} (`{missing[name]}`)" for name in missing if name not in versions]
    told = f"Versions: {', '.join(f'{name} {version}' for name, version in found.items())}."
    return f"{told} Not installed here: {', '.join(absent)}." if absent else told


def _glance(measured: dict[str, dict[str, list[Row]]], names: dict[str, str]) -> str:
    present = [name for name in names if any(name in found for found in measured.values())]
    body = [
        [title, *(_middle(found.get(name, []), "deliveries_s") for name in present)]
        for title, found in measured.items()
    ]
    return table(["", *(names[name] for name in present)], body)


def _middle(rows: list[Row], key: str) -> str:
    return amount(median(values(rows, key))) if rows else ""


def _phase(found: dict[str, list[Row]], names: dict[str, str]) -> str:
    rival = best(found)
    heads = ["server", "deliveries/s", "× best", "CPU µs", "p50", "p99", "cores", "generator", "n"]
    return table(
        heads,
        (
            [names[name], *_figures(found[name], found[rival] if rival else [])]
            for name in names
            if name in found
        ),
    )


def _figures(rows: list[Row], rival: list[Row]) -> list[str]:
    return [
        spread(values(rows, "deliveries_s")),
        spread(ratios(rows, rival).values),
        spread(values(rows, "cpu_us_per_delivery")),
        spread(values(rows, "lat_p50_us"), micros),
        spread(values(rows, "lat_p99_us"), micros),
        _middle(rows, "srv_cpu"),
        _middle(rows, "lg_load"),
        _number(rows),
    ]


def _number(rows: list[Row]) -> str:
    return f"{len(kept(rows))}{'' if all(map(quiet, kept(rows))) else '~'}"


def _idle(measured: dict[str, dict[str, list[Row]]], names: dict[str, str]) -> str:
    heads = ["", "server", "KiB each", "empty MiB", "log-ins/s", "CPU µs per log-in", "n"]
    return table(
        heads,
        (
            [
                title.removesuffix(" idle connections"),
                names[name],
                spread(values(found[name], "kib_per_conn")),
                amount(median(values(found[name], "rss_before_kib")) / 1024),
                spread(values(found[name], "logins_s")),
                spread(values(found[name], "login_cpu_us")),
                str(len(found[name])),
            ]
            for title, found in measured.items()
            for name in names
            if name in found
        ),
    )


def _failures(rows: list[Row], names: dict[str, str]) -> Iterator[str]:
    """Runs that gave no figure, and what was lost on the way."""
    found = Counter(
        (names[row["server"]], row["cell"], told)
        for row in rows
        if "cell" in row and (told := trouble(row) or _lost(row))
    )
    if found:
        yield "### Runs that failed or lost something"
        yield "\n".join(f"- {', '.join(what)} ({times}×)" for what, times in found.items())


def _lost(row: Row) -> str:
    lost = {key: row[key] for key in ("lost", "dead", "bad") if row.get(key)}
    return f"{phase(row)}: {lost}" if lost else ""
