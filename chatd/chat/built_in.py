"""The services that every server has: roots of numbers, and the time."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal

from chatd.services import BadArguments, Call, Service, ServiceError

from .clock import Clock

DIGITS = 60
"""More than twice those of a double: so what is rounded to one is the nearest, and exact where the
root is."""
NUMBER_CHARACTERS_MAX = 400
DEGREE_MAX = 1_000_000

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_EXACT = Context(prec=DIGITS)


def built_in(clock: Clock) -> list[Service]:
    """All of them."""

    async def time(call: Call) -> str:
        if call.arguments:
            raise BadArguments("time takes no arguments: CALL|time")
        return clock.text(clock.now_ms())

    return [
        Service("sqrt", 1, "x", "The square root of a number.", sqrt),
        Service("cbrt", 2, "x", "The cube root of a number.", cbrt),
        Service("root", 3, "x n", "The n-th root of a number, n from 1 up.", root),
        Service("time", 0, "", "The server's time, RFC 3339 in UTC.", time),
    ]


async def sqrt(call: Call) -> str:
    """The square root of a double."""
    (text,) = _arguments(call, 1, "sqrt takes one number: CALL|sqrt|x")
    return shortest(nth_root(number(text), 2))


async def cbrt(call: Call) -> str:
    """The cube root of a double."""
    (text,) = _arguments(call, 1, "cbrt takes one number: CALL|cbrt|x")
    return shortest(nth_root(number(text), 3))


async def root(call: Call) -> str:
    """The n-th root of a double."""
    x, n = map(number, _arguments(call, 2, "root takes a number and a whole one: CALL|root|x|n"))
    if not n.is_integer() or not 1 <= n <= DEGREE_MAX:
        raise BadArguments(f"n must be a whole number from 1 to {DEGREE_MAX}")
    return shortest(nth_root(x, int(n)))


def nth_root(x: float, n: int) -> float:
    """The double nearest to the real n-th root of x, for n from 1 up. ServiceError where there is
    none."""
    if x < 0 and n % 2 == 0:
        raise ServiceError("A negative number has no real root of an even degree")
    if x == 0 or n == 1:
        return x
    magnitude = _EXACT.power(Decimal(abs(x)), _EXACT.divide(Decimal(1), Decimal(n)))
    return math.copysign(float(magnitude), x)


def number(text: str) -> float:
    """A number as it is written in decimal. BadArguments where it is none, or none that a double
    can hold."""
    if len(text) > NUMBER_CHARACTERS_MAX or _NUMBER.fullmatch(text) is None:
        raise BadArguments("An argument is no number; write it like 2, -0.5 or 6.02e23")
    value = float(text)
    if math.isinf(value):
        raise BadArguments("A number is too big: the biggest is 1.7976931348623157e308")
    if value == 0 and any(digit in "123456789" for digit in text.lower().partition("e")[0]):
        raise BadArguments("A number is too near to 0: the nearest is 5e-324")
    return value


def shortest(value: float) -> str:
    """The shortest decimal that is read as this double again; a whole number as one."""
    return "0" if value == 0 else repr(value).removesuffix(".0").replace("e+", "e")


def _arguments(call: Call, count: int, usage: str) -> tuple[str, ...]:
    if len(call.arguments) != count:
        raise BadArguments(usage)
    return call.arguments
