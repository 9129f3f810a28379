"""Runs: consecutive plain MSG lines to one target are the requests that they stand for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol.commands import Msg
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lines import Line
from chatd.protocol.runs import read_run
from chatd.protocol.wire import Refused, read_request

_TEXTS = st.text(st.sampled_from("aé|\\n€ ="), max_size=5) | st.sampled_from(
    ["x" * 8_193, "é" * 9_000]
)
_VERBS = st.sampled_from(["MSG", "msg", "SEND", "MSGS"])
_LINES = st.builds(
    lambda verb, target, text: f"{verb}|{target}|{text}",
    _VERBS,
    st.sampled_from(["bob", "#ops", "", "a\\pb", "bo"]),
    _TEXTS,
)
_BROKEN = st.builds(ChatError, st.just(Code.BAD_LINE), st.just("no"))


@given(st.lists(_LINES | st.sampled_from(["MSG", "MSG|", "MSG|bob", "PING|x"]) | _BROKEN))
def test_a_run_is_the_requests_that_its_lines_make(lines: list[Line]) -> None:
    number = 0
    while number < len(lines):
        run = read_run(lines, number, len(lines))
        if run is None:
            number += 1
            continue
        assert run.requests == len(run.texts) > 0
        for text in run.texts:
            line = lines[number]
            assert isinstance(line, str)
            assert read_request(line) == Msg(run.target, text)
            number += 1


@given(_LINES)
def test_what_begins_no_run_is_out_of_the_ordinary(line: str) -> None:
    if read_run([line], 0, 1) is not None:
        return
    try:
        request = read_request(line)
    except Refused:
        return
    assert not isinstance(request, Msg) or "\\" in line or len(line) > 8_192 or line[:4] != "MSG|"


def test_a_run_ends_where_the_target_changes_and_at_its_end() -> None:
    lines: list[Line] = ["MSG|bob|1", "MSG|bob|2", "MSG|bo|3", "MSG|bo|4"]
    first = read_run(lines, 0, 4)
    assert first is not None and (first.target, first.texts) == ("bob", ["1", "2"])
    last = read_run(lines, 2, 3)
    assert last is not None and (last.target, last.texts) == ("bo", ["3"])
