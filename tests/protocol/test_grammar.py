"""The grammar in protocol.md, read by a parser of ABNF and held against real lines."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from abnf.parser import ParseError, Rule
from hypothesis import given

from chatd.protocol import wire
from chatd.protocol.declare import Request
from tests.protocol.strategies import REQUESTS, request_like
from tests.protocol.test_document import TEXT, TRANSCRIPTS

SAID = [m for one in TRANSCRIPTS for m in re.findall(r"^\w+([<>]) (.*)$", one.lines, re.MULTILINE)]


WITH_OPTIONS = tuple(made.verb for made in REQUESTS if made.shape.options)
"""The grammar does not say that an option stands once at most."""


class Line(Rule):
    """The rules of protocol.md."""


@pytest.fixture(scope="module")
def fits() -> Callable[[str, str], bool]:
    """Whether a rule of the grammar matches the whole of a text."""
    grammar = "\n".join(re.findall(r"```abnf\n(.*?)```", TEXT, re.DOTALL))
    lines = [re.sub(r"\s*;.*", "", line) for line in grammar.splitlines()]
    Line.load_grammar("".join(f"{line}\r\n" for line in lines if line))

    def matches(rule: str, text: str) -> bool:
        try:
            Line(rule).parse_all(text.encode().decode("latin-1"))
        except ParseError:
            return False
        return True

    return matches


def test_every_line_of_the_server_in_the_transcripts_fits(
    fits: Callable[[str, str], bool],
) -> None:
    lines = [f"{line}\n" for mark, line in SAID if mark == "<"]
    assert len(lines) > 100
    assert [line for line in lines if not fits("server-line", line)] == []


def test_a_client_s_line_fits_if_it_is_a_request(fits: Callable[[str, str], bool]) -> None:
    wrong = [line for mark, line in SAID if mark == ">" and not fits("client-line", f"{line}\r\n")]
    assert wrong == [
        "WHO",
        "SHOUT|hello",
        "REGISTER|al ice|correct horse battery",
        "JOIN|lobby",
        "SET|#ops|private=no|level=high",
    ]


@given(line=request_like.filter(lambda line: not line.upper().startswith(WITH_OPTIONS)))
def test_whatever_fits_is_a_request(fits: Callable[[str, str], bool], line: str) -> None:
    if fits("client-line", f"{line}\n") and line:
        assert isinstance(wire.read_request(line), Request)


@pytest.mark.parametrize(
    "line",
    ["MSG|bob", "MSG|bob|\x07", "MSG|bob|\x85", "AUTH|a|b|c", "LOGOUT|", "SEEN|a|x", "PING|a\rb"],
)
def test_what_is_no_request_does_not_fit(fits: Callable[[str, str], bool], line: str) -> None:
    assert not fits("client-line", f"{line}\n")
