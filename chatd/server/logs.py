"""Logs to stderr: for people on a terminal, one JSON object a line otherwise.

What may be logged is an event and plain facts about it. A secret, a token or what someone wrote
never gets through, whatever the caller passes; of an exception only its type and place are told,
since its message may quote any of these.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from .settings import Settings

WITHHELD = "(withheld)"
FRAMES_MAX = 20
VALUE_CHARACTERS_MAX = 1_000

_SENSITIVE = (
    *("secret", "token", "text", "passw", "topic", "reason", "body", "line", "key", "hash"),
    *("plain", "box", "digest", "message"),
)


def configure(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Log to `stream` from now on, with the settings' level and format; may be called again."""
    human = settings.log_format == "human" or (settings.log_format == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _without_message,
            _guard,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _human(stream) if human else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )


class _Lines:
    """Writes lines. Where the stream takes none, a full disk say, the server goes on: the lines
    are counted, and the count is told before the next line that gets through."""

    lost = 0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        told = f"({_Lines.lost} lines of the log were lost)\n" if _Lines.lost else ""
        try:
            self._stream.write(f"{told}{line}\n")
            self._stream.flush()
        except OSError:
            _Lines.lost += 1
        else:
            _Lines.lost = 0

    debug = info = warning = error = critical = exception = msg


def _human(stream: TextIO) -> Processor:
    colors = stream.isatty() and not os.environ.get("NO_COLOR")
    return structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=24)


def _guard(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: _safe(key, value) for key, value in event.items()}


def _safe(key: str, value: object) -> object:
    if any(word in key.lower() for word in _SENSITIVE):
        return WITHHELD
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _one_line(value)
    if isinstance(value, list | tuple):
        return [_safe(key, item) for item in value[:FRAMES_MAX]]
    return f"({type(value).__name__})"


def _one_line(value: str) -> str:
    """Without control and bidi characters, so that no log line can be forged."""
    value = value[:VALUE_CHARACTERS_MAX]
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def _without_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else sys.exception() if info else None
    if error is not None:
        leaves = list(_leaves(error))[:FRAMES_MAX]
        event["exceptions"] = [_kind(leaf) for leaf in leaves]
        event["where"] = _frames(leaves[0])
    return event


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _kind(error: BaseException) -> str:
    name = type(error).__qualname__
    return f"{name}({error.strerror})" if isinstance(error, OSError) else name


def _frames(error: BaseException) -> list[str]:
    """Innermost first: `ledger.py:120 commit`."""
    frames = traceback.extract_tb(error.__traceback__)[::-1]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
