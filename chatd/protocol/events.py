"""Every event of chat/1: lines that begin with `*` and come between two other lines."""

from __future__ import annotations

from .declare import Event, event
from .fields import (
    Conversation,
    Count,
    FreeText,
    Line,
    Room,
    Seq,
    Thumbprint,
    Time,
    User,
    Word,
)

PROTOCOL = "chat/1"


@event("HELLO")
class Hello(Event):
    """first line of every connection, sent at once"""

    protocol: Word
    server_name: Word
    server_key_fingerprint: Word


@event("MSG")
class Message(Event):
    """a message, to every connection of every member but the one that sent it"""

    conversation: Conversation
    seq: Seq
    time: Time
    sender: User
    text: Line


@event("JOINED")
class MemberJoined(Event):
    """to the room's members, but not to the connection that joined"""

    room: Room
    user: User


@event("LEFT")
class MemberLeft(Event):
    """to the members and to the user it names; after LEAVE `by` is the user and the reason empty,
    after BAN the reason is `banned`, and where the account's level fell below the room's, `by` is
    the user and the reason `level`"""

    room: Room
    user: User
    by: User
    reason: FreeText


@event("TOPIC")
class TopicSet(Event):
    """to the members"""

    room: Room
    user: User
    text: FreeText


@event("INVITED")
class Invited(Event):
    """to the invited, at once and after each log-in until used"""

    room: Room
    by: User


@event("IDENTITY")
class IdentityChanged(Event):
    """a person's published keys have changed: to all who share a room or a direct conversation
    with them, and to their own other connections"""

    user: User
    thumbprint: Thumbprint


@event("UNREAD")
class UnreadSince(Event):
    """after AUTH, RESUME or LOGIN, a line for each conversation with unread messages"""

    conversation: Conversation
    count: Count
    first_seq: Seq
    last_seq: Seq


@event("LAG")
class Lag(Event):
    """this connection read too slowly: what followed seq in this conversation was not sent to it,
    HISTORY has it; delivery goes on live with the next new message"""

    conversation: Conversation
    seq: Seq


@event("BYE")
class Bye(Event):
    """last line before the server closes"""

    code: Word
    sentence: Line
