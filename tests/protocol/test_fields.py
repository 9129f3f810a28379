"""Escapes, and each kind of field at its edges."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol import fields
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.fields import Kind, escape, escape_rest, unescape


def kind(annotated: Any) -> Kind:
    """The kind that an annotation names."""
    found: Kind = get_args(annotated)[1]
    return found


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\pb", "a|b"),
        (r"a\nb", "a\nb"),
        (r"a\rb", "a\rb"),
        (r"a\\b", r"a\b"),
        (r"a\\pb", r"a\pb"),
        (r"a\\\pb", r"a\|b"),
        (r"\x\ \P\N", r"\x\ \P\N"),
        ("ends in \\", "ends in \\"),
        ("", ""),
    ],
)
def test_unescape(written: str, meant: str) -> None:
    assert unescape(written) == meant


@given(st.text())
def test_escape_is_undone_by_unescape(value: str) -> None:
    assert unescape(escape(value)) == value
    assert unescape(escape_rest(value)) == value


@given(st.text())
def test_what_is_escaped_is_one_field_of_one_line(value: str) -> None:
    assert not set(escape(value)) & set("|\n\r")
    assert not set(escape_rest(value)) & set("\n\r")


@given(st.text())
def test_any_field_can_be_unescaped(field: str) -> None:
    assert len(unescape(field)) <= len(field)


def test_free_text_keeps_its_bars() -> None:
    assert escape_rest("a|b\\c\nd") == r"a|b\\c\nd"


def test_a_text_has_at_most_32768_bytes() -> None:
    parse = kind(fields.Text).parse
    assert len(parse("x" * 32_768)) == 32_768
    assert len(parse("ä" * 16_384)) == 16_384
    assert len(parse("😀" * 8_192)) == 8_192
    for text in ("x" * 32_769, "ä" * 16_384 + "x", "😀" * 8_192 + "x"):
        with pytest.raises(ChatError) as refused:
            parse(text)
        assert refused.value.code is Code.TOO_BIG


@pytest.mark.parametrize("free", [fields.Text, fields.FreeText])
def test_what_counts_is_the_text_and_not_its_escapes(free: object) -> None:
    parse = kind(free).parse
    assert parse(unescape("\\n" * 32_768)) == "\n" * 32_768
    with pytest.raises(ChatError):
        parse(unescape("\\n" * 32_769))


def test_only_a_text_must_not_be_empty() -> None:
    assert kind(fields.FreeText).parse("") == ""
    assert kind(fields.Line).parse("") == ""
    with pytest.raises(ValueError, match="must not be empty"):
        kind(fields.Text).parse("")


@pytest.mark.parametrize("number", ["0", "1", "007", "9" * 18])
def test_a_number(number: str) -> None:
    assert kind(fields.Seq).parse(number) == int(number)


@pytest.mark.parametrize("wrong", ["", "-1", "+1", "1.0", " 1", "1 ", "1_0", "٣", "²", "9" * 19])
@pytest.mark.parametrize("sort", [fields.Seq, fields.Count, fields.Limit])
def test_no_number(sort: object, wrong: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        kind(sort).parse(wrong)


def test_a_limit_is_cut_to_what_there_is() -> None:
    parse = kind(fields.Limit).parse
    assert [parse(limit) for limit in ("0", "1000", "1001", "9" * 18)] == [0, 1000, 1000, 1000]


@pytest.mark.parametrize(
    ("sort", "right", "wrong"),
    [
        (fields.Level, {"0": 0, "9": 9}, ["", "10", "-1", "a", "٣", "01"]),
        (fields.YesNo, {"yes": True, "no": False}, ["", "YES", "true", "1", "yes "]),
        (fields.Role, {"owner": "owner", "member": "member"}, ["", "Owner", "admin"]),
        (fields.ClientId, {"x": "x", "ä" * 64: "ä" * 64}, ["", "x" * 65]),
        (fields.Secret, {" ": " ", "a|b": "a|b"}, [""]),
    ],
)
def test_kinds_that_refuse(sort: object, right: dict[str, object], wrong: list[str]) -> None:
    assert {text: kind(sort).parse(text) for text in right} == right
    for text in wrong:
        with pytest.raises(ValueError, match="must"):
            kind(sort).parse(text)


def test_a_flag_is_its_word_or_nothing() -> None:
    this = fields.flag("this")
    assert (this.parse("this"), this.parse("")) == (True, False)
    assert (this.format(True), this.format(False)) == ("this", "")


def outcome(sort: object, text: str) -> object:
    """What a kind makes of `text`, or the words of its refusal."""
    try:
        return kind(sort).parse(text)
    except ValueError as wrong:
        return wrong.args


@pytest.mark.parametrize("sort", [Annotated[str, fields.flag("x")], fields.Seq, fields.YesNo])
@given(text=st.text())
def test_a_kind_gives_a_value_or_says_what_is_wrong(sort: object, text: str) -> None:
    found = outcome(sort, text)
    if isinstance(found, tuple):
        assert found[0].startswith("must ")
    else:
        assert outcome(sort, kind(sort).format(found)) == found
