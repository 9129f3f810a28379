"""How sealed messages stand in lines, and how what they carry is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol.channel import (
    MESSAGE_BYTES_MAX,
    PLAIN_BYTES_MAX,
    noise_name,
    pieces,
    read_sealed,
    write_sealed,
)
from chatd.protocol.lines import LINE_BYTES_MAX, OUTPUT_LINE_BYTES_MAX

lengths = st.one_of(st.integers(1, 200), st.integers(1, OUTPUT_LINE_BYTES_MAX))
lines = st.lists(lengths.map(lambda size: b"x" * (size - 1) + b"\n"), max_size=6).map(b"".join)


def test_the_bounds_are_those_of_the_document() -> None:
    assert (MESSAGE_BYTES_MAX, PLAIN_BYTES_MAX) == (49_150, 49_134)
    assert len(write_sealed(bytes(MESSAGE_BYTES_MAX))) <= LINE_BYTES_MAX
    assert len(write_sealed(bytes(MESSAGE_BYTES_MAX + 1))) > LINE_BYTES_MAX


def test_the_name_of_a_pattern() -> None:
    assert noise_name("NK") == b"Noise_NK_25519_ChaChaPoly_SHA256"


@given(st.binary(max_size=300))
def test_a_message_comes_through(message: bytes) -> None:
    line = write_sealed(message)
    assert (line[:1], line[-1:], line.count(b"\n")) == (b"=", b"\n", 1)
    assert read_sealed(line[:-1]) == message
    assert read_sealed(line[:-1] + b"\r") == message


@pytest.mark.parametrize(
    "line", [b"=A", b"=AB==", b"=A+", b"=A/", b"=AB ", b"=A\xff", b"=AB", b"=" + b"A" * 65_535]
)
def test_what_is_no_message(line: bytes) -> None:
    """A padded one too, or one whose last character has bits to spare: each has one line only."""
    with pytest.raises(ValueError, match=r"too long|base64url|decode"):
        read_sealed(line)


@given(lines)
def test_pieces_are_whole_lines_or_parts_of_one_that_does_not_fit(plain: bytes) -> None:
    found = list(pieces(plain))
    assert b"".join(found) == plain
    assert all(0 < len(piece) <= PLAIN_BYTES_MAX for piece in found)
    for piece in found:
        assert piece.endswith(b"\n") or piece.count(b"\n") == 0


def test_as_many_lines_go_together_as_fit() -> None:
    short, long = b"x" * 999 + b"\n", b"y" * 100_000 + b"\n"
    found = list(pieces(short * 60 + long + short))
    assert [len(piece) for piece in found] == [49_000, 11_000, 49_134, 49_134, 2_733]
