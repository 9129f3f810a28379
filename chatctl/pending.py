"""Which request an answer belongs to, without I/O (protocol.md, "Requests and replies").

A server answers in the order of the requests, so a queue is enough. When the connection breaks,
what was not sent yet waits for the next one, what is safe to repeat is sent again, in the same
order, and the rest fails, because nobody can tell whether it was carried out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import trio

from chatd.protocol.commands import Ping, Seen, Send, Whoami
from chatd.protocol.declare import Listing, Reply, Request
from chatd.protocol.errors import ChatError
from chatd.protocol.sealed import Identity, Vault
from chatd.protocol.wire import UNTOLD, Answer, read_known

from .errors import ConnectionLost, Refusal, Unreadable, again

SEND_BYTES_MAX = 65_536
ANSWER_BYTES_MAX = 134_217_728
LINE_COST_BYTES = 1_024
"""How much one answer may take in memory, and what each of its lines takes beside its text."""

_READS = (Listing, Ping, Whoami, Vault, Identity)
_UNREADABLE = (
    "The server's answer to {} cannot be read. Update chatctl, or tell who runs the server."
)
_ENDLESS = "The server's answer to {} has no end, so it was left. Tell who runs the server."


class Call:
    """One request and what has come of it; it holds its line, so it must not be logged."""

    __slots__ = (
        "abandoned",
        "answers",
        "bytes_left",
        "counted",
        "error",
        "line",
        "replies",
        "request",
        "settled",
    )

    def __init__(self, line: bytes, request: Request | None, *, counted: bool = True) -> None:
        self.line = line
        self.counted = counted  # whether it takes one of the places that bound the queue
        self.request = request  # None: a line that only the server can judge
        self.answers: list[Answer] = []
        self.replies: list[Reply] = []
        self.error: Exception | None = None
        self.abandoned = False  # nobody waits for it any more
        self.bytes_left = ANSWER_BYTES_MAX
        self.settled = trio.Event()

    @property
    def repeatable(self) -> bool:
        """Whether carrying it out twice is the same as once."""
        return isinstance(self.request, (*_READS, Seen, Send))

    def take(self, answer: Answer) -> None:
        """An answer's line; the last one settles the call."""
        if self.request is not None and answer.verb not in (self.request.verb, UNTOLD):
            raise ConnectionLost("The server answered another request than the oldest.")
        self.bytes_left -= LINE_COST_BYTES + len(answer.rest or "")
        if self.bytes_left < 0:
            raise Unreadable(_ENDLESS.format(answer.verb))
        self.answers.append(answer)
        try:
            self._read(answer)
        except (ChatError, ValueError):
            self.error = Unreadable(_UNREADABLE.format(answer.verb))
        if answer.outcome != "ITEM":
            self.settled.set()

    def _read(self, answer: Answer) -> None:
        request = self.request
        if answer.outcome == "FAILURE":
            self.error = _refusal(answer.error(), request)
        elif request is None:
            return
        elif answer.outcome == "ITEM" or not request.listed:
            self.replies.append(read_known(request.reply, answer.rest))
        elif int(answer.rest or "") != len(self.replies):
            raise ValueError("lines of the list are missing")

    def fail(self, error: Exception) -> None:
        """It will not be answered."""
        self.error = again(error)
        self.settled.set()

    def forget(self) -> None:
        """The answers so far were cut short; it will be sent again."""
        self.answers.clear()
        self.replies.clear()
        self.error = None
        self.bytes_left = ANSWER_BYTES_MAX


def _refusal(error: ChatError, request: Request | None) -> ChatError:
    if request is None:
        return error
    named = [field.name for field in request.shape.fields[:1] if not field.kind.secret]
    about = "".join(str(getattr(request, name)) for name in named)
    return Refusal(error.code, error.sentence, request.verb, about)


class Pending:
    """The calls that are not settled, oldest first."""

    def __init__(self) -> None:
        self._greetings: deque[Call] = deque()  # sent while the gate is still closed
        self._unsent: deque[Call] = deque()
        self._sent: deque[Call] = deque()
        self.open = False
        """Whether the connection may be used; only greetings are sent before."""

    def add(self, call: Call) -> None:
        """A call, after all others."""
        self._unsent.append(call)

    def greet(self, call: Call) -> None:
        """A call that comes before all others on a new connection."""
        self._greetings.append(call)

    def take(self) -> bytes:
        """What is to be sent next, empty if nothing is; it counts as sent from here on."""
        lines: list[bytes] = []
        room = SEND_BYTES_MAX
        while room > 0 and (call := self._next()) is not None:
            lines.append(call.line)
            self._sent.append(call)
            room -= len(call.line)
        return b"".join(lines)

    def _next(self) -> Call | None:
        if self._greetings:
            return self._greetings.popleft()
        return self._unsent.popleft() if self.open and self._unsent else None

    def answer(self, answer: Answer) -> Call | None:
        """The call that this answer settles; None for a line of a list. ConnectionLost."""
        if not self._sent:
            raise ConnectionLost("The server answered a request that was never made.")
        call = self._sent[0]
        call.take(answer)
        return self._sent.popleft() if call.settled.is_set() else None

    def abandon(self, call: Call) -> bool:
        """Nobody waits for `call` any more; whether it is gone, or its answer is still to come."""
        call.abandoned = True
        for queue in (self._greetings, self._unsent):
            if call in queue:
                queue.remove(call)
                return True
        return False

    def broken(self, error: Exception) -> list[Call]:
        """The connection is gone: keep what can be repeated; the others fail, and are returned."""
        under_way = [*self._sent, *self._greetings]
        self._sent.clear()
        self._greetings.clear()
        self.open = False
        kept = [call for call in under_way if call.repeatable and not call.abandoned]
        for call in kept:
            call.forget()
        self._unsent.extendleft(reversed(kept))
        return _fail((call for call in under_way if call not in kept), error)

    def end(self, error: Exception) -> list[Call]:
        """No connection will come any more: all calls fail."""
        calls = [*self._sent, *self._greetings, *self._unsent]
        for queue in (self._sent, self._greetings, self._unsent):
            queue.clear()
        return _fail(calls, error)


def _fail(calls: Iterable[Call], error: Exception) -> list[Call]:
    failed = list(calls)
    for call in failed:
        call.fail(error)
    return failed
