"""A call of a service, and those who can take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from chatd.protocol.errors import ChatError
from chatd.protocol.services import ServiceItem
from chatd.services import Call, Service

from .ports import Reachable, Unavailable


def _nobody() -> None:
    """Wakes nobody."""


@dataclass(slots=True, eq=False)
class Asked:
    """A call under way; `provider` has it, or the server itself where that is None."""

    id: str
    caller: Reachable
    account: int
    service: str
    call: Call
    provider: Serving | None = None
    moved: bool = False  # the provider before went away
    outcome: str | ChatError | None = None
    wake: Callable[[], None] = _nobody

    def settle(self, outcome: str | ChatError) -> None:
        """The result, or why there is none; what comes later means nothing."""
        if self.outcome is None:
            self.outcome = outcome
            self.wake()

    def result(self) -> str:
        """What the service answered. ChatError."""
        if self.outcome is None:
            raise Unavailable("a call was not settled")
        if isinstance(self.outcome, ChatError):
            raise ChatError(self.outcome.code, self.outcome.sentence)
        return self.outcome


@dataclass(slots=True, eq=False)
class Serving:
    """A connection that provides something. `silent`: it let a call time out and has answered
    nothing since. `turn` grows with each call that it is given."""

    client: Reachable
    names: set[str] = field(default_factory=set)
    calls: dict[str, Asked] = field(default_factory=dict)
    silent: bool = False
    turn: int = 0


@dataclass(slots=True, eq=False)
class Offer:
    """A service of an account, and its connections that provide it."""

    account: int
    item: ServiceItem
    providers: dict[Reachable, Serving] = field(default_factory=dict)


class Runs(Protocol):
    """Waits, and runs the server's own services."""

    async def settled(self, asked: Asked, seconds_max: float) -> None:
        """Return once it is settled, or that time is over."""

    async def run(self, service: Service, asked: Asked, seconds_max: float) -> None:
        """Settle it by the service, unless that time is over."""
