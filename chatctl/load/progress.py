"""Tells a person at a terminal how far it has come; on standard error, and nowhere else."""

from __future__ import annotations

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

WIDTH_MAX = 79


class Meter:
    """A bar for what is being done now; nothing at all where there is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        console.width = min(console.width, WIDTH_MAX)
        self._rich = Progress(
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            # Drawing takes its time from measuring, so it is done when there is something to tell.
            auto_refresh=False,
            transient=True,
            disable=not sys.stderr.isatty(),
            expand=True,
        )
        self._task: TaskID | None = None
        self._total = 1.0

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Take the bar away."""
        self._rich.stop()

    def begin(self, what: str, total: float) -> None:
        """Something else is being done now."""
        if self._task is not None:
            self._rich.remove_task(self._task)
        self._total = total
        self._task = self._rich.add_task(what, total=total, note="")
        self.tell(0)

    def tell(self, done: float, note: str | None = None) -> None:
        """It has come so far; `note` unless it is a number of so many."""
        if self._task is not None:
            counted = f"{done:.0f}/{self._total:.0f}" if note is None else note
            self._rich.update(self._task, completed=done, note=counted)
            self._rich.refresh()
