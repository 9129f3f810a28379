"""Line plots as SVG files, which stand beside the tables in RESULTS.md.

The same figures give the same bytes, so that a plot changes only when what it shows does.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, NullFormatter

from .harness import PLOTS

Series = dict[str, list[tuple[float, float]]]

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "chatd",  # the identifiers inside are random otherwise
    "svg.fonttype": "none",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.alpha": 0.4,
}
NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
X_TICKS_MAX = 9


def lines(
    name: str,
    title: str,
    x_label: str,
    y_label: str,
    series: Series,
    log_x: bool = True,
    log_y: bool = True,
) -> str:
    """Write `plots/NAME.svg`, a line with its points for each of `series`: name to (x, y) points.
    Gives the line of Markdown that shows it. On a logarithmic axis zero has a place too."""
    points = [point for one in series.values() for point in one]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.add_subplot()
        axes.set(title=title, xlabel=x_label, ylabel=y_label)
        _draw(axes, series)
        _scale_x(axes, log_x, [x for x, _ in points])
        _scale_y(axes, log_y, [y for _, y in points])
        PLOTS.mkdir(exist_ok=True)
        figure.savefig(PLOTS / f"{name}.svg", metadata=NO_METADATA)
    return f"![{title}](plots/{name}.svg)"


def _draw(axes: Axes, series: Series) -> None:
    for label, points in series.items():
        in_order = sorted(points)
        axes.plot([x for x, _ in in_order], [y for _, y in in_order], marker="o", label=label)
    if len(series) > 1:
        axes.legend()


def _scale_x(axes: Axes, log: bool, values: list[float]) -> None:
    """A tick for each value, where they are few."""
    axes.set_xscale(**_scale(log, values))
    if len(set(values)) <= X_TICKS_MAX:
        axes.xaxis.set_major_locator(FixedLocator(sorted(set(values))))
    _units(axes.xaxis)


def _scale_y(axes: Axes, log: bool, values: list[float]) -> None:
    """From zero, or in whole powers of ten, so that a small change does not look like a large."""
    scale = _scale(log, values)
    axes.set_yscale(**scale)
    if scale["value"] == "log":
        low, high = floor(log10(min(values))), ceil(log10(max(values)))
        axes.set_ylim(10.0**low, 10.0 ** max(high, low + 1))
    else:
        axes.set_ylim(bottom=min([0, *values]))
    _units(axes.yaxis)


def _scale(log: bool, values: list[float]) -> dict[str, Any]:
    """Where there is a zero, a logarithmic scale is linear below the smallest other value."""
    positive = [value for value in values if value > 0]
    if not log or not positive:
        return {"value": "linear"}
    if len(positive) == len(values):
        return {"value": "log"}
    return {"value": "symlog", "linthresh": min(positive), "linscale": 0.5}


def _units(axis: Axis) -> None:
    """Ticks as 10k and 5M."""
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())
