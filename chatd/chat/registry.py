"""Which function carries out which command.

A handler is one of three. `def` for what cannot wait: it returns the reply (for a Listing, all
items; None where the ledger will answer). `async def` for what must wait: it waits, then returns a
`Decision`, which judges and changes without waiting and returns the reply. An asynchronous
generator of chunks of items for a Listing that is read from disk.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from chatd.protocol.declare import Reply, Request
from chatd.protocol.runs import Run

F = TypeVar("F", bound=Callable[..., Any])

Answerable = Reply | list[Reply] | None
Decision = Callable[[], Answerable]
"""Judges and changes, without waiting. May raise ChatError, and Miss before it changes anything."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler, by how it is called; one of the three is set."""

    at_once: Callable[..., Answerable] | None = None
    waits: Callable[..., Awaitable[Decision]] | None = None
    streams: Callable[..., AsyncIterator[list[Reply]]] | None = None


HANDLERS: dict[type[Request | Run], Handler] = {}


def handles(command: type[Request | Run]) -> Callable[[F], F]:
    """Register the handler of a command: `(chat, client, request)`."""

    def register(function: F) -> F:
        if inspect.isasyncgenfunction(function):
            handler = Handler(streams=function)
        elif inspect.iscoroutinefunction(function):
            handler = Handler(waits=function)
        else:
            handler = Handler(at_once=function)
        HANDLERS[command] = handler
        return function

    return register
