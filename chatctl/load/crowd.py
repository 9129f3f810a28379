"""The people of a measurement: their accounts, rooms and connections."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from chatd.protocol.commands import Auth, Invite, Join, Leave, Ping, Register, Resume, Set
from chatd.protocol.declare import Request
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import Bye
from chatd.protocol.wire import read_answer, read_event, write_request

from ..address import Address, parse_address
from ..client import Client, connect
from ..errors import CannotConnect, ConnectionLost, refusal
from ..transport import Transport, dial
from .plan import Plan, Spread

T = TypeVar("T")

AT_ONCE_MAX = 16
ENROL_SECONDS_MAX = 30.0
LOGIN_SECONDS_MAX = 30.0


@dataclass(slots=True)
class Person:
    """An account, and the token of its one session; empty where it has none."""

    user: str
    token: str = field(default="", repr=False)


Told = Callable[[int], None]
"""Is told how many are done."""


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], told: Told) -> None:
    """Do some work for each of these, for several at a time."""
    places = trio.CapacityLimiter(AT_ONCE_MAX)
    done = 0

    async def one(item: T) -> None:
        nonlocal done
        async with places:
            await work(item)
        done += 1
        told(done)

    async with trio.open_nursery() as nursery:
        for item in items:
            nursery.start_soon(one, item)


class Crowd:
    """Who takes part, at `server`; `secret` is the password of all whom it has registered."""

    def __init__(self, server: str, mark: str, secret: str, people: list[Person]) -> None:
        self.people = people
        self.rooms: list[str] = []
        self._server = server
        self._address: Address = parse_address(server)
        self._mark = mark
        self._secret = secret

    async def enrol(self, told: Told) -> None:
        """Register all and log them in. Whom the server does not let in any more is left out of
        `people`. ChatError if nobody is let in."""
        refusals: list[ChatError] = []

        async def work(person: Person) -> None:
            try:
                await self._enrol(person)
            except ChatError as error:
                if error.code is not Code.RATE_LIMITED:
                    raise
                refusals.append(error)

        await each(self.people, work, told)
        self.people = [person for person in self.people if person.token]
        if not self.people:
            raise refusals[0]

    async def _enrol(self, person: Person) -> None:
        # Once it is asked for, an account is waited for: half a request can still make one, after
        # it was looked for in vain to be erased.
        with trio.move_on_after(ENROL_SECONDS_MAX, shield=True):
            async with connect(self._server, reconnect=False) as client:
                await client.call(Register(person.user, self._secret))
                person.token = (await client.call(Auth(person.user, self._secret))).token
            return
        raise CannotConnect(f"The server at {self._server} takes too long to register anybody.")

    async def settle(self, plan: Plan, spread: Spread, told: Told) -> None:
        """Make the rooms, which nobody else can see, and let everybody in."""
        self.rooms = [f"#bench-{self._mark}-{number}" for number in range(plan.rooms)]

        async def make(room: int) -> None:
            first, *others = [self.people[one] for one in spread.members(room)]
            name = self.rooms[room]
            history = None if plan.history else False
            requests: list[Request] = [Join(name), Set(name, private=True, history=history)]
            await self._ask(first, [*requests, *(Invite(name, one.user) for one in others)])

        async def enter(account: int) -> None:
            room = spread.rooms_of(account)[0]  # who is in several has made them all
            if spread.members(room)[0] != account:
                await self._ask(self.people[account], [Join(self.rooms[room])])

        await each(range(plan.rooms), make, told)
        await each(range(len(self.people)), enter, lambda done: told(plan.rooms + done))

    async def _ask(self, person: Person, requests: list[Request]) -> None:
        """Make requests that have no list for an answer, one after the other."""
        async with connect(self._server, person.token, reconnect=False) as client:
            for request in requests:
                await client.call(request)  # type: ignore[call-overload]

    async def arrive(
        self, spread: Spread, stack: AsyncExitStack, told: Told
    ) -> list[socket.socket]:
        """A socket for each connection, logged in; `stack` closes them."""
        found: dict[int, socket.socket] = {}

        async def work(connection: int) -> None:
            person = self.people[spread.account_of(connection)]
            found[connection] = stack.enter_context(await self._arrive(person))

        await each(range(spread.connections), work, told)
        return [found[connection] for connection in range(spread.connections)]

    async def _arrive(self, person: Person) -> socket.socket:
        with trio.move_on_after(LOGIN_SECONDS_MAX):
            transport = await dial(self._address)
            try:
                await transport.send(write_request(Resume(person.token)) + write_request(Ping()))
                await _welcomed(transport)
                return transport.detach()
            except BaseException:
                await transport.aclose()
                raise
        raise CannotConnect(f"The server at {self._address} does not answer.")

    async def part(self) -> None:
        """Leave the rooms; with an account that stays, nothing else would end them."""
        for person in self.people:
            async with connect(self._server, person.token, reconnect=False) as client:
                for room in self.rooms:
                    await _leave(client, room)


async def _leave(client: Client, room: str) -> None:
    try:
        await client.call(Leave(room))
    except ChatError as error:
        if error.code not in (Code.NO_SUCH_ROOM, Code.NOT_MEMBER):
            raise


async def _welcomed(transport: Transport) -> None:
    """Read up to the answer to PING. ChatError, ConnectionLost."""
    while True:
        for line in filter(None, await transport.receive()):
            if line.startswith("*"):
                event = read_event(line)
                if isinstance(event, Bye):
                    raise refusal(event.code, event.sentence)
                continue
            try:
                answer = read_answer(line)
            except ValueError:
                raise ConnectionLost("The server sent a line that is no answer.") from None
            if answer.outcome == "FAILURE":
                raise answer.error()
            if answer.verb == Ping.verb:
                return
