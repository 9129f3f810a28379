"""What the reference (reference.py) is made of, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, field


class Refused(Exception):
    """With the code."""


@dataclass
class Message:
    """A message by its number, which grows over all conversations; `seq` once it is known."""

    number: int
    conversation: int
    sender: str
    text: str
    stored: bool
    seq: int | None = None


@dataclass(frozen=True)
class Told:
    """An event: a line, or a message under the name by which the conversation is known."""

    connections: frozenset[int]
    conversation: str
    line: str = ""
    message: int | None = None


@dataclass
class Outcome:
    """`message`: the one that the reply gives the seq of."""

    reply: list[str | None]
    told: list[Told] = field(default_factory=list)
    message: int | None = None


@dataclass
class Room:
    """`members` with their roles, longest-standing first."""

    id: int
    members: dict[str, str] = field(default_factory=dict)
    bans: set[str] = field(default_factory=set)
    topic: str = ""
    private: bool = False
    history: bool = True
    e2e: bool = False


def pair(one: str, other: str) -> tuple[str, str]:
    """The key of a direct conversation."""
    return min(one, other), max(one, other)
