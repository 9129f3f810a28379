"""Every command of chat/1 and its reply, each declared once: HELP, the tables of protocol.md, the
dispatcher and the client's calls all derive from here."""

from __future__ import annotations

from dataclasses import KW_ONLY

from . import kdf as kdfs
from .declare import Command, Listing, Needs, command
from .errors import Code
from .fields import (
    BlobField,
    ClientId,
    Contact,
    Conversation,
    FreeText,
    Kdf,
    Level,
    Limit,
    Room,
    Secret,
    Seq,
    Target,
    Text,
    Token,
    User,
    Version,
    Word,
    YesNo,
)
from .fields import Role as RoleField
from .replies import (
    Authenticated,
    Done,
    HelpLine,
    HistoryItem,
    InfoItem,
    Joined,
    MemberItem,
    Ponged,
    Posted,
    Registered,
    Resumed,
    RoomItem,
    SessionItem,
    UnreadItem,
    WhoIAm,
)

C = Code
_ROOM = (C.NO_SUCH_ROOM, C.NOT_MEMBER)
_POSTED = (C.NO_SUCH_USER, *_ROOM, C.BLOCKED, C.TOO_BIG, C.NOT_ENCRYPTED)
_MODERATED = (C.NO_SUCH_ROOM, C.NOT_MEMBER, C.FORBIDDEN, C.NO_SUCH_USER)


@command(Needs.NO_LOGIN, Registered, C.TAKEN, C.BAD_NAME, C.WEAK_PASSWORD, C.RATE_LIMITED, C.CLOSED)
class Register(Command[Registered]):
    """Make an account; it does not log in."""

    user: User
    secret: Secret
    _: KW_ONLY
    kdf: Kdf | None = None
    contact: Contact | None = None

    def __post_init__(self) -> None:
        kdfs.fit(self.secret, self.kdf)


@command(Needs.NO_LOGIN, Authenticated, C.DENIED, C.RATE_LIMITED)
class Auth(Command[Authenticated]):
    """Log in with a password; the token logs in again with RESUME."""

    user: User
    secret: Secret


@command(Needs.NO_LOGIN, Resumed, C.DENIED)
class Resume(Command[Resumed]):
    """Log in with a token."""

    token: Token


@command(Needs.LOGIN, Done)
class Logout(Command[Done]):
    """End this session and its token; the connection is as new."""


@command(Needs.LOGIN, SessionItem)
class Sessions(Listing[SessionItem]):
    """List your sessions."""


@command(Needs.LOGIN, Done, C.NO_SUCH_SESSION)
class Forget(Command[Done]):
    """End one of your sessions; its connections are closed."""

    session_id: Word


@command(Needs.LOGIN, Done, C.DENIED, C.WEAK_PASSWORD, C.RATE_LIMITED, C.CONFLICT, C.TOO_BIG)
class Passwd(Command[Done]):
    """Change your password; it ends all your other sessions."""

    old: Secret
    new: Secret
    _: KW_ONLY
    kdf: Kdf | None = None
    version: Version | None = None
    vault: BlobField | None = None

    def __post_init__(self) -> None:
        kdfs.fit(self.new, self.kdf)
        if (self.version is None) != (self.vault is None):
            raise ValueError("A vault comes with the version that it replaces: version=, vault=")


@command(Needs.LOGIN, Done, C.DENIED, C.RATE_LIMITED)
class Erase(Command[Done]):
    """Delete your account; what you wrote stays with the others, from ~erased."""

    secret: Secret


@command(Needs.LOGIN, WhoIAm)
class Whoami(Command[WhoIAm]):
    """Tell who you are."""


@command(Needs.NOTHING, HelpLine, C.UNKNOWN_VERB)
class Help(Listing[HelpLine]):
    """List the commands, or explain one."""

    command: Word = ""


@command(Needs.NOTHING, InfoItem)
class Info(Listing[InfoItem]):
    """Tell the server's version, limits and features."""


@command(Needs.NOTHING, Ponged, C.TOO_BIG)
class Ping(Command[Ponged]):
    """Answer with the same text."""

    text: FreeText = ""


