"""Events as lines for people; every name and text in them is harmless."""

from __future__ import annotations

from datetime import datetime

from chatd.protocol.declare import Event
from chatd.protocol.events import Invited, MemberJoined, MemberLeft, Message, TopicSet, UnreadSince

from .happenings import Away, Back, Missed
from .harmless import harmless
from .output import clock, message_lines


def conversation_of(event: Event) -> str | None:
    """The conversation that an event belongs to, if it belongs to one."""
    found = getattr(event, "conversation", None) or getattr(event, "room", None)
    return found if isinstance(found, str) else None


def message(event: Message) -> str:
    """A message with its time and conversation."""
    where, sender = harmless(event.conversation), harmless(event.sender)
    # In a direct conversation the other person is the conversation.
    head = sender if event.sender == event.conversation else f"{where} {sender}"
    return message_lines(f"{clock(event.time)} {head}:", event.text)


def spoken(time: str, sender: str, text: str) -> str:
    """A message of the conversation that one is in."""
    return message_lines(f"{_short_clock(time)} {harmless(sender)}:", text)


def _short_clock(time: str) -> str:
    """Hours and minutes, with the day unless it is today."""
    today = f"{datetime.now().astimezone():%Y-%m-%d} "
    return clock(time).removeprefix(today).removesuffix(clock(time)[-3:])


def notice(event: Event) -> str | None:
    """What happened, if it is worth a line; None for a message and for what is of no interest."""
    return _of_people(event) or _of_connection(event)


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
