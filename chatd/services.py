"""Services of your own, in Python: what a plug-in of chatd imports.

A plug-in is an installed distribution with an entry point in the group `chatd.services` that names
a `Service`. It is loaded when the server starts; nothing else need be said.

    # pyproject.toml
    [project.entry-points."chatd.services"]
    shout = "shouting:SHOUT"

    # shouting.py
    from chatd.services import BadArguments, Call, Service

    def shout(call: Call) -> str:
        if not call.arguments:
            raise BadArguments("shout takes a text or more: CALL|shout|text")
        return " ".join(call.arguments).upper()

    SHOUT = Service("shout", 0, "text…", "Say it louder.", shout)

What others shall not see must not stand in a result or in the sentence of a `ServiceError`: both go
to whoever called.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chatd.protocol.fields import DESCRIPTION_BYTES_MAX, USAGE_BYTES_MAX

__all__ = ["GROUP", "BadArguments", "Call", "Service", "ServiceError", "service_name"]

GROUP = "chatd.services"
"""The group of entry points."""

LEVEL_MAX = 9
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call: who makes it, of which level (0 to 9), and its arguments as they came from a
    stranger: at most 32, of 32,768 bytes together, without control characters but TAB, LF, CR."""

    caller: str
    level: int
    arguments: tuple[str, ...]


class ServiceError(Exception):
    """It cannot be done; `sentence` says why, in a sentence to the caller: SERVICE_FAILED."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class BadArguments(ServiceError):
    """The arguments are not what the service takes; the sentence says what it does: BAD_FIELD."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that the server provides.

    `name` has 1 to 32 characters of a to z, digits, and `. _ -` behind the first; it is called in
    any case. `level` (0 to 9) is the lowest of an account that may call it. `usage` names the
    arguments, `description` says in a sentence what it does; both may be empty, and have at most
    200 and 500 bytes.

    `call` gives the result, a text of at most 32,768 bytes. A `def` is run in a thread, at most
    four at a time for each service; when it takes too long its caller is told TIMEOUT, and the
    thread goes on until it is done. An `async def` is run by trio in the server's own thread: it
    must not block, and is cancelled when it takes too long or its caller is gone. Any exception but
    a `ServiceError` is logged by its type and place alone, and the caller gets a neutral sentence.

    Raises ValueError where a field is not as said.
    """

    name: str
    level: int
    usage: str
    description: str
    call: Callable[[Call], str] | Callable[[Call], Awaitable[str]]

    def __post_init__(self) -> None:
        if service_name(self.name) != self.name:
            raise ValueError("a service's name has small letters")
        if not 0 <= self.level <= LEVEL_MAX:
            raise ValueError("a service's level is 0 to 9")
        _demand_fitting("usage", self.usage, USAGE_BYTES_MAX)
        _demand_fitting("description", self.description, DESCRIPTION_BYTES_MAX)
        if not callable(self.call):
            raise ValueError("a service's call must be a function")

    @property
    def is_async(self) -> bool:
        """Whether `call` is run by trio."""
        inner = getattr(self.call, "__call__", None)  # noqa: B004  (of an object that is callable)
        return inspect.iscoroutinefunction(self.call) or inspect.iscoroutinefunction(inner)


def service_name(raw: str) -> str:
    """A service's name in its one form. ValueError, with the rule that is broken."""
    name = raw.lower() if raw.isascii() else raw
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            "a service's name has 1 to 32 of the letters a to z, digits, and further on . _ -"
        )
    return name


def _demand_fitting(what: str, text: str, bytes_max: int) -> None:
    if not (text.isprintable() and len(text.encode()) <= bytes_max):
        raise ValueError(f"a service's {what} is printable, of at most {bytes_max} bytes")
