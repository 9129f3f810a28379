"""Whose accounts a measurement uses, and how nothing is left of them afterwards."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ..backoff import Backoff
from ..errors import ConnectionFailed
from .crowd import Crowd, Person
from .erasing import erase, patience_seconds
from .leftovers import Leftover, keep
from .progress import Meter

PART_SECONDS_MAX = 15.0


@asynccontextmanager
async def strangers(
    server: str, mark: str, count: int, meter: Meter, left: list[str], tidying: trio.CancelScope
) -> AsyncIterator[Crowd]:
    """Throw-away accounts, and fewer than `count` if the server makes no more.

    They are erased at the end, for as long as patience and `tidying` allow; who is `left` is told.
    """
    users = [f"bench-{mark}-{number}" for number in range(count)]
    leftover = Leftover(server, secrets.token_urlsafe(24), users)
    crowd = Crowd(server, mark, leftover.secret, [Person(user) for user in users])
    with keep(mark, leftover) as kept:
        try:
            meter.begin("Registering", count)
            await crowd.enrol(meter.tell)
            leftover.users = [person.user for person in crowd.people]
            kept.write()
            yield crowd
        finally:
            tidying.deadline = trio.current_time() + patience_seconds(leftover)
            with tidying:
                meter.begin("Erasing", len(leftover.users))
                await erase(leftover, meter.tell)
            left += leftover.users


@asynccontextmanager
async def oneself(
    server: str, mark: str, person: Person, left: list[str], tidying: trio.CancelScope
) -> AsyncIterator[Crowd]:
    """An account that stays; it leaves its rooms at the end, or these are `left`."""
    crowd = Crowd(server, mark, "", [person])
    try:
        yield crowd
    finally:
        tidying.deadline = trio.current_time() + PART_SECONDS_MAX
        left += crowd.rooms
        with tidying:
            await _part(crowd)
            left.clear()


async def _part(crowd: Crowd) -> None:
    """Leave the rooms, as soon as the server can be reached."""
    backoff = Backoff(seconds_max=5.0)
    while True:
        try:
            await crowd.part()
        except ConnectionFailed:
            await trio.sleep(backoff.next_seconds())
        else:
            return
