"""Bytes to lines: byte by byte, at every edge, and whatever comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lines import LINE_BYTES_MAX, HttpRequest, Line, LineReader
from tests.protocol.strategies import streams

LONGEST = b"x" * (LINE_BYTES_MAX - 1)


def shown(lines: list[Line]) -> list[str]:
    """A line as it is; an error as its code."""
    return [f"{line.code}" if isinstance(line, ChatError) else line for line in lines]


def read(*pieces: bytes) -> list[str]:
    """What a reader makes of `pieces` and the end of input."""
    reader = LineReader()
    lines = [line for piece in pieces for line in reader.receive(piece)]
    return shown([*lines, *reader.end()])


def singly(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n\r\n\n", []),
        (b"one\ntwo\r\n\nthree", ["one", "two", "three"]),
        (b" a \t b \n", [" a \t b "]),
        ("Grüße, 世界 😀\n".encode(), ["Grüße, 世界 😀"]),
        (b"ends in CR\r", ["ends in CR"]),
        (b"two\r\r\nnext\n", ["BAD_LINE", "next"]),
        (b"a\rb\nnext\n", ["BAD_LINE", "next"]),
        (b"\rb\n", ["BAD_LINE"]),
        (b"\xff\nnext\n", ["BAD_LINE", "next"]),
        (b"\xc3\n\xa4\n", ["BAD_LINE", "BAD_LINE"]),
        (b"\xed\xa0\x80\n", ["BAD_LINE"]),
        (b"\xc0\xaf\n", ["BAD_LINE"]),
        (b"cut off \xc3", ["BAD_LINE"]),
    ],
)
def test_lines(data: bytes, lines: list[str]) -> None:
    assert read(data) == lines
    assert read(*singly(data)) == lines


CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]


@pytest.mark.parametrize("control", [c for c in CONTROLS if c not in "\t\n"])
def test_a_control_character_refuses_its_line_alone(control: str) -> None:
    assert read(f"a\nb{control}b\nc\n".encode()) == ["a", "BAD_LINE", "c"]


def test_the_first_and_last_that_is_no_control_character() -> None:
    assert read("\t \x7e\xa0\u2028\n".encode()) == ["\t \x7e\xa0\u2028"]


@pytest.mark.parametrize("before", [b"", b"first\n"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (LONGEST + b"\n", None),
        (LONGEST, None),
        (LONGEST[1:] + b"\r\n", None),
        (LONGEST + b"\r\n", "LINE_TOO_LONG"),
        (LONGEST + b"x\n", "LINE_TOO_LONG"),
        (LONGEST + b"x", "LINE_TOO_LONG"),
        (LONGEST * 3 + b"\n", "LINE_TOO_LONG"),
        (b"\xff" * LINE_BYTES_MAX + b"\n", "LINE_TOO_LONG"),
    ],
)
def test_the_longest_line(before: bytes, data: bytes, code: str | None) -> None:
    expected = [*before.decode().split(), code or data.decode().strip()]
    assert read(before + data) == expected
    assert read(before, data[:1000], data[1000:65_535], data[65_535:]) == expected


def test_the_rest_of_a_line_that_is_too_long_is_thrown_away() -> None:
    reader = LineReader()
    pieces = [LONGEST, b"x", LONGEST * 2, b"the rest\nnext\n"]
    found = [(shown(reader.receive(piece)), reader.partial) for piece in pieces]
    assert found == [([], True), (["LINE_TOO_LONG"], True), ([], True), (["next"], False)]


def test_a_line_that_is_too_long_at_the_end_of_input_is_told_once() -> None:
    reader = LineReader()
    assert shown(reader.receive(LONGEST * 2)) == ["LINE_TOO_LONG"]
    assert reader.end() == []


def test_partial_says_whether_a_line_has_begun() -> None:
    reader = LineReader()
    begun = [reader.receive(piece) == [] and reader.partial for piece in (b"", b"beg", b"un")]
    assert begun == [False, True, True]
    assert (reader.receive(b"\n"), reader.partial) == (["begun"], False)


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1",
        b"POST /x?y=z HTTP/1.0",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT example.net:4040 HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"patch / HTTP/1.1",
        b"GET /" + b"x" * LINE_BYTES_MAX + b" HTTP/1.1",
        b"POST http://127.0.0.1:4040/" + b"x" * LINE_BYTES_MAX + b" HTTP/1.1",
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_first_line_of_http_is_told(first: bytes, end: bytes) -> None:
    data = b"\r\n" + first + end + b"Host: x\r\n\r\nREGISTER|eve|secret\r\n"
    for pieces in ([data], [data[at : at + 999] for at in range(0, len(data), 999)]):
        reader = LineReader()
        lines = [line for piece in pieces for line in reader.receive(piece)]
        assert isinstance(lines[0], HttpRequest)


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"MSG|bob|GET / HTTP/1.1", b"GET /", b"GET|/"])
def test_http_is_told_in_the_first_line_alone(line: bytes) -> None:
    reader = LineReader()
    lines = reader.receive(b"PING\n" + line + b"\n")
    assert lines == ["PING", line.decode()]
    if not line.endswith(b"HTTP/1.1"):
        assert LineReader().receive(line + b"\n") == [line.decode()]


@given(streams, st.data())
def test_any_split_gives_the_same_lines(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])]
    assert read(*pieces) == read(stream) == read(*singly(stream))


@given(st.lists(st.binary(max_size=100)))
def test_any_bytes_give_lines_or_coded_errors(pieces: list[bytes]) -> None:
    reader = LineReader()
    for line in [line for piece in pieces for line in reader.receive(piece)] + reader.end():
        if isinstance(line, ChatError):
            assert line.code in (Code.BAD_LINE, Code.LINE_TOO_LONG)
        else:
            assert line
            assert "\n" not in line


@given(st.lists(st.integers(0, 40_000), max_size=20), st.sampled_from([b"x", b"\xff", b"\r"]))
def test_a_reader_never_keeps_more_than_a_line(sizes: list[int], byte: bytes) -> None:
    reader = LineReader()
    for size in sizes:
        reader.receive(byte * size)
        kept: bytes = reader._rest
        assert len(kept) < LINE_BYTES_MAX
