"""Events as lines for people; every name and text in them is harmless."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chatd.protocol.declare import Event
from chatd.protocol.devices import Alert
from chatd.protocol.events import Invited, MemberJoined, MemberLeft, TopicSet, UnreadSince

from .e2e import Kind
from .happenings import Away, Back, Missed
from .harmless import harmless
from .opener import Read
from .output import clock, message_lines


def conversation_of(event: Event) -> str | None:
    """The conversation that an event belongs to, if it belongs to one."""
    found = getattr(event, "conversation", None) or getattr(event, "room", None)
    return found if isinstance(found, str) else None


def message(read: Read, *marks: str) -> str:
    """A message with its time and conversation."""
    event = read.message
    where, sender = harmless(event.conversation), harmless(event.sender)
    # In a direct conversation the other person is the conversation.
    head = sender if event.sender == event.conversation else f"{where} {sender}"
    return _lines(clock(event.time), head, read, *marks)


def spoken(read: Read, where: str = "") -> str:
    """A message of the conversation that one is in, or said to have gone to another, `where`."""
    return _lines(_short_clock(read.message.time), harmless(read.message.sender + where), read)


def dated(read: Read) -> str:
    """A message of a conversation that goes without saying, with the day."""
    return _lines(clock(read.message.time), harmless(read.message.sender), read)


def _lines(time: str, head: str, read: Read, *marks: str) -> str:
    """What is not what it seems is no message of its sender's, but an alarm that quotes it."""
    if alarms := [finding.sentence for finding in read.findings if finding.is_grave]:
        return message_lines(f"{time} {head} ! {harmless('; '.join(alarms))}. It reads:", read.text)
    words = ", ".join([*marks, *(MARKS[finding.kind] for finding in read.findings)])
    shown = message_lines(f"{time} {head}{f' [{words}]' if words else ''}:", read.text)
    explained = [one for one in read.findings if one.kind in _EXPLAINED]
    return "\n".join([shown, *(f"    ! {harmless(one.sentence)}" for one in explained)])


MARKS = {
    Kind.NOT_ENCRYPTED: "not encrypted",
    Kind.NOT_SIGNED: "not signed",
    Kind.NOT_CHECKED: "not checked",
    Kind.KEY_UNSEEN: "new key",
    Kind.KEY_EARLIER: "earlier key",
    Kind.TIME: "another time",
    Kind.REORDERED: "out of order",
    Kind.UNREADABLE: "cannot be opened",
}
"""What a reader sees beside a name; what is grave is an alarm instead."""
_EXPLAINED = {Kind.NOT_CHECKED, Kind.TIME, Kind.REORDERED}


def read_fields(read: Read) -> dict[str, Any]:
    """What a program is told beside the message's own fields."""
    return {"findings": [{"kind": one.kind, "sentence": one.sentence} for one in read.findings]}


def _short_clock(time: str) -> str:
    """Hours and minutes, with the day unless it is today."""
    today = f"{datetime.now().astimezone():%Y-%m-%d} "
    return clock(time).removeprefix(today).removesuffix(clock(time)[-3:])


def notice(event: Event) -> str | None:
    """What happened, if it is worth a line; None for a message and for what is of no interest."""
    return _of_account(event) or _of_people(event) or _of_connection(event)


def _of_account(event: Event) -> str | None:
    """What the owner must not overlook."""
    return harmless(f"ALERT {event.code}: {event.sentence}") if isinstance(event, Alert) else None


def _of_people(event: Event) -> str | None:
    match event:
        case MemberJoined(room, user):
            return harmless(f"{user} joined {room}")
        case MemberLeft():
            return harmless(_left(event))
        case TopicSet(room, user, text) if text:
            return harmless(f"{user} set the topic of {room}: {text}")
        case TopicSet(room, user, _):
            return harmless(f"{user} cleared the topic of {room}")
        case Invited(room, by):
            return harmless(f"{by} invites you to {room}")
        case UnreadSince(conversation, count):
            return harmless(f"{conversation}: {count} unread")
        case _:
            return None


def _left(event: MemberLeft) -> str:
    if event.by == event.user and event.reason == "level":
        return f"{event.user} is out of {event.room}: it takes a higher level"
    if event.by == event.user:
        return f"{event.user} left {event.room}"
    reason = f" ({event.reason})" if event.reason else ""
    return f"{event.by} removed {event.user} from {event.room}{reason}"


def _of_connection(event: Event) -> str | None:
    match event:
        case Away(sentence):
            return harmless(f"Connection lost, trying again: {sentence}")
        case Back():
            return "Connected again"
        case Missed(count):
            return f"{count} events were missed; no message is among them"
        case _:
            return None