@command(Needs.NOTHING, Done)
class Quit(Command[Done]):
    """Say goodbye; the server closes."""


@command(Needs.LOGIN, Posted, *_POSTED)
class Msg(Command[Posted]):
    """Post a message to a person or a room."""

    target: Target
    text: Text


@command(Needs.LOGIN, Posted, *_POSTED, C.CONFLICT)
class Send(Command[Posted]):
    """Post a message once, however often it is sent under the same id."""

    target: Target
    id: ClientId
    text: Text


@command(Needs.LOGIN, Joined, C.BAD_NAME, C.BANNED, C.FORBIDDEN)
class Join(Command[Joined]):
    """Become a member of a room; it is made if there is none."""

    room: Room


@command(Needs.LOGIN, Done, *_ROOM)
class Leave(Command[Done]):
    """Give up membership of a room."""

    room: Room


@command(Needs.LOGIN, RoomItem)
class Rooms(Listing[RoomItem]):
    """List the public rooms and your own."""


@command(Needs.LOGIN, MemberItem, *_ROOM)
class Who(Listing[MemberItem]):
    """List the members of a room."""

    room: Room


@command(Needs.LOGIN, Done, *_ROOM, C.FORBIDDEN, C.TOO_BIG)
class Topic(Command[Done]):
    """Set the topic of a room; an empty one clears it."""

    room: Room
    text: FreeText


@command(Needs.LOGIN, HistoryItem, C.NO_SUCH_USER, *_ROOM)
class History(Listing[HistoryItem]):
    """List messages of a conversation, oldest first."""

    conversation: Conversation
    _: KW_ONLY
    after: Seq | None = None
    before: Seq | None = None
    limit: Limit | None = None


@command(Needs.LOGIN, Done, C.NO_SUCH_USER, *_ROOM)
class Seen(Command[Done]):
    """Say that you have read up to a message."""

    conversation: Conversation
    seq: Seq


@command(Needs.LOGIN, UnreadItem)
class Unread(Listing[UnreadItem]):
    """List the conversations in which others wrote what you have not seen."""


@command(Needs.LOGIN, Done, *_ROOM, C.FORBIDDEN, C.NO_SUCH_USER, C.BLOCKED)
class Invite(Command[Done]):
    """Permit a person one JOIN, and tell them."""

    room: Room
    user: User


@command(Needs.LOGIN, Done, *_MODERATED, C.TOO_BIG)
class Kick(Command[Done]):
    """End a person's membership; they may join again."""

    room: Room
    user: User
    reason: FreeText = ""


@command(Needs.LOGIN, Done, *_MODERATED)
class Ban(Command[Done]):
    """End a person's membership, if any, and keep them out."""

    room: Room
    user: User


@command(Needs.LOGIN, Done, *_MODERATED)
class Unban(Command[Done]):
    """Let a banned person join again."""

    room: Room
    user: User


@command(Needs.LOGIN, Done, *_MODERATED)
class Role(Command[Done]):
    """Make a member owner, moderator or plain member."""

    room: Room
    user: User
    role: RoleField


@command(Needs.LOGIN, Done, *_ROOM, C.FORBIDDEN)
class Set(Command[Done]):
    """Change a room's settings, all or none of those named."""

    room: Room
    _: KW_ONLY
    private: YesNo | None = None
    history: YesNo | None = None
    level: Level | None = None
    e2e: YesNo | None = None

    def __post_init__(self) -> None:
        if {self.private, self.history, self.level, self.e2e} == {None}:
            raise ValueError("Say what to set: private=, history= or e2e=yes|no, or level=0 to 9")


@command(Needs.LOGIN, Done, C.NO_SUCH_USER, C.FORBIDDEN)
class Block(Command[Done]):
    """Refuse direct messages from a person."""

    user: User


@command(Needs.LOGIN, Done, C.NO_SUCH_USER)
class Unblock(Command[Done]):
    """Take direct messages from a person again."""

    user: User
