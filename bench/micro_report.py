"""The steps as tables, each a part of a message's way, and their sum beside a whole server."""

from __future__ import annotations

from collections.abc import Callable

from .harness import Row
from .tables import amount, table

COMPARED = 100
"""Listeners, where the sum is held against a server that serves."""

Figures = dict[tuple[str, int, int, bool], Row]
"""Rows by step, batch, listeners, and whether the disk synced."""
Middle = Callable[[str], float]
"""The µs a message of a step; 0 where it was not measured."""

HEAD = """Each step taken by hand, with chatd's own objects and real connections, in µs a message:
the median of repeats (least..greatest). *Together* means: arrived in one packet, stored in one
commit, left in one `send` to each listener. *After a sync* the processor has slept meanwhile and
its caches are cold, as in a server that stores little at a time; the other columns do without the
sync. CPU is what the process is charged, in all threads; other times are of the clock on the wall.
"""

STEPS = {
    "turn": "wake up: trio, epoll (CPU)",
    "receive": "`recv`",
    "lines": "bytes to lines",
    "parse": "lines to a run of requests",
    "judge": "judge: session, target, rules, seq, time",
    "ledger": "into the ledger",
    "hop": "to the writer's thread and back, and wake up (CPU)",
    "seal": "pack and encrypt",
    "insert": "insert, commit, write the log, sync (CPU)",
    "sync": "the disk's sync (waiting)",
    "encode": "the event's line",
    "put": "the reply's line; both into outboxes, 1 listener",
    "flush": "join and `send`, 1 listener and the sender",
}
"""In the order of the way; what the table calls them."""
SUMMED = ("turn", "receive", "lines", "request", "stored", "release", "flush")


def report(rows: list[Row]) -> str:
    """Markdown: the steps, the fan-out, the sum."""
    if not rows:
        return "Not measured."
    latest: Figures = {
        (row["step"], row["batch"], row["listeners"], row["synced"]): row for row in rows
    }
    return "\n\n".join([HEAD + _steps(latest), _fan_out(latest), _sum(latest)])


def _sizes(figures: Figures) -> tuple[list[int], list[int]]:
    """The batches, and the numbers of listeners."""
    by_hand = [key for key in figures if key[0] != "served"]
    return sorted({key[1] for key in by_hand}), sorted({key[2] for key in by_hand})


def _middle(figures: Figures, batch: int, listeners: int, synced: bool) -> Middle:
    """Also of steps that are the difference of others."""

    def plain(step: str, synced: bool = synced) -> float:
        row = figures.get((step, batch, listeners, synced))
        return 0.0 if row is None else float(row["us"])

    derived = {
        "judge": lambda: plain("request") - plain("parse") - plain("ledger"),
        "insert": lambda: plain("stored") - plain("hop") - plain("seal"),
        "sync": lambda: plain("stored, waited", True) - plain("stored, waited", False),
        "put": lambda: plain("release") - plain("encode"),
    }
    return lambda step: max(0.0, derived[step]()) if step in derived else plain(step)


def _steps(figures: Figures) -> str:
    batches, (fewest, *_) = _sizes(figures)
    heads, columns = ["step", "what"], []
    for batch in batches:
        told = "alone" if batch == 1 else f"{batch} together"
        heads += [told, f"{told}, after a sync"]
        columns += [(batch, False), (batch, True)]
    body = [
        [step, title, *(_cell(figures, step, batch, fewest, synced) for batch, synced in columns)]
        for step, title in STEPS.items()
    ]
    return "\n" + table(heads, body)


def _cell(figures: Figures, step: str, batch: int, listeners: int, synced: bool) -> str:
    """A step that is a difference has no spread of its own."""
    if step == "sync" and not synced:
        return ""
    middle = amount(_middle(figures, batch, listeners, synced)(step))
    row = figures.get((step, batch, listeners, synced))
    if row is None:
        return middle
    return f"{middle} ({amount(row['least'])}..{amount(row['most'])})"


def _fan_out(figures: Figures) -> str:
    batches, all_listeners = _sizes(figures)
    body = []
    for listeners in all_listeners:
        line = [f"{listeners:,}"]
        for batch in batches:
            middle = _middle(figures, batch, listeners, synced=False)
            line += [amount(middle(step) / listeners) for step in ("put", "flush")]
        body.append(line)
    told = [f"{step}, {n} together" for n in batches for step in ("put", "flush")]
    heads = ["listeners", *(one.replace(", 1 together", ", alone") for one in told)]
    return "For each listener of each message, in µs, without the sync:\n\n" + table(heads, body)


def _sum(figures: Figures) -> str:
    """The CPU of all steps beside that of a server under load."""
    body = []
    for batch in _sizes(figures)[0]:
        warm, cold = (_middle(figures, batch, COMPARED, synced) for synced in (False, True))
        sums = [amount(sum(map(middle, SUMMED))) for middle in (warm, cold)]
        body.append([str(batch), *sums, amount(cold("served"))])
    heads = ["window", "all steps", "all steps, after a sync", "a server that serves"]
    return (
        f"Fan-out to {COMPARED}, one sender, stored, CPU in µs a message: the sum of the steps, and"
        " what a server of its own is charged under load. By hand, those who listen read on the"
        " same core in between, so after a sync caches are colder still; under load, one packet's"
        " messages may share a commit with the next one's.\n\n"
    ) + table(heads, body)
