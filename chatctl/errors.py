"""What can go wrong between a client and its server, besides a refusal, which is a ChatError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from chatd.protocol.errors import ChatError, Code

E = TypeVar("E", bound=BaseException)

WAIT_SECONDS_MAX = 600.0

_PASSING = {Code.SHUTDOWN, Code.TIMEOUT, Code.UNAVAILABLE, Code.RATE_LIMITED}


class ConnectionFailed(Exception):
    """There is no connection; `sentence` tells a person why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class CannotConnect(ConnectionFailed):
    """No server of chat/1 answers at the address, or it is no address."""


class NotVerified(CannotConnect):
    """Who answers does not prove to be the server that was asked for."""


class ConnectionLost(ConnectionFailed):
    """The connection ended; whether the request was carried out is not known."""


class Unreadable(ConnectionLost):
    """The server answered, but in no way that this client understands."""


class Refusal(ChatError):
    """The server refused a request of this verb; `about` is its first field, unless a secret."""

    def __init__(self, code: Code, sentence: str, verb: str = "", about: str = "") -> None:
        super().__init__(code, sentence)
        self.verb = verb
        self.about = about


def again(error: E) -> E:
    """A fresh copy, so that each task that raises it has a traceback of its own."""
    made: E = type(error)(*error.args)
    return made


@contextmanager
def ungrouped() -> Iterator[None]:
    """A nursery wraps what is raised in it in a group; of one, callers see it as it was raised."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = group.exceptions[0] if len(group.exceptions) == 1 else group
        raise error from error.__cause__


def refusal(code: str, sentence: str) -> ChatError:
    """What a goodbye says; a code of a later server counts as UNAVAILABLE."""
    known = Code(code) if code in Code.__members__ else Code.UNAVAILABLE
    return ChatError(known, sentence)


def is_final(why: Exception) -> bool:
    """Whether coming back would end in the same way."""
    if isinstance(why, ChatError):
        return why.code not in _PASSING
    return isinstance(why, NotVerified)


def sentence_of(why: Exception) -> str:
    """What to tell a person."""
    return why.sentence if isinstance(why, ChatError | ConnectionFailed) else str(why)


def wait_seconds(why: Exception) -> float:
    """How long the server wants to be left alone (RATE_LIMITED begins with whole seconds)."""
    if not isinstance(why, ChatError) or why.code is not Code.RATE_LIMITED:
        return 0.0
    first = why.sentence.partition(" ")[0]
    return min(float(first), WAIT_SECONDS_MAX) if first.isascii() and first.isdigit() else 0.0
