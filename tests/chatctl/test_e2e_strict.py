"""JSON that two programs could read in two ways, or not in bounded time, is not read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import Malformed
from chatctl.e2e.strict import DEPTH_MAX, encoded, from_base64url, parse_object
from chatctl.e2e.times import read_time
from chatd.protocol import base64url

from .e2e_world import NOW

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=8
    ),
)


@given(OBJECTS)
def test_what_is_written_is_read(value: dict[str, Any]) -> None:
    assert parse_object(encoded(value), "It") == value
    assert parse_object(encoded(value).encode(), "It") == value


@given(st.text() | st.binary())
def test_anything_is_an_object_or_malformed(text: str | bytes) -> None:
    try:
        parsed: object = parse_object(text, "It")
    except Malformed as error:
        parsed = {"why": error.sentence}
    assert isinstance(parsed, dict)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "null",
        "{",
        '{"a":1}x',
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":' + "9" * 19 + "}",
        '{"a":' + "9" * 5_000 + "}",
        '{"a":"\\ud800"}',
        '{"\\udc00":1}',
        '{"a":' + "[" * DEPTH_MAX + "]" * DEPTH_MAX + "}",
        '{"a":' * 30_000,
        '{"a":' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        '\ufeff{"a":1}',
        '{"a":"\n"}',
    ],
)
def test_what_is_ambiguous_or_endless_is_malformed(text: str | bytes) -> None:
    with pytest.raises(Malformed) as caught:
        parse_object(text, "It")
    assert caught.value.sentence.startswith("It ")


def test_no_error_keeps_what_it_was_about() -> None:
    with pytest.raises(Malformed) as caught:
        parse_object('{"d":"private",', "It")
    assert caught.value.__context__ is None
    assert "private" not in str(caught.value)


@given(st.binary())
def test_base64url_round_trip(raw: bytes) -> None:
    assert from_base64url(base64url.encode(raw), "It") == raw


@pytest.mark.parametrize("text", ["a", "aa=", "a+b=", "a/bc", "a b", "aB", "ÄÖÜ", "aa==", "\n"])
def test_other_base64_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        from_base64url(text, "It")


def test_json_leaves_text_as_it_is() -> None:
    assert encoded({"ä": "漢|字"}) == '{"ä":"漢|字"}'
    assert json.loads(encoded({"a": "\n"})) == {"a": "\n"}


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T04:05:06.789",
        "2026-11-21 04:05:06Z",
        "2026-13-21T04:05:06Z",
        "0000-01-01T00:00:00Z",
        "2026-11-21T04:05:06+00:00",
        "2026-11-21T04:05:06Z\n",
        "२०२६-11-21T04:05:06Z",
        "",
    ],
)
def test_other_times_are_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read_time(text, "It")


def test_a_time_is_read() -> None:
    assert read_time("2026-11-21T04:05:06.789Z", "It") == NOW
