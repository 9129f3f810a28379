"""What somebody types who enrols without a line: the line, or its parts, each checked as it comes.

At a terminal what is wrong is asked for again; elsewhere it ends the command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from chatd.protocol.enrolment import EnrolmentLine, host, one_time_id, public_key

from .address import Address, parse_address
from .enrolling import Invitation
from .errors import CannotConnect
from .passwords import typed_line
from .problems import complain, usage

_NO_HOST = "must be HOST or HOST:PORT, as in chat.example.net:4040"
_NAME_CHARACTERS_MAX = 32

T = TypeVar("T")


def read_line(line: str) -> Invitation:
    """An enrolment line, from an argument. Problem."""
    try:
        return Invitation.of(EnrolmentLine.read(line))
    except ValueError as wrong:
        raise usage(f"That is no enrolment line: {wrong}") from None


def invitation() -> Invitation:
    """What a person types, in parts unless it is the line. Problem, EOFError."""
    if line := _part("enrolment line (Enter to type its parts)", _line):
        return Invitation.of(line)
    address, is_whole = _part("host", _host)
    if not is_whole:
        port = _part(f"port ({address.port} unless given)", _port) or address.port
        address = Address(address.host, port)
    user = _part("your name", _name)
    key = _part("the server's key (Enter if you were given none)", _key)
    return Invitation(str(address), user, _part("one-time ID", one_time_id), key)


def _part(what: str, read: Callable[[str], T]) -> T:
    """The next thing typed, as `read` takes it; its ValueError goes on "The `what` …"."""
    name = what.partition(" (")[0].removeprefix("your ").removeprefix("the ")
    while True:
        typed = _typed(what, name)
        try:
            return read(typed)
        except ValueError as wrong:
            sentence = f"The {name} {wrong}"
            if not sys.stdin.isatty():
                raise usage(sentence) from None
            complain(sentence)


def _typed(what: str, name: str) -> str:
    """At the terminal, or the next line of standard input."""
    if sys.stdin.isatty():
        return input(f"{what[0].upper()}{what[1:]}: ").strip()
    if (line := typed_line()) is None:
        hint = "give the whole as an argument: chatctl enrol LINE"
        raise usage(f"The {name} is missing, and nobody is here to be asked; {hint}")
    return line.strip()


def _line(typed: str) -> EnrolmentLine | None:
    try:
        return EnrolmentLine.read(typed) if typed else None
    except ValueError as wrong:
        raise ValueError(f"is wrong: {wrong}") from None


def _host(typed: str) -> tuple[Address, bool]:
    """Where the server is, and whether a port was typed with it."""
    typed = typed.lower()  # as lines have it, so that two can be compared
    try:
        address = parse_address(typed)
    except CannotConnect:
        raise ValueError(_NO_HOST) from None
    if address.path or "://" in typed:  # devices seal plain TCP themselves
        raise ValueError(_NO_HOST)
    host(address.host)
    return address, typed == str(address)


def _port(typed: str) -> int | None:
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and 0 < int(typed[:6]) < 65_536):
        raise ValueError("must be a number from 1 to 65535")
    return int(typed)


def _name(typed: str) -> str:
    if not 0 < len(typed) <= _NAME_CHARACTERS_MAX or not typed.isprintable() or " " in typed:
        raise ValueError("must be the one you were invited by, 1 to 32 characters without blanks")
    return typed


def _key(typed: str) -> bytes | None:
    try:
        return public_key(typed) if typed else None
    except ValueError:
        raise ValueError("must have 43 characters, A-Z a-z 0-9 - _, as it was given") from None
