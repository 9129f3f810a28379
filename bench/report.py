"""bench/RESULTS.md: the machine, the figures to reach, and what each section has to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .harness import HERE, Row
from .tables import table

RESULTS = HERE / "RESULTS.md"
SECTIONS = ("throughput", "growth", "logins", "micro")

HEAD = """# What chatd costs, beside the servers people would pick instead

Written by `make bench`; [README.md](README.md) says how it is measured and what the words mean.
Figures are medians over rounds, with (least..greatest)."""

FIGURES = """## Figures to reach

*Stored* is the default: encrypted, and synced to the disk before anybody sees a message. None of
InspIRCd, NATS core and ngircd stores anything. *history=no* is a room that keeps nothing either."""


def write(rows: list[Row], sections: list[Any]) -> None:
    """Write the report from the rows of all sections."""
    RESULTS.write_text("\n\n".join(_parts(rows, sections)) + "\n")


def _parts(rows: list[Row], sections: list[Any]) -> Iterator[str]:
    yield HEAD
    machines = [row for row in rows if row["section"] == "machine"]
    if machines:
        yield _machine(machines[-1])
    measured = [
        (section, [r for r in rows if r["section"] == section.NAME]) for section in sections
    ]
    measured = [(section, own) for section, own in measured if own]
    figures = [
        list(figure)
        for section, own in measured
        if hasattr(section, "figures")
        for figure in section.figures(own)
    ]
    if figures:
        yield FIGURES
        yield table(["scenario", "chatd", "wanted", "measured", ""], figures)
    for section, own in measured:
        yield f"## {getattr(section, 'TITLE', section.NAME.capitalize())}"
        yield _when(own, machines)
        yield section.report(own)


def _when(own: list[Row], machines: list[Row]) -> str:
    """Sections may be measured at different times, with different versions."""
    versions = {row["run"]: row["chatd"] for row in machines}
    runs: dict[str, list[str]] = {}
    for run in sorted({row["run"] for row in own}):
        runs.setdefault(versions.get(run, "?"), []).append(run)
    told = [f"chatd {version}, {_span(times)}" for version, times in runs.items()]
    return f"Measured with {'; '.join(told)}."


def _span(times: list[str]) -> str:
    return times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}, {len(times)} runs"


def _machine(row: Row) -> str:
    facts = {
        "Processor": f"{row['processor']}, {row['cores']} cores, {row['memory_gib']} GiB",
        "System": f"{row['system']}, {row['kernel']}",
        "Disk": f"fdatasync of an appended page: p50 {row['fdatasync_p50_us']} µs, "
        f"p99 {row['fdatasync_p99_us']} µs",
        "Python": f"{row['python']}, SQLite {row['sqlite']}",
    }
    return "## Machine\n\n" + "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
