"""What the server answers: the fields of each SUCCESS line, and of each ITEM of a list."""

from __future__ import annotations

from typing import Annotated

from .declare import Reply, reply
from .fields import (
    BlobHeld,
    Conversation,
    Count,
    FreeText,
    Kdf,
    Keys,
    Kind,
    Level,
    Line,
    NoiseMessage,
    Role,
    Room,
    Seq,
    Thumbprint,
    Time,
    Token,
    User,
    Version,
    Word,
    flag,
)


@reply
class Done(Reply):
    """Nothing but SUCCESS."""


_PENDING = Kind("pending or empty", "pending".__eq__, lambda on: "pending" if on else "", rest=True)


@reply
class Registered(Reply):
    """Whether the account waits for a code that was sent."""

    pending: Annotated[bool, _PENDING] = False


@reply
class Authenticated(Reply):
    """The session's token."""

    token: Token


@reply
class Resumed(Reply):
    """Whose token it was."""

    user: User


@reply
class WhoIAm(Reply):
    """The session's account."""

    user: User
    session_id: Word
    level: Level


@reply
class SessionItem(Reply):
    """One session of the account."""

    session_id: Word
    created: Time
    last_used: Time
    address: Word
    this: Annotated[bool, flag("this")]


@reply
class HelpLine(Reply):
    """A line to read."""

    text: Line


@reply
class InfoItem(Reply):
    """One thing to know about the server."""

    name: Word
    value: Line


@reply
class Ponged(Reply):
    """The text of the PING."""

    text: FreeText = ""


@reply
class Posted(Reply):
    """Where the message stands in its conversation."""

    seq: Seq
    time: Time


@reply
class Joined(Reply):
    """The room as it is now; SEEN begins at its last seq."""

    room: Room
    last_seq: Seq
    members: Count


@reply
class RoomItem(Reply):
    """One room."""

    room: Room
    members: Count
    joined: Annotated[bool, flag("joined")]
    topic: FreeText


@reply
class MemberItem(Reply):
    """One member of a room."""

    user: User
    role: Role
    online: Annotated[
        bool, Kind("online or offline", "online".__eq__, lambda on: "online" if on else "offline")
    ]


@reply
class HistoryItem(Reply):
    """One message."""

    seq: Seq
    time: Time
    sender: User
    text: Line


@reply
class UnreadItem(Reply):
    """How much of a conversation is unread."""

    conversation: Conversation
    count: Count
    first_seq: Seq
    last_seq: Seq


@reply
class Salted(Reply):
    """How the secret is made from the password."""

    kdf: Kdf


@reply
class VaultHeld(Reply):
    """The vault as it was stored last; version 0, and empty, before that."""

    version: Version
    blob: BlobHeld


@reply
class Stored(Reply):
    """The vault's new version."""

    version: Version


@reply
class Published(Reply):
    """The name of the signing key, and so of the identity."""

    thumbprint: Thumbprint


@reply
class IdentityHeld(Reply):
    """A person's public keys, as they published them."""

    thumbprint: Thumbprint
    jwks: Keys


@reply
class Handshaken(Reply):
    """The second message of the handshake, and the last line that is not sealed."""

    message: NoiseMessage


@reply
class SettingItem(Reply):
    """One setting of a room."""

    name: Word
    value: Word
