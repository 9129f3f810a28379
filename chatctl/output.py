"""What a command prints: lines for people, or with `--json` one JSON object a line.

The keys are the names of the declared fields; an event also has `event`, its verb without `*`.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import trio
from rich.cells import cell_len

from chatd.protocol.declare import Declared, Event, Field
from chatd.protocol.services import ServiceItem

from .harmless import harmless, harmless_json, harmless_lines
from .problems import Problem, closed

_INDENT = "    "


def fields_of(value: Declared) -> dict[str, Any]:
    """The fields of a reply, event or request by name, without secrets and options not given."""
    shape = value.shape
    found = {field.name: _held(value, field) for field in (*shape.fields, *shape.options)}
    secrets = {field.name for field in (*shape.fields, *shape.options) if field.kind.secret}
    return {name: held for name, held in found.items() if name not in secrets and held is not None}


def _held(value: Declared, field: Field) -> Any:
    """A field as JSON can have it: bytes as on the wire."""
    held = getattr(value, field.name)
    return field.kind.format(held) if isinstance(held, bytes) else held


def event_fields(event: Event) -> dict[str, Any]:
    """As `fields_of`, and `event`."""
    return {"event": event.verb.removeprefix("*"), **fields_of(event)}


def clock(time: str) -> str:
    """RFC 3339 as local time to the second; what is no time is shown as it came."""
    try:
        return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return harmless(time)


def message_lines(head: str, text: str) -> str:
    """A message to read; its further lines are indented, so that none can pose as another one."""
    first, *others = harmless_lines(text)
    return "\n".join([f"{head} {first}", *(f"{_INDENT}{line}" for line in others)])


def columns(rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows as lines with aligned columns, harmless; widths are those of a terminal's cells."""
    cells = [[harmless(str(cell)) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells)]
    return [_aligned(row, widths) for row in cells]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths)]
    return "  ".join(padded).rstrip()


def provider_of(service: ServiceItem) -> str:
    """Who provides it, for people."""
    return service.provider or "(built in)"


class Output:
    """Standard output; raises a quiet `Problem` once nobody reads it."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def show(self, human: str, fields: dict[str, Any]) -> None:
        """One result: `human` (harmless already) or `fields`. An empty `human` is no line."""
        if self.as_json:
            self.write(harmless_json(json.dumps(fields, ensure_ascii=False)))
        elif human:
            self.write(human)

    def table(self, fields: Sequence[dict[str, Any]], rows: Sequence[Sequence[object]]) -> None:
        """A list, of which `rows` is what people see."""
        for held, line in zip(fields, columns(rows)):
            self.show(line, held)

    def refusal(self, problem: Problem) -> None:
        """With `--json` a refusal by the server is an object too."""
        if self.as_json and problem.code is not None:
            sentence = problem.sentence.removeprefix(f"{problem.code}: ")
            self.show("", {"code": str(problem.code), "sentence": sentence})

    def write(self, line: str) -> None:
        """A line, or several, as they are. A quiet Problem once nobody reads."""
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            raise closed() from None


async def wait_unread() -> None:
    """Return once nobody will read standard output any more; where that cannot be told, never."""
    mode = os.fstat(sys.stdout.fileno()).st_mode
    if stat.S_ISFIFO(mode):
        # The writing end of a pipe is never readable, so this wakes only for its breaking.
        await trio.lowlevel.wait_readable(sys.stdout.fileno())
    else:
        await trio.sleep_forever()
