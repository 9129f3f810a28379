"""The client library of chat/1.

    async with connect("127.0.0.1:4040") as client:
        await client.call(Auth("alice", "secret"))
        await client.call(Join("#ops"))
        async for event in client.events():
            ...

A lost connection is opened anew, with growing waits, and logged in again by token. Requests made
meanwhile wait for it; one that was under way is repeated if twice is the same as once (lists,
WHOAMI, PING, SEEN, SEND), else it raises `ConnectionLost`. What the events then show is told in
`feed.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar, overload

import trio

from chatd.protocol.commands import Resume, Send
from chatd.protocol.declare import Command, Event, Listing, Reply, Request
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import Hello
from chatd.protocol.replies import Posted
from chatd.protocol.wire import Answer, Refused, read_request

from .address import Address, parse_address
from .errors import again, ungrouped
from .keeper import Keeper
from .link import open_link
from .pending import Call
from .session import Session
from .trust import pin_of

R = TypeVar("R", bound=Reply)


class Events:
    """A client's events, one after the other. It has one reader; two would share them out."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        """The next event. ChatError or ConnectionLost once no more can come; ends after QUIT."""
        session = self._session
        await trio.lowlevel.checkpoint()
        while (event := session.feed.pop()) is None:
            if session.said_goodbye and session.over is not None:
                raise StopAsyncIteration
            if session.over is not None:
                raise again(session.over)
            await session.to_read.park()
        session.to_fetch.unpark_all()
        return event


class Client:
    """A connected client; made by `connect`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def hello(self) -> Hello:
        """How the server introduced itself, when it was last connected to."""
        return self._session.hello

    @property
    def pin(self) -> str | None:
        """Of the server's key, where the connection is sealed with it."""
        return None if self.server_key is None else pin_of(self.server_key)

    @property
    def server_key(self) -> bytes | None:
        """The same key, whole."""
        return self._session.server_key

    @property
    def local_host(self) -> str:
        """This machine's address, as the way to the server has it; none for a Unix socket."""
        return self._session.local_host

    @property
    def user(self) -> str | None:
        """Who is logged in."""
        return self._session.feed.user

    @property
    def me(self) -> str:
        """The same, where somebody is."""
        assert self.user is not None
        return self.user

    @property
    def connected(self) -> bool:
        """Whether requests go out at once; otherwise they wait until the connection is back."""
        return self._session.pending.open

    @overload
    async def call(self, request: Command[R]) -> R: ...
    @overload
    async def call(self, request: Listing[R]) -> list[R]: ...
    async def call(self, request: Request) -> Any:
        """Make a request; its reply, or the items of its list.

        Any number of tasks may call at once. ChatError: the server refuses. ConnectionLost: the
        connection broke, and whether the request was carried out is not known.
        """
        return await self._session.call(request)  # type: ignore[call-overload]

    async def send_once(self, target: str, text: str, id: str | None = None) -> Posted:  # noqa: A002
        """Post a message once, however often the connection breaks; `id` as of SEND. ChatError."""
        return await self.call(Send(target, id or secrets.token_urlsafe(12), text))

    async def raw(self, line: str) -> list[Answer]:
        """Send a line as typed (no LF); all lines of its answer, a FAILURE too. ConnectionLost."""
        if not line.removesuffix("\r") or "\n" in line:
            raise ChatError(Code.BAD_LINE, "Type one line that is not empty.")
        call = await self._session.ask(Call(_encoded(line), _request(line)))
        if not call.answers or call.answers[-1].outcome == "ITEM":
            assert call.error is not None
            raise call.error
        return call.answers

    def events(self) -> Events:
        """What happens from login on (`feed.py`), also what happened before this was called."""
        self._session.has_reader.set()
        return Events(self._session)


@asynccontextmanager
async def connect(
    server: str | Address, token: str | None = None, reconnect: bool = True
) -> AsyncIterator[Client]:
    """Connect to an address as `parse_address` takes it, logged in if there is a token.

    CannotConnect if there is no server, NotVerified if it is another than it should be, ChatError
    DENIED if the token is not taken.
    """
    address = parse_address(server) if isinstance(server, str) else server
    link = await open_link(address)
    if (key := link.server_key) is not None:  # from now on, also when it comes back
        address = replace(address, trust=replace(address.trust, pin=pin_of(key), server_key=key))
    session = Session(link.hello)
    session.server_key = link.server_key
    session.local_host = link.transport.local_host
    client = Client(session)
    with ungrouped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Keeper(session, address, reconnect=reconnect).run, link)
            try:
                if token is not None:
                    await client.call(Resume(token))
                yield client
            finally:
                nursery.cancel_scope.cancel()


def _request(line: str) -> Request | None:
    try:
        return read_request(line)
    except Refused:
        return None


def _encoded(line: str) -> bytes:
    try:
        return f"{line}\n".encode()
    except UnicodeEncodeError:
        raise ChatError(Code.BAD_LINE, "This line cannot be written as UTF-8.") from None
