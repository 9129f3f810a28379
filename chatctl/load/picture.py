"""What was measured, on 80 columns of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill

from ..harmless import harmless
from .histogram import COARSE, FINE, Histogram
from .measuring import Outcome
from .report import PERCENTILES, notes
from .tally import Tally

BAR_CELLS = 23
ROWS_MAX = 16
WIDTH = 79
LABEL_CELLS = 12
_EIGHTHS = "▏▎▍▌▋▊▉█"
_UNITS = ((1_000_000, "s"), (1_000, "ms"), (1, "µs"))


def time_of(us: float) -> str:
    """To three significant digits, in the unit that fits: `52 µs`, `1.24 ms`, `13.5 s`."""
    size, unit = next((pair for pair in _UNITS if us >= pair[0]), _UNITS[-1])
    number = us / size
    digits = 0 if unit == "µs" or number >= 100 else 1 if number >= 10 else 2
    return f"{number:.{digits}f} {unit}"


def picture(server: str, outcome: Outcome, tally: Tally, unicode: bool) -> str:
    """All of it, in lines."""
    parts = [_header(server, outcome), _counts(tally), _table(tally), _bars(tally)]
    text = "\n\n".join("\n".join(lines) for part in parts if (lines := list(part)))
    remarks = "".join(f"\n\n{fill(harmless(note), WIDTH)}" for note in notes(outcome, tally))
    return text + remarks if unicode else _plain(text + remarks)


def _plain(text: str) -> str:
    """For a terminal without block characters."""
    return text.translate(str.maketrans(f"{_EIGHTHS}µ", "#" * len(_EIGHTHS) + "u"))


def _header(server: str, outcome: Outcome) -> Iterator[str]:
    plan = outcome.plan
    yield f"{harmless(outcome.software) or 'A server'} at {server}"
    yield (
        f"{_many(plan.connections, 'connection')} of {_many(plan.accounts, 'account')}"
        f" in {_many(plan.rooms, 'room')}"
    )
    pace = "as fast as that allows" if plan.rate is None else f"{plan.rate:,g} messages a second"
    history = "" if plan.history else ", no history"
    yield (
        f"{_many(plan.senders, 'sender')}, window {plan.window}, {pace},"
        f" {_many(plan.payload_bytes, 'byte')}{history}"
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _counts(tally: Tally) -> Iterator[str]:
    yield f"{'':{LABEL_CELLS}} {'in all':>14} {'a second':>14}"
    yield (
        f"{'messages':{LABEL_CELLS}} {tally.acknowledged:>14,} {tally.messages_per_second:>14,.1f}"
        f"   acknowledged, of {tally.sent:,} sent"
    )
    yield (
        f"{'deliveries':{LABEL_CELLS}} {tally.delivered:>14,} {tally.deliveries_per_second:>14,.1f}"
        f"   of {tally.expected:,} expected"
    )
    for code, count in sorted(tally.refused.items()):
        yield f"{'refused':{LABEL_CELLS}} {count:>14,} {'':>14}   {code}"


def _table(tally: Tally) -> Iterator[str]:
    heads = [*(name.replace("_", ".") for name in PERCENTILES), "max", "mean"]
    yield f"{'':{LABEL_CELLS}}" + "".join(f" {head:>9}" for head in heads)
    for name, histogram in (("acknowledged", tally.ack), ("delivered", tally.delivery)):
        if histogram.count:
            values = [histogram.percentile(percent) for percent in PERCENTILES.values()]
            cells = [time_of(us) for us in (*values, histogram.greatest_us, histogram.mean_us)]
            yield f"{name:{LABEL_CELLS}}" + "".join(f" {cell:>9}" for cell in cells)


def _bars(tally: Tally) -> Iterator[str]:
    """A row for each range of latencies, with the share of both in it; bars of one scale."""
    both = {"acknowledged": tally.ack, "delivered": tally.delivery}
    there = {name: histogram for name, histogram in both.items() if histogram.count}
    shown = [_shares(histogram, FINE) for histogram in there.values()]
    if len(set().union(*shown)) > ROWS_MAX:
        shown = [_shares(histogram, COARSE) for histogram in there.values()]
    greatest = max((share for shares in shown for share in shares.values()), default=0)
    if shown:
        yield _row("up to", [f"{name:{BAR_CELLS + 8}}" for name in there])
    for edge in sorted(set().union(*shown)):
        yield _row(time_of(edge), [_bar(shares.get(edge, 0.0), greatest) for shares in shown])


def _row(label: str, cells: list[str]) -> str:
    return f"{label:>{LABEL_CELLS}}  {'  '.join(cells)}".rstrip()


def _shares(histogram: Histogram, steps: Sequence[float]) -> dict[int, float]:
    """By the upper edge, which share of all lies below it and above the one before."""
    return {bar.up_to_us: bar.count / histogram.count for bar in histogram.bars(steps)}


def _bar(share: float, greatest: float) -> str:
    """What is there at all is seen, and what is not is empty."""
    if not share:
        return " " * (BAR_CELLS + 8)
    eighths = max(1, round(share / greatest * BAR_CELLS * 8))
    drawn = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")
    told = "<0.01" if share < 0.0001 else f"{share * 100:.2f}"
    return f"{drawn:{BAR_CELLS}} {told:>5} %"
