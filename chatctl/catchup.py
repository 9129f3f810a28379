"""Asks HISTORY for what the feed misses, for as long as one connection lives."""

from __future__ import annotations

import trio

from chatd.protocol.commands import History, Unread
from chatd.protocol.errors import ChatError

from .backoff import Backoff
from .errors import is_final, wait_seconds
from .feed import Ask
from .session import Session

PAGE_ITEMS = 100
PAGES_AT_ONCE = 8
"""Conversations asked for at the same time, so that many do not take as many round trips."""


async def catch_up(session: Session) -> None:
    """Run until cancelled; does nothing before somebody reads the events. ConnectionLost."""
    await session.has_reader.wait()
    await _find(session)
    async with trio.open_nursery() as nursery:
        for _ in range(PAGES_AT_ONCE):
            nursery.start_soon(_fetch_all, session)


async def _find(session: Session) -> None:
    """Ask which conversations began during a break."""
    backoff = Backoff()
    while session.feed.finding:
        try:
            session.feed.found(await session.call(Unread()))
        except ChatError as error:
            if is_final(error):
                session.feed.found([])
            else:
                await _wait(backoff, error)


async def _fetch_all(session: Session) -> None:
    """Page after page, as they are missing."""
    backoff = Backoff()
    while True:
        ask = session.feed.ask()
        if ask is None:
            await session.to_fetch.park()
        elif (error := await _fetch(session, ask)) is not None:
            await _wait(backoff, error)
        else:
            backoff.reset()


async def _fetch(session: Session, ask: Ask) -> ChatError | None:
    """One page; the error where it is to be had later."""
    try:
        items = await session.call(History(ask.conversation, after=ask.after, limit=PAGE_ITEMS))
        session.feed.fill(ask, items, PAGE_ITEMS)
    except ChatError as error:
        if not is_final(error):
            session.feed.put_back(ask)
            return error
        session.feed.give_up(ask)
    session.to_read.unpark_all()
    return None


async def _wait(backoff: Backoff, error: ChatError) -> None:
    await trio.sleep(max(backoff.next_seconds(), wait_seconds(error)))
