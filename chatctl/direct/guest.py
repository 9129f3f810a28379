"""One who has come in without the server: proves who it is, then hands over messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import trio

from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.replies import Handshaken
from chatd.protocol.sealed import Seal
from chatd.protocol.wire import Refused, read_known, read_request, write_failure, write_success
from chatd.security.channel import Acceptor, Channel

from ..e2e import Bound, E2eError, OwnKeys, bind, read_bound
from ..locallog import Keeper, Kept, NoLog
from ..locallog.entry import entry_of
from ..opener import Opener, Read
from ..sealing import SealedStream
from ..transport import Transport
from .standing import Acquaintances
from .wire import FIRST_LINE_BYTES_MAX, HELLO, MSG, Greeted, Greeting, Numbered, Posting

R = TypeVar("R", bound=Reply)

GREETING_SECONDS_MAX = 10.0
IDLE_SECONDS_MAX = 30.0
MESSAGES_MAX = 1_000
"""In one channel; then it is to be made anew, and who may come in is judged again."""


class Over(Exception):
    """Nothing more is taken from this guest."""


@dataclass(frozen=True)
class Host:
    """Who listens. `wants` says from whom; `show` is given each message, once."""

    user: Callable[[], str]
    keys: Callable[[], OwnKeys]
    acceptor: Acceptor
    known: Acquaintances
    opener: Opener
    keeper: Keeper
    wants: Callable[[str], bool]
    show: Callable[[Read], Awaitable[None]]


class Guest:
    """One connection, up to its end. Strangers are told nothing."""

    def __init__(self, host: Host, transport: Transport) -> None:
        self._host = host
        self._transport = transport
        self._count = 0

    async def run(self, begun: Callable[[], bool]) -> None:
        """Serve it; `begun` says whether one more handshake may be carried out. Over,
        ConnectionLost, and what `show` raises."""
        with trio.fail_after(GREETING_SECONDS_MAX):
            channel = await self._sealed(begun)
            bound = await self._greeted(channel)
        while self._count < MESSAGES_MAX:
            with trio.fail_after(IDLE_SECONDS_MAX):
                await self._message(await self._line(), bound)

    async def _sealed(self, begun: Callable[[], bool]) -> Channel:
        line = await self._line(FIRST_LINE_BYTES_MAX)
        try:
            request = read_request(line)
        except Refused:
            raise Over from None
        if not isinstance(request, Seal) or request.pattern != "IK" or not begun():
            raise Over
        try:
            answer, channel = self._host.acceptor.accept("IK", request.message)
        except ValueError:  # HandshakeError
            raise Over from None
        await self._transport.send(write_success(Seal.verb, Handshaken(answer)))
        self._transport.wrap(lambda outer: SealedStream(outer, channel))
        return channel

    async def _greeted(self, channel: Channel) -> Bound:
        """Who has come, of whom all is proved."""
        me = self._host.user()
        greeting = self._read(await self._line(), HELLO, Greeting)
        try:
            bound = read_bound(greeting.proof, channel.binding, "initiator", me)
        except E2eError as error:
            raise await self._refused(HELLO, Code.DENIED, error.sentence) from None
        if bound.user != greeting.user or not await self._host.known.is_known(bound):
            sentence = "Your key is not the one that is known as yours here"
            raise await self._refused(HELLO, Code.DENIED, sentence)
        await self._demand_welcome(bound.user, me)
        proof = bind(channel.binding, "acceptor", me, bound.user, self._host.keys().sig)
        await self._transport.send(write_success(HELLO, Greeted(proof)))
        return bound

    async def _demand_welcome(self, user: str, me: str) -> None:
        if await self._host.known.is_blocked(user):
            raise await self._refused(HELLO, Code.BLOCKED, f"{me} does not take messages from you")
        if not self._host.wants(user):
            raise await self._refused(HELLO, Code.OFFLINE, f"{me} listens to others alone")

    async def _message(self, line: str, bound: Bound) -> None:
        posting = self._read(line, MSG, Posting)
        if posting.number != self._count + 1:
            raise await self._refused(MSG, Code.BAD_FIELD, f"{self._count + 1} is the next number")
        self._count += 1
        now = datetime.now(UTC)
        try:
            read = await self._host.opener.direct(posting.text, bound.user, bound.signer, now)
        except E2eError as error:
            raise await self._refused(MSG, Code.DENIED, error.sentence) from None
        with trio.CancelScope(shield=True):  # what is in the log must be shown as well
            await self._keep(read)
        await self._transport.send(write_success(MSG, Numbered(posting.number)))

    async def _keep(self, read: Read) -> None:
        """What is new is shown once it is in the log; what was there before is only acknowledged
        again, since its sender may not have heard that."""
        entry = entry_of(read, "direct", self._host.user(), read.message.time)
        try:
            kept = await self._host.keeper.keep(entry)
        except NoLog:
            sentence = f"{self._host.user()} cannot keep messages now"
            raise await self._refused(MSG, Code.UNAVAILABLE, sentence) from None
        if kept is Kept.CONFLICT:
            sentence = "This id was used for another message; choose a new one"
            raise await self._refused(MSG, Code.CONFLICT, sentence)
        if kept is Kept.NEW:
            await self._host.show(read)

    async def _refused(self, verb: str, code: Code, sentence: str) -> Over:
        """Say why nothing more is taken."""
        await self._transport.send(write_failure(verb, ChatError(code, f"{sentence}.")))
        return Over()

    @staticmethod
    def _read(line: str, verb: str, shape: type[R]) -> R:
        given, _, rest = line.partition("|")
        try:
            if given == verb:
                found: R = read_known(shape, rest)
                return found
        except ChatError:
            pass
        raise Over

    async def _line(self, bytes_max: int | None = None) -> str:
        """The next line, with nothing behind it: each waits for its answer. ConnectionLost."""
        while not (lines := await self._transport.receive(bytes_max)):
            pass
        if len(lines) > 1:
            raise Over
        return lines[0]
