"""What outlives a connection: who is logged in, the open calls and the feed; no sockets here."""

from __future__ import annotations

import unicodedata
from typing import Any, TypeVar, overload

import trio

from chatd.protocol.commands import Auth, Erase, Join, Leave, Logout, Msg, Quit, Resume, Send
from chatd.protocol.declare import Command, Event, Listing, Reply, Request
from chatd.protocol.devices import LoggedIn, Login
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import Bye, Hello
from chatd.protocol.replies import Authenticated, Joined, Posted, Resumed
from chatd.protocol.wire import read_answer, read_event, write_request

from .errors import ConnectionLost, again, is_final, refusal, sentence_of
from .feed import Feed
from .happenings import Away, Back
from .harmless import sendable
from .pending import Call, Pending

CALLS_MAX = 256
"""Calls that are under way at once; further ones wait."""


def plain_name(name: str) -> str:
    """A valid name as the server writes it (RFC 8265, UsernameCaseMapped)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).lower())


R = TypeVar("R", bound=Reply)


class Session:
    """The state of one client, changed by its calls and by the lines of its connections."""

    def __init__(self, hello: Hello) -> None:
        self.hello = hello
        self.server_key: bytes | None = None
        """Where connections are sealed with it."""
        self.local_host = ""
        """This machine's address, as the way to the server has it; none for a Unix socket."""
        self.token: str | None = None
        self.pending = Pending()
        self.feed = Feed()
        self.over: Exception | None = None
        """Why no connection will come any more."""
        self.said_goodbye = False
        self.has_reader = trio.Event()
        self.to_send = trio.lowlevel.ParkingLot()
        self.to_read = trio.lowlevel.ParkingLot()
        self.to_fetch = trio.lowlevel.ParkingLot()
        self._away = False
        self._places = trio.Semaphore(CALLS_MAX)

    @overload
    async def call(self, request: Command[R], *, counted: bool = True) -> R: ...
    @overload
    async def call(self, request: Listing[R], *, counted: bool = True) -> list[R]: ...
    async def call(self, request: Request, *, counted: bool = True) -> Any:
        """Make a request; its reply, or the items of its list. ChatError, ConnectionLost."""
        call = await self.ask(Call(_line(request), request, counted=counted))
        if call.error is not None:
            raise call.error
        return call.replies if request.listed else call.replies[0]

    async def ask(self, call: Call) -> Call:
        """Make a call and wait until it is settled. What ended the session is raised."""
        if call.counted:
            await self._places.acquire()
        if self.over is not None:
            self._free([call])
            raise again(self.over)
        (self.pending.add if call.counted else self.pending.greet)(call)
        self.to_send.unpark_all()
        try:
            await call.settled.wait()
        finally:
            if not call.settled.is_set() and self.pending.abandon(call):
                self._free([call])
        return call

    def _free(self, calls: list[Call]) -> None:
        for call in calls:
            if call.counted:
                self._places.release()

    def line(self, line: str) -> None:
        """A line of the server. ConnectionLost where it cannot be read, ChatError at a goodbye."""
        if not line.startswith("*"):
            self._answer(line)
        elif (event := _event(line)) is not None:
            self._event(event)

    def _event(self, event: Event) -> None:
        if isinstance(event, Bye):
            raise refusal(event.code, event.sentence)
        self.feed.take(event)

    def _answer(self, line: str) -> None:
        try:
            answer = read_answer(line)
        except ValueError:
            raise ConnectionLost("The server sent a line that is no answer.") from None
        call = self.pending.answer(answer)
        if call is None:
            return
        self._free([call])
        if call.request is not None and call.error is None:
            self._learn(call.request, call.replies[-1] if call.replies else None)

    def _learn(self, request: Request, reply: Reply | None) -> None:
        """What a request that was carried out changes for this client."""
        match request, reply:
            case ((Auth() | Login()), (Authenticated() | LoggedIn())):
                self._login(_token(reply), plain_name(request.user))
            case Resume(), Resumed():
                self._resumed(request.token, reply.user)
            case ((Logout() | Erase()), _):
                self._login(None, None)
            case Join(), Joined():
                self.feed.joined(reply.room, reply.last_seq)
            case Leave(), _:
                self.feed.left(plain_name(request.room))
            case Quit(), _:
                self.said_goodbye = True
            case ((Msg() | Send()), Posted()):
                self.feed.posted(plain_name(request.target), reply.seq)

    def _login(self, token: str | None, user: str | None) -> None:
        self.token = token
        self.feed.login(user)

    def _resumed(self, token: str, user: str) -> None:
        # The login that follows a break is not a new beginning: the feed goes on where it was.
        if self.token != token or not self.feed.finding:
            self._login(token, user)

    def stir(self) -> None:
        """Lines were taken: wake those who wait for what they brought."""
        self.to_read.unpark_all()
        self.to_fetch.unpark_all()

    def open(self) -> None:
        """The connection may be used."""
        if self._away:
            self._away = False
            self.feed.put(Back())
        self.pending.open = True
        self.to_send.unpark_all()
        self.stir()

    def broken(self, why: Exception) -> None:
        """The connection is gone, and another will be tried."""
        self._free(self.pending.broken(ConnectionLost(sentence_of(why))))
        self.feed.broken()
        if not self._away:
            self._away = True
            self.feed.put(Away(sentence_of(why)))
        self.stir()

    def end(self, why: Exception) -> None:
        """No connection will come any more."""
        if self.over is None:
            told = is_final(why) and not self.said_goodbye
            self.over = why if told else ConnectionLost(sentence_of(why))
            self._free(self.pending.end(self.over))
            self.has_reader.set()
            self.stir()


def _line(request: Request) -> bytes:
    for field in (*request.shape.fields, *request.shape.options):
        held = getattr(request, field.name)
        for text in held if field.kind.many else [held]:
            _demand_carried(field.name, text)
    try:
        return write_request(request)
    except UnicodeEncodeError:
        raise ChatError(Code.BAD_LINE, "This text cannot be written as UTF-8.") from None


def _demand_carried(name: str, held: object) -> None:
    """What a person typed fits in a line. Raises ChatError."""
    if isinstance(held, str) and sendable(held) != held:
        what = name.replace("_", " ")
        sentence = f"The {what} holds a control character, which no line can carry."
        raise ChatError(Code.BAD_LINE, sentence)


def _token(reply: Authenticated | LoggedIn) -> str:
    return reply.token if isinstance(reply, Authenticated) else reply.session_token


def _event(line: str) -> Event | None:
    try:
        return read_event(line)
    except ChatError:
        raise ConnectionLost("The server sent an event that cannot be read.") from None
