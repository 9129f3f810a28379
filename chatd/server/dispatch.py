"""From a line to its reply: parsing, who may, the handler, and the ledger that answers in order.

What cannot wait is carried out on the spot, many lines in one go. What must wait (argon2, a read
from disk) gets a task of its own; until it is done that connection's later requests wait.
"""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import Any

import structlog
import trio

from chatd.chat.chat import Chat
from chatd.chat.directory import Miss
from chatd.chat.handlers import sessions
from chatd.chat.handlers.channel import tampered
from chatd.chat.handlers.messages import post
from chatd.chat.ledger import UNAVAILABLE
from chatd.chat.model import Session
from chatd.chat.ports import Unavailable
from chatd.chat.registry import HANDLERS, Decision, Handler
from chatd.protocol.declare import Needs, Reply, Request
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lines import HttpRequest, Line
from chatd.protocol.runs import Run, read_run
from chatd.protocol.wire import (
    UNTOLD,
    Refused,
    read_request,
    write_count,
    write_failure,
    write_items,
    write_success,
)
from chatd.security.throttle import address_block

from .codecs import PLAIN
from .committer import Committer
from .connection import REPLY_BYTES_MAX, Connection
from .reactor import Reactor

LINES_PER_TURN = 256
DENIED_DELAY_SECONDS = 1
"""Before somebody is told that a sealed message does not open."""

_log = structlog.get_logger()
_LOG_IN = ChatError(Code.NOT_AUTHENTICATED, "Log in first: AUTH|user|secret.")
_INSECURE = ChatError(
    Code.INSECURE,
    "Send no secret in the clear here: SEAL first, or use TLS; then change this secret.",
)
_LOGGED_IN = ChatError(Code.ALREADY_AUTHENTICATED, "You are logged in; LOGOUT first.")


