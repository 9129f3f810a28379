"""Lines to requests and replies to lines, both ways round, with no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import (  # noqa: F401  (declares them)
    commands,
    devices,
    direct,
    events,
    gateway,
    sealed,
    services,
)
from .declare import COMMANDS, EVENTS, Declared, Event, Reply, Request, read_fields, write_fields
from .errors import ChatError, Code
from .fields import escape_rest, unescape

UNTOLD = "ERROR"
"""The verb that answers what cannot be told to belong to a verb."""


class Refused(ChatError):
    """A line that is no request, and the verb under which to say so."""

    def __init__(self, verb: str, error: ChatError) -> None:
        super().__init__(error.code, error.sentence)
        self.verb = verb


def read_request(line: str) -> Request:
    """A client's line, without its LF. Raises Refused: UNKNOWN_VERB, BAD_FIELD, TOO_BIG."""
    verb, bar, rest = line.partition("|")
    cls = COMMANDS.get(verb.upper() if verb.isascii() else verb)
    if cls is None:
        raise Refused(UNTOLD, ChatError(Code.UNKNOWN_VERB, "There is no such command; try HELP."))
    try:
        return read_fields(cls, rest if bar else None)
    except ChatError as error:
        raise Refused(cls.verb, error) from None


def write_request(request: Request) -> bytes:
    """A command as its line, LF included."""
    return _line(request.verb, *write_fields(request))


def write_success(verb: str, reply: Reply) -> bytes:
    """The final line of a request that was carried out."""
    return _line(verb, "SUCCESS", *write_fields(reply))


def write_items(verb: str, items: Iterable[Reply]) -> bytes:
    """Some of a list's lines, one after the other."""
    return b"".join([_line(verb, "ITEM", *write_fields(item)) for item in items])


def write_count(verb: str, count: int) -> bytes:
    """The final line of a list."""
    return b"%b|SUCCESS|%d\n" % (verb.encode(), count)


def write_failure(verb: str, error: ChatError) -> bytes:
    """The final line of a request that was refused."""
    return _line(verb, "FAILURE", error.code, escape_rest(error.sentence))


def write_event(event: Event) -> bytes:
    """An event as its line, LF included."""
    return _line(event.verb, *write_fields(event))


def _line(*fields: str) -> bytes:
    return ("|".join(fields) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's line that belongs to a request: `fields` is what follows the outcome."""

    verb: str
    outcome: str  # SUCCESS, ITEM or FAILURE
    rest: str | None

    def error(self) -> ChatError:
        """What a FAILURE says."""
        code, _, sentence = (self.rest or "").partition("|")
        return ChatError(_code(code), unescape(sentence))


def read_answer(line: str) -> Answer:
    """A server's line that does not begin with `*`. ValueError where it is no answer."""
    verb, _, more = line.partition("|")
    outcome, bar, rest = more.partition("|")
    if outcome not in ("SUCCESS", "ITEM", "FAILURE"):
        raise ValueError("not an answer")
    return Answer(verb, outcome, rest if bar else None)


def read_event(line: str) -> Event | None:
    """A server's line that begins with `*`; None for an event of a later protocol."""
    verb, bar, rest = line.partition("|")
    cls = EVENTS.get(verb)
    return None if cls is None else read_known(cls, rest if bar else None)


def read_known(cls: type[Declared], rest: str | None) -> Any:
    """The fields of a line of the server; those that a later server adds at its end are ignored."""
    places, shape = len(cls.shape.fields), cls.shape
    if rest is not None and not shape.ends_free and shape.many is None:
        rest = "|".join(rest.split("|")[:places])
    return read_fields(cls, None if places == 0 else rest)


def _code(word: str) -> Code:
    try:
        return Code(word)
    except ValueError:
        return Code.UNAVAILABLE
