"""What is printed: keys for programs, aligned lines for people, nothing secret or harmful."""

from __future__ import annotations

import pytest

from chatctl.e2e import NOT_ENCRYPTED, Finding, Kind
from chatctl.opener import Read
from chatctl.output import clock, columns, event_fields, fields_of, message_lines
from chatctl.telling import message, notice
from chatd.protocol.commands import Auth, Set
from chatd.protocol.declare import Event
from chatd.protocol.events import (
    Invited,
    MemberJoined,
    MemberLeft,
    Message,
    TopicSet,
    UnreadSince,
)
from chatd.protocol.replies import Authenticated, MemberItem, RoomItem

BAD = "\x1b[2J\u202e\nx"
SHOWN = "␛[2J<U+202E>␊x"


def test_keys_are_the_declared_names() -> None:
    assert fields_of(RoomItem("#ops", 3, True, "all")) == {
        "room": "#ops",
        "members": 3,
        "joined": True,
        "topic": "all",
    }
    assert fields_of(MemberItem("al", "owner", False)) == {
        "user": "al",
        "role": "owner",
        "online": False,
    }
    assert event_fields(UnreadSince("al", 2, 3, 4)) == {
        "event": "UNREAD",
        "conversation": "al",
        "count": 2,
        "first_seq": 3,
        "last_seq": 4,
    }


def test_no_secret_and_nothing_that_was_not_given() -> None:
    assert fields_of(Authenticated("a token")) == {}
    assert fields_of(Auth("al", "a secret")) == {"user": "al"}
    assert fields_of(Set("#ops", level=0)) == {"room": "#ops", "level": 0}


def test_columns() -> None:
    assert columns([("a", 10, "x"), ("漢字", 1, ""), (BAD, 2, "y")]) == [
        f"{'a':14}  10  x",
        f"{'漢字':12}  1",
        f"{SHOWN}  2   y",
    ]
    assert columns([]) == []


def test_a_time_is_local_and_anything_else_is_shown_as_it_came() -> None:
    assert len(clock("2026-11-21T04:05:06.789Z")) == len("2026-11-21 04:05:06")
    for odd in ("", "yesterday", "9999-99-99T00:00:00Z"):
        assert clock(odd) == odd
    assert clock(BAD) == SHOWN


def test_a_message_cannot_pose_as_another() -> None:
    assert message_lines("al:", "one\n12:00 bo: two") == "al: one\n    12:00 bo: two"
    time = "2026-11-21T04:05:06.789Z"
    direct = message(Read(Message("al", 1, time, "al", "hi")))
    posted = message(Read(Message("#ops", 1, time, "al", BAD)))
    assert direct == f"{clock(time)} al: hi"
    assert posted == f"{clock(time)} #ops al: ␛[2J<U+202E>\n    x"
    marked = message(Read(Message("#ops", 1, time, "al", BAD), [NOT_ENCRYPTED]))
    assert marked == f"{clock(time)} #ops al [not encrypted]: ␛[2J<U+202E>\n    x"


def test_an_alarm_quotes_what_is_not_what_it_seems() -> None:
    time = "2026-11-21T04:05:06.789Z"
    grave = Finding(Kind.SENDER, f"Bo wrote this {BAD}")
    read = Read(Message("#ops", 1, time, "al", BAD), [grave, NOT_ENCRYPTED])
    head = f"{clock(time)} #ops al ! Bo wrote this {SHOWN}. It reads:"
    assert message(read) == f"{head} ␛[2J<U+202E>\n    x"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (MemberJoined("#ops", "al"), "al joined #ops"),
        (MemberLeft("#ops", "al", "al", ""), "al left #ops"),
        (MemberLeft("#ops", "al", "bo", ""), "bo removed al from #ops"),
        (MemberLeft("#ops", "al", "bo", BAD), f"bo removed al from #ops ({SHOWN})"),
        (TopicSet("#ops", "al", BAD), f"al set the topic of #ops: {SHOWN}"),
        (TopicSet("#ops", "al", ""), "al cleared the topic of #ops"),
        (Invited("#ops", "al"), "al invites you to #ops"),
        (UnreadSince("al", 2, 3, 4), "al: 2 unread"),
        (Message("#ops", 1, "", "al", "hi"), None),
    ],
)
def test_events_are_told(event: Event, said: str | None) -> None:
    assert notice(event) == said
