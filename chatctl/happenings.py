"""What a client tells its reader besides the server's events."""

from __future__ import annotations

from dataclasses import dataclass

from chatd.protocol.declare import Event


@dataclass(frozen=True, slots=True)
class Away(Event):
    """The connection is lost; the client is trying to come back."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Back(Event):
    """There is a connection again, and one is logged in as before; what was missed follows."""


@dataclass(frozen=True, slots=True)
class Missed(Event):
    """Nobody read for so long that this many events, none of them a message, were dropped."""

    count: int
