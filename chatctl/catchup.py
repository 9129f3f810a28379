"""Asks HISTORY for what the feed misses, for as long as one connection lives."""

from __future__ import annotations

import trio

from chatd.protocol.commands import History, Unread
from chatd.protocol.errors import ChatError

from .backoff import Backoff
from .errors import is_final, wait_seconds
from .session import Session

PAGE_ITEMS = 100


async def catch_up(session: Session) -> None:
    """Run until cancelled; does nothing before somebody reads the events. ConnectionLost."""
    await session.has_reader.wait()
    backoff = Backoff()
    while True:
        try:
            await _find_or_fetch(session)
            backoff.reset()
        except ChatError as error:
            # UNAVAILABLE or RATE_LIMITED: it is still missing, so ask again later.
            await trio.sleep(max(backoff.next_seconds(), wait_seconds(error)))


async def _find_or_fetch(session: Session) -> None:
    if session.feed.finding:
        await _find(session)
    else:
        await _fetch(session)
    session.to_read.unpark_all()


async def _find(session: Session) -> None:
    """Ask which conversations began during a break."""
    try:
        unread = await session.call(Unread())
    except ChatError as error:
        if not is_final(error):
            raise
        unread = []
    session.feed.found(unread)


async def _fetch(session: Session) -> None:
    """One page, or wait until one is missing."""
    ask = session.feed.ask()
    if ask is None:
        await session.to_fetch.park()
        return
    try:
        items = await session.call(History(ask.conversation, after=ask.after, limit=PAGE_ITEMS))
    except ChatError as error:
        if not is_final(error):
            raise
        session.feed.give_up(ask)
    else:
        session.feed.fill(ask, items, PAGE_ITEMS)
