"""What it takes to write to people outside: bounds for who asks for too much, and the queue's
wake-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from chatd.security.contacts import contact
from chatd.security.throttle import Quota

from .gateway_changes import CodeKind

RESETS_MAX, RESETS_SECONDS = 30, 600
TRIES_MAX, TRIES_SECONDS = 60, 600
"""From one address: codes that are asked for, and that are given back."""
CODES_MAX, CODES_SECONDS = 5, 3_600
"""To one contact, and for one name: with five tries each, guessing takes thousands of years."""
KEYS_KEPT_MAX = 100_000
WAITING_MAX = 10_000
"""Messages on their way out."""


class Letter(msgspec.Struct, frozen=True):
    """What is to be sent: a code for `user`. No `contact`: it is for nobody."""

    contact: str | None
    kind: CodeKind
    user: str
    code: str
    expires_ms: int

    def __repr__(self) -> str:
        return f"Letter({self.kind!r}, …)"


async def _contact(raw: str) -> str:
    return contact(raw)


def _nobody() -> None:
    """Wakes nobody."""


def _codes() -> Quota:
    return Quota(CODES_MAX, CODES_SECONDS, KEYS_KEPT_MAX)


@dataclass(slots=True)
class Gateway:
    """`resets` and `tries` count by address, `names` and `contacts` by what they say. `waiting`:
    about how many messages are on their way out; `wake` is called where there is another.
    `contact`: one that was typed, in its one form; raises BadContact."""

    resets: Quota = field(default_factory=lambda: Quota(RESETS_MAX, RESETS_SECONDS, KEYS_KEPT_MAX))
    tries: Quota = field(default_factory=lambda: Quota(TRIES_MAX, TRIES_SECONDS, KEYS_KEPT_MAX))
    names: Quota = field(default_factory=_codes)
    contacts: Quota = field(default_factory=_codes)
    waiting: int = 0
    wake: Callable[[], None] = _nobody
    contact: Callable[[str], Awaitable[str]] = _contact
