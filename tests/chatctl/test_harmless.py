"""Other people's text cannot steer a terminal, and what was written can still be told."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.harmless import harmless, harmless_json, harmless_lines, sendable
from chatd.protocol.lines import decode_line

HOSTILE = st.text(
    st.sampled_from("ab \t\n\r\x1b[31m\x07\x00\x7f\x85\x9b\u061c\u200e\u202e\u2028\u2066\ufeff|é")
    | st.characters(exclude_categories=["Cs"])
)


def steers(text: str) -> set[str]:
    """The characters that are controls, separators of lines, or change the direction."""
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    marks = set("\u061c\u200e\u200f")
    return {
        char
        for char in text
        if unicodedata.category(char) in ("Cc", "Zl", "Zp")
        or unicodedata.bidirectional(char) in directions
        or char in marks
    }


@given(HOSTILE)
def test_nothing_that_steers_is_left(text: str) -> None:
    assert steers(harmless(text)) == set()
    assert all(steers(line) == set() for line in harmless_lines(text))


@given(HOSTILE)
def test_json_means_the_same(text: str) -> None:
    encoded = harmless_json(json.dumps({"text": text}, ensure_ascii=False))
    assert steers(encoded) == set()
    assert json.loads(encoded) == {"text": text}


@given(HOSTILE)
def test_what_is_sendable_fits_in_a_line(text: str) -> None:
    line = sendable(text).replace("\n", "").replace("\r", "")
    assert decode_line(line.encode()) == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ümläut, 漢字, 👩‍🚀, نص", "plain, ümläut, 漢字, 👩‍🚀, نص"),
        ("\x1b[31mred\x1b]0;title\x07", "␛[31mred␛]0;title␇"),
        ("a\tb\nc\rd\x7f", "a␉b␊c␍d␡"),
        ("\x9b31m \u202egnp.exe \u2066x\u2069", "<U+009B>31m <U+202E>gnp.exe <U+2066>x<U+2069>"),
    ],
)
def test_pictures(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_lines_are_kept_apart() -> None:
    assert harmless_lines("a\n\tb\r\n\x1bc") == ["a", "    b", "␛c"]
    assert harmless_lines("") == [""]


def test_what_can_be_sent_is_left_alone() -> None:
    assert sendable("a\tb\nc\rd é") == "a\tb\nc\rd é"
    assert sendable("\x1b[1m\x00\x85") == "␛[1m␀<U+0085>"
