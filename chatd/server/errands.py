"""Requests that come on no connection: the activation page carries one out for its visitor.

They take the same way as any other: the handler judges, the ledger stores, and the answer comes
once it is on disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import structlog
import trio

from chatd.chat.chat import Chat
from chatd.chat.ledger import UNAVAILABLE
from chatd.chat.model import Session
from chatd.chat.ports import Unavailable
from chatd.chat.registry import HANDLERS, Decision
from chatd.protocol.declare import Reply, Request
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.wire import Answer, read_answer, write_failure, write_success

from .committer import Committer

_log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Visitor:
    """A `chat.ports.Client` who makes one request and is told its answer, and nothing else."""

    address: str
    session: Session | None = None
    pending: int = 0
    unwelcomed: bool = False
    hears_after: int = 0
    alive: bool = True
    line: bytes = b""
    answered: trio.Event = field(default_factory=trio.Event)

    def put(self, line: bytes) -> None:
        self.line = line
        self.answered.set()

    def put_later(self, line: bytes) -> None:
        self.put(line)

    def deliver(self, lines: bytes, conversation: str, seq: int) -> None:
        """Nobody listens."""

    def stop_listening(self) -> None:
        """There is one request."""

    def goodbye(self, code: Code, sentence: str) -> None:
        """There is nothing to close."""


@dataclass(slots=True)
class Errands:
    """Carries out requests whose handlers are no lists, and need no log-in."""

    chat: Chat
    committer: Committer

    async def carry_out(self, request: Request, address: str) -> None:
        """Returns once it is on disk. ChatError, as it would be told on a connection."""
        visitor = Visitor(address)
        try:
            decide = await self._decision(visitor, request)
            await self.chat.asking(partial(self._decide, visitor, request, decide))
        except ChatError as error:
            visitor.put(self._failure(request, error))
        except Unavailable as error:
            _log.warning("request failed", verb=request.verb, problem=str(error))
            visitor.put(self._failure(request, UNAVAILABLE))
        except Exception:  # noqa: BLE001
            _log.exception("request broke", verb=request.verb)
            self.committer.poison()
            visitor.put(self._failure(request, UNAVAILABLE))
        await visitor.answered.wait()
        answer: Answer = read_answer(visitor.line.decode().rstrip("\n"))
        if answer.outcome == "FAILURE":
            raise answer.error()

    async def _decision(self, visitor: Visitor, request: Request) -> Decision:
        handler = HANDLERS[type(request)]
        if handler.at_once is not None:
            return partial(handler.at_once, self.chat, visitor, request)
        assert handler.waits is not None
        return await handler.waits(self.chat, visitor, request)

    def _decide(self, visitor: Visitor, request: Request, decide: Decision) -> None:
        """Judge and change; the answer waits for what was changed, also where it is a refusal."""
        ledger = self.chat.ledger
        mark = ledger.mark()
        try:
            reply = decide()
        except ChatError as error:
            ledger.answer(visitor, request.verb, self._failure(request, error), mark)
            return
        assert isinstance(reply, Reply)
        ledger.answer(visitor, request.verb, write_success(request.verb, reply), mark)

    def _failure(self, request: Request, error: ChatError) -> bytes:
        self.chat.ledger.counts.refusals[error.code] += 1
        return write_failure(request.verb, error)
