"""Keeps a session connected: comes back with growing waits, logs in by token, catches up."""

from __future__ import annotations

import trio

from chatd.protocol.commands import Resume
from chatd.protocol.errors import ChatError, Code

from .address import Address
from .backoff import Backoff
from .catchup import catch_up
from .errors import CannotConnect, ConnectionLost, is_final, wait_seconds
from .link import Link, open_link
from .session import Session

RESUME_SECONDS_MAX = 30.0
STEADY_SECONDS = 0.25
"""A connection that lasted this long was a good one: the next waits begin short again."""


class Keeper:
    """Owns the connections of a session, one after the other."""

    def __init__(self, session: Session, address: Address, *, reconnect: bool) -> None:
        self._session = session
        self._address = address
        self._reconnect = reconnect
        self._backoff = Backoff()

    async def run(self, link: Link) -> None:
        """Serve `link` and those that follow it, until it is no use to come back."""
        session = self._session
        try:
            while True:
                began = trio.current_time()
                await link.serve(session, self._welcome)
                if not self._reconnect or session.said_goodbye or is_final(link.why):
                    session.end(link.why)
                    return
                session.broken(link.why)
                if trio.current_time() - began >= STEADY_SECONDS:
                    self._backoff.reset()
                reopened = await self._reopen(link.why)
                if isinstance(reopened, Exception):
                    session.end(reopened)
                    return
                link = reopened
        finally:
            session.end(ConnectionLost("The client was closed."))

    async def _reopen(self, why: Exception) -> Link | Exception:
        """A new connection, or why there is to be none."""
        while True:
            await trio.sleep(max(self._backoff.next_seconds(), wait_seconds(why)))
            try:
                return await open_link(self._address)
            except CannotConnect as error:
                if is_final(error):
                    return error
                why = error

    async def _welcome(self, link: Link) -> None:
        try:
            await self._login(link)
            self._session.open()
            await catch_up(self._session)
        except* (ConnectionLost, ChatError) as group:
            link.end(group.exceptions[0])

    async def _login(self, link: Link) -> None:
        session = self._session
        if link.hello.server_key_fingerprint != session.hello.server_key_fingerprint:
            # A token is shown to no other server than the one that gave it.
            raise ChatError(Code.DENIED, "Another server answers now; log in to it anew.")
        session.hello = link.hello
        if session.token is None:
            return
        with trio.move_on_after(RESUME_SECONDS_MAX):
            await session.call(Resume(session.token), counted=False)
            return
        raise ConnectionLost("The server does not answer.")
