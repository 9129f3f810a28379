"""JSON and base64url as RFC 7515 wants them read: what two readers could read in two ways is no
reading at all.

Doubled members, NaN and Infinity, numbers of many digits, lone surrogates and deep nesting are
refused (RFC 7493, I-JSON, sections 2.1 to 2.3). Time and memory grow with the text alone.
"""

from __future__ import annotations

import json
from typing import Any, Never, TypeVar

import msgspec

from chatd.protocol import base64url

from .errors import Malformed

DEPTH_MAX = 32
DIGITS_MAX = 18
"""So that every integer fits in 64 bits."""

S = TypeVar("S")


def parse_object(text: str | bytes, what: str) -> dict[str, Any]:
    """The JSON object that `text` is. Raises Malformed, whose sentence begins with `what`."""
    why = "is no JSON object"
    try:
        text = text if isinstance(text, str) else text.decode()
        parsed = json.loads(text, object_pairs_hook=_unique, parse_int=_integer,
                            parse_float=_number, parse_constant=_refuse)  # fmt: skip
        if isinstance(parsed, dict):
            _check_depth(parsed)
            _check_text(parsed)
            return parsed
    except _Strict as error:
        why = error.args[0]
    except (ValueError, RecursionError):
        pass
    # Out here, because an error of json keeps all the text, and some texts hold keys.
    raise Malformed(f"{what} {why}; it was damaged or made by a faulty program")


def shaped(parsed: object, shape: type[S], what: str) -> S:
    """`parsed` as a msgspec Struct of the kind `shape`. Raises Malformed."""
    try:
        return msgspec.convert(parsed, shape)
    except (msgspec.ValidationError, OverflowError) as error:
        why = str(error)
    raise Malformed(f"{what} has a wrong shape ({why}); it was made by a faulty program")


def encoded(value: object) -> str:
    """One line of JSON without white space, in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_base64url(text: str, what: str) -> bytes:
    """The bytes; no padding, no other alphabet, no stray bits (RFC 4648, section 5). Malformed."""
    try:
        return base64url.decode(text)
    except ValueError:
        pass
    raise Malformed(f"{what} is no base64url; it was damaged on its way")


class _Strict(ValueError):
    """A rule of ours is broken; the message completes a sentence and quotes nothing."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Strict("has a member twice")
    return members


def _integer(digits: str) -> int:
    if len(digits.removeprefix("-")) > DIGITS_MAX:
        raise _Strict("holds a number of too many digits")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _Strict("holds a number that is too big")
    return number


def _refuse(_: str) -> Never:
    raise _Strict("holds what is no number")


def _check_depth(parsed: Any) -> None:
    level = [parsed]
    for _ in range(DEPTH_MAX):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise _Strict("is nested too deeply")


def _inside(outer: Any) -> list[Any]:
    inner = outer.values() if isinstance(outer, dict) else outer
    return [one for one in inner if isinstance(one, dict | list)]


def _check_text(parsed: Any) -> None:
    try:
        encoded(parsed).encode()
    except UnicodeEncodeError:
        pass
    else:
        return
    raise _Strict("holds half a character")
