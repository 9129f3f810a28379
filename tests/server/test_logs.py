"""Logs: what is told, and above all what is not."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import structlog
import trio
from hypothesis import given
from hypothesis import strategies as st

from chatd.server import logs
from chatd.server.settings import Settings

TEXT = "meet me at the old mill"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    """A stream on a disk that is full until it is told otherwise."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def logged(**facts: Any) -> dict[str, Any]:
    """One event with these facts, as JSON tells it."""
    stream = io.StringIO()
    logs.configure(Settings(log_format="json"), stream)
    structlog.get_logger().info("event", **facts)
    found = json.loads(stream.getvalue())
    assert isinstance(found, dict)
    return found


def test_json_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    logs.configure(Settings(), stream)
    structlog.get_logger().warning("disk full", batch=3)
    found = json.loads(stream.getvalue())
    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "disk full", "level": "warning", "batch": 3}


def test_for_people_on_a_terminal() -> None:
    stream = Terminal()
    logs.configure(Settings(), stream)
    structlog.get_logger().info("listening", port=4040)
    assert "listening" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_colours_can_be_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure(Settings(log_format="human"), stream)
    structlog.get_logger().info("listening")
    assert "\x1b" not in stream.getvalue()


def test_the_format_can_be_set_against_the_terminal() -> None:
    stream = Terminal()
    logs.configure(Settings(log_format="json"), stream)
    structlog.get_logger().info("event")
    assert json.loads(stream.getvalue())["event"] == "event"


def test_what_is_below_the_level_is_not_told_and_the_level_can_change() -> None:
    stream, log = io.StringIO(), structlog.get_logger()
    logs.configure(Settings(log_level="warning"), stream)
    log.info("first")
    logs.configure(Settings(log_level="info"), stream)
    log.info("second")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["second"]


@pytest.mark.parametrize(
    "key", ["secret", "old_secret", "token", "Token_Hash", "text", "password", "passwd", "topic",
            "reason", "line", "key", "body"]
)  # fmt: skip
def test_what_must_not_be_told_is_withheld(key: str) -> None:
    assert logged(**{key: TEXT})[key] == "(withheld)"


def test_what_is_no_plain_fact_is_told_only_by_its_kind() -> None:
    class Message:
        def __repr__(self) -> str:
            return TEXT

    found = logged(data=TEXT.encode(), thing=Message(), things=[Message(), 3], table={"a": TEXT})
    assert TEXT not in json.dumps(found)
    assert found["data"] == "(bytes)"
    assert found["things"] == ["(Message)", 3]


def test_plain_facts_are_told() -> None:
    facts = {"address": "::1", "connections": 3, "seconds": 0.5, "closed": True, "rest": None}
    assert facts.items() <= logged(**facts).items()


@given(st.text())
def test_no_fact_can_forge_a_line_or_turn_the_terminal(value: str) -> None:
    for human in (False, True):
        stream = io.StringIO()
        logs.configure(Settings(log_format="human" if human else "json"), stream)
        structlog.get_logger().info("event", value=value)
        assert stream.getvalue()[:-1].isprintable()


def test_a_fact_is_not_told_at_any_length() -> None:
    assert len(logged(value="x" * 10_000)["value"]) == 1_000


def raised(error: BaseException) -> dict[str, Any]:
    """An exception, raised and logged."""
    stream = io.StringIO()
    logs.configure(Settings(), stream)
    with pytest.raises(type(error)) as caught:
        raise error
    structlog.get_logger().error("failed", exc_info=caught.value)
    found = json.loads(stream.getvalue())
    assert isinstance(found, dict)
    return found


def test_of_an_exception_its_kind_and_place_are_told_but_not_its_message() -> None:
    found = raised(ValueError(TEXT))
    assert TEXT not in json.dumps(found)
    assert found["exceptions"] == ["ValueError"]
    assert found["where"][0].startswith("test_logs.py:")
    assert found["where"][0].endswith(" raised")


def test_an_exception_being_handled_is_told_likewise() -> None:
    stream = io.StringIO()
    logs.configure(Settings(), stream)
    try:
        int(TEXT)
    except ValueError:
        structlog.get_logger().exception("failed")
    assert TEXT not in stream.getvalue()
    assert json.loads(stream.getvalue())["exceptions"] == ["ValueError"]


def test_what_the_system_says_is_told() -> None:
    assert raised(OSError(28, "No space left"))["exceptions"] == ["OSError(No space left)"]


def test_a_nursery_s_exceptions_are_told_one_by_one() -> None:
    async def fail(text: str) -> None:
        raise KeyError(text)

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, TEXT)
            nursery.start_soon(fail, TEXT)

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(both)
    found = raised(caught.value)
    assert found["exceptions"] == ["KeyError", "KeyError"]
    assert TEXT not in json.dumps(found)


def test_a_full_disk_costs_lines_and_says_so_afterwards() -> None:
    stream = Full()
    logs.configure(Settings(), stream)
    log = structlog.get_logger()
    log.info("first")
    log.info("second")
    stream.full = False
    log.info("third")
    log.info("fourth")
    told = stream.getvalue().splitlines()
    assert told[0] == "(2 lines of the log were lost)"
    assert [json.loads(line)["event"] for line in told[1:]] == ["third", "fourth"]
