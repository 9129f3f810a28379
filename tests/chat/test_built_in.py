"""The built-in services: roots against exact arithmetic, and what is no number."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chatd.chat.built_in import NUMBER_CHARACTERS_MAX, built_in, nth_root, number, shortest
from chatd.chat.clock import Clock
from chatd.services import BadArguments, Call, Service, ServiceError

SERVICES = {service.name: service for service in built_in(Clock())}
doubles = st.floats(allow_nan=False, allow_infinity=False)


async def called(name: str, *arguments: str) -> str:
    service: Service = SERVICES[name]
    assert service.is_async
    result: str = await service.call(Call("alice", 9, arguments))  # type: ignore[misc]
    return result


def is_nearest(root: float, x: float, n: int) -> bool:
    """Whether no other double is nearer to the n-th root: x lies between the powers of the points
    half-way to both neighbours. Exact."""
    low = (Fraction(root) + Fraction(math.nextafter(root, -math.inf))) / 2
    high = (Fraction(root) + Fraction(math.nextafter(root, math.inf))) / 2
    return low**n <= Fraction(x) <= high**n


@given(doubles.filter(lambda x: x >= 0))
def test_a_square_root_is_the_nearest_double(x: float) -> None:
    assert nth_root(x, 2) == math.sqrt(x)


@given(doubles, st.integers(1, 12))
def test_any_root_is_the_nearest_double(x: float, n: int) -> None:
    assume(x >= 0 or n % 2)
    root = nth_root(abs(x), n)
    assert x == 0 or n == 1 or is_nearest(root, abs(x), n)
    assert nth_root(x, n) == math.copysign(root, x)


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_perfect_powers_have_exact_roots(base: int, n: int) -> None:
    power = base**n
    assume(power < 2**1000 and int(float(power)) == power)
    assert shortest(nth_root(float(power), n)) == str(base)


@given(doubles)
def test_what_is_written_is_read_as_the_same(x: float) -> None:
    assert number(shortest(x)) == x
    assert len(shortest(x)) <= len(repr(x))


@pytest.mark.parametrize(
    ("words", "result"),
    [
        ("sqrt 2", "1.4142135623730951"),
        ("sqrt 16", "4"),
        ("sqrt -0", "0"),
        ("sqrt 1e308", "1e154"),
        ("sqrt 5e-324", "2.2227587494850775e-162"),
        ("cbrt 27", "3"),
        ("cbrt -8", "-2"),
        ("cbrt .125", "0.5"),
        ("root 1024 10", "2"),
        ("root -32 5", "-2"),
        ("root 7.5 1", "7.5"),
        ("root 1024 1e1", "2"),
        ("root 8 3.0", "2"),
        ("root 1.7976931348623157e308 1000000", "1.0007100346682507"),
        ("root +2. 2", "1.4142135623730951"),
    ],
)
async def test_some_roots(words: str, result: str) -> None:
    assert await called(*words.split(" ")) == result


@pytest.mark.parametrize("words", ["sqrt -1", "root -4 2", "root -1 1000000", "sqrt -5e-324"])
async def test_what_has_no_real_root(words: str) -> None:
    with pytest.raises(ServiceError, match="negative") as refused:
        await called(*words.split(" "))
    assert not isinstance(refused.value, BadArguments)


NO_NUMBERS = ["", " ", "two", "1 2", " 1", "1_0", "0x10", "nan", "NaN", "inf", "-Infinity", "１２"]
NO_NUMBERS += ["1e", "e5", ".", "+-1", "1,5", "1e999", "-1e309", "1e-999", "9" * 400, "1" * 5000]
NO_NUMBERS += ["1\n", "1\x00", "٣", "1e1_0", "0." + "1" * NUMBER_CHARACTERS_MAX]


@pytest.mark.parametrize("text", NO_NUMBERS)
async def test_what_is_no_number(text: str) -> None:
    for words in (("sqrt", text), ("cbrt", text), ("root", text, "3"), ("root", "8", text)):
        with pytest.raises(BadArguments):
            await called(*words)


@pytest.mark.parametrize("degree", ["0", "-3", "2.5", "1000001", "1e300", "1e-1"])
async def test_what_is_no_degree(degree: str) -> None:
    with pytest.raises(BadArguments, match="n must be a whole number from 1 to 1000000"):
        await called("root", "8", degree)


@pytest.mark.parametrize("words", ["sqrt", "cbrt", "root", "sqrt 1 2", "root 1", "root 1 2 3"])
async def test_too_few_and_too_many(words: str) -> None:
    with pytest.raises(BadArguments, match=r"CALL\|"):
        await called(*words.split(" "))


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        value = number(text)
    except BadArguments:
        return
    assert math.isfinite(value) and value == float(text)


async def test_the_time() -> None:
    assert await called("time") <= await called("time")
    with pytest.raises(BadArguments):
        await called("time", "")
