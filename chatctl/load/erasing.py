"""Erases throw-away accounts, and goes on trying while the server cannot be reached."""

from __future__ import annotations

import trio

from chatd.protocol.commands import Auth, Erase
from chatd.protocol.errors import ChatError, Code

from ..backoff import Backoff
from ..client import connect
from ..errors import ConnectionFailed, wait_seconds
from .crowd import Told, each
from .leftovers import Leftover

SECONDS = 15.0
SECONDS_EACH = 0.1
"""A server takes some tens of milliseconds to verify a password."""
_DENIALS_MAX = 2  # a request that was under way when its connection broke may yet be carried out


def patience_seconds(leftover: Leftover) -> float:
    """How long erasing these may take."""
    return SECONDS + SECONDS_EACH * len(leftover.users)


async def erase(leftover: Leftover, told: Told) -> None:
    """Erase these accounts; who is gone is taken out of the list. Goes on until cancelled."""

    async def work(user: str) -> None:
        await _erase(leftover, user)
        leftover.users.remove(user)

    await each(list(leftover.users), work, told)


async def _erase(leftover: Leftover, user: str) -> None:
    backoff = Backoff(seconds_max=5.0)
    denials = 0
    while True:
        try:
            async with connect(leftover.server, reconnect=False) as client:
                await client.call(Auth(user, leftover.secret))
                await client.call(Erase(leftover.secret))
            return
        except (ChatError, ConnectionFailed) as error:
            why = error
        denials += isinstance(why, ChatError) and why.code is Code.DENIED
        if denials == _DENIALS_MAX:
            return  # there is no such account
        await trio.sleep(max(backoff.next_seconds(), wait_seconds(why)))
