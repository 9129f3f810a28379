"""Lines to requests and back, for every command, reply and event there is."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatd.protocol import commands, events, replies, runs, wire
from chatd.protocol.declare import COMMANDS, Event, Reply, Request
from chatd.protocol.errors import MEANINGS, ChatError, Code
from chatd.protocol.lines import LineReader, decode_line
from tests.protocol.strategies import (
    EVENT_CLASSES,
    REPLIES,
    REQUESTS,
    request_like,
    streams,
    values_of,
    writable,
)

FEW = settings(max_examples=40)  # of each class; there are many


def line_of(written: bytes) -> str:
    """The one line that `written` is, as its reader gets it."""
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    line = decode_line(written[:-1])
    assert isinstance(line, str)
    return line


def refusal(line: str) -> tuple[str, Code]:
    with pytest.raises(wire.Refused) as refused:
        wire.read_request(line)
    return refused.value.verb, refused.value.code


def judged(line: str) -> Request | wire.Refused:
    """What a server makes of `line`."""
    try:
        return wire.read_request(line)
    except wire.Refused as refused:
        return refused


def carried(*pieces: bytes) -> list[Request | Code]:
    """The requests, and the codes of what is refused, in `pieces` up to the end of input."""
    reader = LineReader()
    lines = [line for piece in pieces for line in reader.receive(piece)] + reader.end()
    found = [line if isinstance(line, ChatError) else judged(line) for line in lines]
    return [one.code if isinstance(one, ChatError) else one for one in found]


# What is written is read again as it was


@pytest.mark.parametrize("cls", REQUESTS, ids=lambda cls: cls.__name__)
@FEW
@given(st.data())
def test_a_request_comes_through(cls: type[Request], data: st.DataObject) -> None:
    request = data.draw(values_of(cls))
    assert wire.read_request(line_of(wire.write_request(request))) == request


@pytest.mark.parametrize("cls", REPLIES, ids=lambda cls: cls.__name__)
@FEW
@given(st.data())
def test_a_reply_comes_through(cls: type[Reply], data: st.DataObject) -> None:
    reply = data.draw(values_of(cls))
    answer = wire.read_answer(line_of(wire.write_success("VERB", reply)))
    assert (answer.verb, answer.outcome) == ("VERB", "SUCCESS")
    assert wire.read_known(cls, answer.rest) == reply


@pytest.mark.parametrize("cls", REPLIES, ids=lambda cls: cls.__name__)
@FEW
@given(st.data())
def test_a_list_comes_through(cls: type[Reply], data: st.DataObject) -> None:
    items = data.draw(st.lists(values_of(cls), max_size=3))
    lines = wire.write_items("VERB", items).splitlines(keepends=True)
    answers = [wire.read_answer(line_of(line)) for line in lines]
    assert [answer.outcome for answer in answers] == ["ITEM"] * len(items)
    assert [wire.read_known(cls, answer.rest) for answer in answers] == items


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
@FEW
@given(st.data())
def test_an_event_comes_through(cls: type[Event], data: st.DataObject) -> None:
    event = data.draw(values_of(cls))
    assert wire.read_event(line_of(wire.write_event(event))) == event


@given(st.sampled_from(Code), writable)
def test_a_failure_comes_through(code: Code, sentence: str) -> None:
    answer = wire.read_answer(line_of(wire.write_failure("VERB", ChatError(code, sentence))))
    assert answer.outcome == "FAILURE"
    assert (answer.error().code, answer.error().sentence) == (code, sentence)


def test_the_count_that_ends_a_list() -> None:
    assert wire.write_count("ROOMS", 3) == b"ROOMS|SUCCESS|3\n"


@given(values_of(events.Message), st.lists(st.text()))
def test_message_lines_are_the_generic_encoder_written_out(
    message: events.Message, more: list[str]
) -> None:
    head = message.conversation, message.seq, message.time, message.sender
    written = runs.message_lines(*head, [message.text, *more])
    if not any(set(name) & set("|\\\n\r") for name in map(str, head)):
        told = [
            dataclasses.replace(message, seq=message.seq + n, text=text)
            for n, text in enumerate([message.text, *more])
        ]
        assert written == b"".join(map(wire.write_event, told))


@given(st.integers(1, 10**18), st.integers(1, 20))
def test_posted_lines_are_the_generic_encoder_written_out(seq: int, count: int) -> None:
    time = "2026-11-21T04:05:06.789Z"
    told = [wire.write_success("SEND", replies.Posted(seq + n, time)) for n in range(count)]
    assert runs.posted_lines("SEND", seq, time, count) == b"".join(told)


def test_message_lines_for_names_as_they_are() -> None:
    message = events.Message("#ops", 7, "2026-11-21T04:05:06.789Z", "älice", "a|b\\c\nd")
    line = b"*MSG|#ops|7|2026-11-21T04:05:06.789Z|\xc3\xa4lice|a|b\\\\c\\nd\n"
    assert wire.write_event(message) == line
    assert runs.message_lines("#ops", 7, message.time, "älice", [message.text]) == line


# What is wrong is refused under a code


@given(request_like)
def test_any_line_is_a_request_or_a_coded_refusal(line: str) -> None:
    found = judged(line)
    if isinstance(found, Request):
        assert judged(wire.write_request(found).decode()[:-1]) == found
        return
    assert found.verb in ("ERROR", *COMMANDS)
    assert found.code in (Code.UNKNOWN_VERB, Code.BAD_FIELD, Code.TOO_BIG)
    assert (found.verb == "ERROR") == (found.code is Code.UNKNOWN_VERB)


@given(streams, st.integers(0, 200))
def test_any_bytes_give_requests_or_coded_errors_however_they_come(stream: bytes, at: int) -> None:
    found = carried(stream)
    assert carried(stream[:at], stream[at:]) == found
    assert all(isinstance(one, Request) or one in MEANINGS for one in found)


@pytest.mark.parametrize("verb", ["PING", "ping", "PiNg"])
def test_a_verb_is_read_in_any_case(verb: str) -> None:
    assert wire.read_request(f"{verb}|Hi") == commands.Ping("Hi")


@pytest.mark.parametrize("line", ["", "|", "NOPE", "PING ", " PING", "*MSG|a", "ERROR", "ſend|a|b"])
def test_a_line_that_names_no_command(line: str) -> None:
    assert refusal(line) == ("ERROR", Code.UNKNOWN_VERB)


@pytest.mark.parametrize(
    "line",
    [
        "LOGOUT|",
        "WHOAMI|x",
        "AUTH",
        "AUTH|alice",
        "AUTH|alice|",
        "AUTH|alice|pass|word",
        "REGISTER|alice|secret|colour=red",
        "MSG|bob",
        "MSG|bob|",
        "SEND|bob|1",
        "SEND|bob||text",
        "TOPIC|#ops",
        "KICK|#ops",
        "SEEN|bob|one",
        "HISTORY|bob|10",
        "HISTORY|bob|limit=",
        "HISTORY|bob|limit=1|limit=2",
        "HISTORY|bob|Limit=1",
        "SET|#ops",
        "SET|#ops|private=maybe",
        "SET|#ops|level=10",
        "SET|#ops|colour=red",
        "ROLE|#ops|bob|king",
    ],
)
def test_a_field_is_wrong(line: str) -> None:
    assert refusal(line) == (line.partition("|")[0], Code.BAD_FIELD)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (r"AUTH|alice|a\pb", commands.Auth("alice", "a|b")),
        ("MSG|bob|a|b|c", commands.Msg("bob", "a|b|c")),
        (r"MSG|bob|a\pb\nc", commands.Msg("bob", "a|b\nc")),
        ("MSG|bob| ", commands.Msg("bob", " ")),
        ("SEND|#ops|7|a|b", commands.Send("#ops", "7", "a|b")),
        ("TOPIC|#ops|", commands.Topic("#ops", "")),
        ("PING", commands.Ping("")),
        ("PING|", commands.Ping("")),
        ("KICK|#ops|bob", commands.Kick("#ops", "bob", "")),
        ("KICK|#ops|bob|too|loud", commands.Kick("#ops", "bob", "too|loud")),
        ("HISTORY|bob|before=9|after=2", commands.History("bob", after=2, before=9)),
        ("HISTORY|bob|limit=5000", commands.History("bob", limit=1000)),
        ("SET|#ops|level=3|private=yes", commands.Set("#ops", private=True, level=3)),
        ("HELP|msg", commands.Help("msg")),
    ],
)
def test_a_line_as_a_request(line: str, request_: Request) -> None:
    assert wire.read_request(line) == request_


def test_a_text_of_exactly_32768_bytes_passes_and_one_more_is_too_big() -> None:
    for verb in ("MSG|bob|", "SEND|bob|1|", "TOPIC|#ops|", "KICK|#ops|bob|", "PING|"):
        wire.read_request(verb + "ä" * 16_384)
        wire.read_request(verb + r"\n" * 32_500)
        name = verb.partition("|")[0]
        assert refusal(verb + "ä" * 16_384 + "x") == (name, Code.TOO_BIG)


# The client's side


@pytest.mark.parametrize("line", ["", "PING", "PING|MAYBE|x", "*MSG|a", "PING|success"])
def test_what_is_no_answer(line: str) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        wire.read_answer(line)


def test_fields_that_a_later_server_adds_are_ignored() -> None:
    joined = wire.read_known(replies.Joined, "#ops|7|2|and|more")
    assert joined == replies.Joined("#ops", 7, 2)
    assert wire.read_known(replies.Done, "more") == replies.Done()
    assert wire.read_event("*INVITED|#ops|bob|more") == events.Invited("#ops", "bob")
    assert wire.read_event("*LATER|x") is None


def test_a_code_of_a_later_server_is_a_failure_all_the_same() -> None:
    error = wire.read_answer("MSG|FAILURE|TOO_FUNNY|It hurts.").error()
    assert (error.code, error.sentence) == (Code.UNAVAILABLE, "It hurts.")