class Dispatcher:
    """Carries out the lines of connections."""

    def __init__(
        self, chat: Chat, reactor: Reactor, committer: Committer, nursery: trio.Nursery
    ) -> None:
        self._chat = chat
        self._ledger = chat.ledger
        self._reactor = reactor
        self._committer = committer
        self._nursery = nursery
        reactor.carry_on = self.carry_on
        reactor.reject = self.reject

    def reject(self, connection: Connection, error: ChatError) -> None:
        """Say goodbye to somebody; what does not open is told after a while."""
        connection.stop_listening()
        if error.code is not Code.DENIED:
            self._ledger.anyway(connection.goodbye, error.code, error.sentence)
            return
        tampered(self._chat, connection)
        connection.busy = True
        self._nursery.start_soon(self._deny_later, connection, error)

    async def _deny_later(self, connection: Connection, error: ChatError) -> None:
        await trio.sleep(DENIED_DELAY_SECONDS)
        connection.busy = False
        self._ledger.anyway(connection.goodbye, error.code, error.sentence)
        self._reactor.go_on_later(connection)

    def carry_on(self, connection: Connection) -> None:
        """Carry out some of the lines that were received, until one must wait."""
        lines = connection.lines
        end = min(connection.next_line + LINES_PER_TURN, len(lines))
        if connection.session is None:
            connection.quiet_since_seconds = self._reactor.now()
        while connection.next_line < end:
            first = connection.next_line
            if (run := read_run(lines, first, end)) is not None:
                connection.next_line += run.requests
                self._run(connection, run)
            else:
                connection.next_line += 1
                self._line(connection, lines[first])
            if connection.lines is not lines:
                return  # a goodbye was said
            if connection.busy or connection.outbox.bytes > REPLY_BYTES_MAX:
                connection.choked = not connection.busy
                break
        if connection.next_line == len(lines):
            connection.drop_input()

    def _run(self, connection: Connection, run: Run) -> None:
        """Post messages where the last ones went, or have it judged anew."""
        route = self._chat.epoch.routes.get(connection)
        if route is None or route.target != run.target or route.session is not connection.session:
            self._request(connection, run)
            return
        try:
            post(self._chat, connection, route, run.texts)
        except Exception:  # noqa: BLE001
            self._broken(connection, run)

    def _line(self, connection: Connection, line: Line) -> None:
        try:
            if isinstance(line, HttpRequest):
                connection.goodbye(line.code, line.sentence)
                return
            if isinstance(line, ChatError):
                raise Refused(UNTOLD, line)
            request = read_request(line)
        except Refused as refused:
            self._ledger.counts.refusals[refused.code] += 1
            self._answer(connection, refused.verb, write_failure(refused.verb, refused))
            return
        self._request(connection, request)

    def _request(self, connection: Connection, request: Request | Run) -> None:
        logged_in = connection.session is not None
        if request.needs is Needs.LOGIN and not logged_in:
            self._refuse(connection, request, _LOG_IN)
        elif request.needs is Needs.NO_LOGIN and logged_in:
            self._refuse(connection, request, _LOGGED_IN)
        elif request.confidential and self._exposed(connection):
            self._refuse(connection, request, _INSECURE)
        else:
            self._carry_out(connection, request)

    def _exposed(self, connection: Connection) -> bool:
        """Whether others may read what is sent, and that is not wanted."""
        bare = connection.codec is PLAIN and address_block(connection.address) is not None
        return bare and self._chat.rules.private_transport

    def _carry_out(self, connection: Connection, request: Request | Run) -> None:
        handler = HANDLERS[type(request)]
        if handler.at_once is not None:
            decide = partial(handler.at_once, self._chat, connection, request)
            try:
                self._decide(connection, request, decide)
                return
            except Miss as miss:
                start = partial(self._missed, connection, request, decide, miss)
        elif handler.waits is not None:
            start = partial(self._waiting, connection, request, handler)
        else:
            start = partial(self._streaming, connection, request, handler)
        connection.busy = True
        self._nursery.start_soon(self._task, connection, request, start)

    def _decide(self, connection: Connection, request: Request | Run, decide: Decision) -> None:
        """Judge and change, and see to the reply. May raise Miss, and then nothing has happened."""
        mark, session = self._ledger.mark(), connection.session
        try:
            reply = decide()
        except ChatError as error:
            failure = self._failure(request, error)
            self._ledger.answer(connection, request.verb, failure, mark)
            return
        except Miss:
            raise
        except Exception:  # noqa: BLE001
            self._broken(connection, request)
            return
        if reply is None:
            return
        undo = None
        if connection.session is not session:
            undo = partial(self._back_to, connection, session)
            connection.opened_seconds = connection.quiet_since_seconds = self._reactor.now()
        self._ledger.answer(connection, request.verb, _written(request, reply), mark, undo)

    async def _task(self, connection: Connection, request: Request | Run, start: Any) -> None:
        """A request that must wait; afterwards the connection's next lines."""
        try:
            await start()
            connection.change_codec()
            if connection.unwelcomed:
                await self._welcome(connection)
        except ChatError as error:
            self._refuse(connection, request, error)
        except Unavailable as error:
            _log.warning("request failed", verb=request.verb, problem=str(error))
            self._refuse(connection, request, UNAVAILABLE)
        except Exception:  # noqa: BLE001
            self._broken(connection, request)
        connection.busy = False
        connection.quiet_since_seconds = self._reactor.now()
        self._reactor.go_on_later(connection)
        await self._reactor.flush()

    async def _missed(
        self, connection: Connection, request: Request | Run, decide: Decision, miss: Miss
    ) -> None:
        await self._chat.directory.load(miss.key)
        await self._chat.asking(partial(self._decide, connection, request, decide))

    async def _waiting(
        self, connection: Connection, request: Request | Run, handler: Handler
    ) -> None:
        assert handler.waits is not None
        await self._committer.settled(connection)
        decide = await handler.waits(self._chat, connection, request)
        await self._chat.asking(partial(self._decide, connection, request, decide))

    async def _streaming(
        self, connection: Connection, request: Request | Run, handler: Handler
    ) -> None:
        assert handler.streams is not None
        await self._committer.settled(connection)
        count = 0
        async with aclosing(handler.streams(self._chat, connection, request)) as pages:  # type: ignore[type-var]
            async for page in pages:
                connection.put(write_items(request.verb, page))
                count += len(page)
                await self._reactor.flush()
                await self._reactor.drained(connection)
        connection.put(write_count(request.verb, count))

    async def _welcome(self, connection: Connection) -> None:
        await self._committer.settled(connection)
        connection.unwelcomed = False
        try:
            if lines := await sessions.welcome(self._chat, connection):
                connection.put(lines)
        except Unavailable as error:
            _log.warning("unread messages not announced", problem=str(error))

    def _back_to(self, connection: Connection, session: Session | None) -> None:
        """A log-in or log-out was not stored."""
        connection.session = session
        if not connection.alive:
            self._reactor.leave(connection)

    def _broken(self, connection: Connection, request: Request | Run) -> None:
        """A defect of ours: one request fails, and with it what may hang together with it, unless
        it only reads; the server goes on, with memory read anew from disk."""
        _log.exception("request broke", verb=request.verb)
        if not request.listed:
            self._committer.poison()
        self._refuse(connection, request, UNAVAILABLE)

    def _refuse(self, connection: Connection, request: Request | Run, error: ChatError) -> None:
        self._answer(connection, request.verb, self._failure(request, error))

    def _failure(self, request: Request | Run, error: ChatError) -> bytes:
        self._ledger.counts.refusals[error.code] += request.requests
        return write_failure(request.verb, error) * request.requests

    def _answer(self, connection: Connection, verb: str, line: bytes) -> None:
        self._ledger.answer(connection, verb, line, self._ledger.mark())


def _written(request: Request | Run, reply: Reply | list[Reply]) -> bytes:
    if isinstance(reply, list):
        return write_items(request.verb, reply) + write_count(request.verb, len(reply))
    return write_success(request.verb, reply)
