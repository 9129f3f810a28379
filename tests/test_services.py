"""The public side of services in Python: what a plug-in may be."""

from __future__ import annotations

from functools import partial

import pytest

from chatd.services import BadArguments, Call, Service, ServiceError, service_name


def shout(call: Call) -> str:
    return " ".join(call.arguments).upper()


async def whisper(call: Call) -> str:
    return " ".join(call.arguments).lower()


async def greet(greeting: str, call: Call) -> str:
    return f"{greeting} {call.caller}"


class Counter:
    async def __call__(self, call: Call) -> str:
        return str(len(call.arguments))


def test_what_is_async_is_told_from_what_is_not() -> None:
    assert not Service("x", 0, "", "", shout).is_async
    assert Service("x", 0, "", "", whisper).is_async
    assert Service("x", 0, "", "", partial(greet, "hello")).is_async
    assert Service("x", 0, "", "", Counter()).is_async


@pytest.mark.parametrize(
    ("name", "level", "usage", "description"),
    [
        ("Shout", 0, "", ""),
        ("", 0, "", ""),
        ("a" * 33, 0, "", ""),
        ("x", 10, "", ""),
        ("x", -1, "", ""),
        ("x", 0, "a\nb", ""),
        ("x", 0, "é" * 101, ""),
        ("x", 0, "", "\x1b[31m"),
        ("x", 0, "", "d" * 501),
    ],
)
def test_what_no_service_is(name: str, level: int, usage: str, description: str) -> None:
    with pytest.raises(ValueError, match="a service's"):
        Service(name, level, usage, description, shout)


def test_a_name_is_read_in_any_case() -> None:
    assert service_name("Sqrt-2.x_y") == "sqrt-2.x_y"


def test_an_error_has_its_sentence() -> None:
    assert BadArguments("No.").sentence == str(ServiceError("No.")) == "No."
