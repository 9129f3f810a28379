"""What the rules know in memory: accounts, sessions, rooms, direct conversations.

Each is loaded whole, through the directory, when a request first touches it. `pending` counts the
ledger's entries about it that are not on disk yet; while it is above 0 it must stay in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chatd.protocol.fields import RoleWord

from .gateway_changes import CodeKind

ERASED = "~erased"
"""Who wrote what a deleted account left behind."""

E2E_MEMBERS_MAX = 100
"""Each message in an encrypted room holds a key for every member."""

RANK: dict[RoleWord, int] = {"member": 0, "moderator": 1, "owner": 2}


@dataclass(slots=True, eq=False)
class Account:
    """A person. `rooms` and `invites` are ids of rooms, `blocked` of accounts. The vault and the
    published keys are on disk; their versions are here, 0 where there is none yet."""

    id: int
    name: str
    secret: str = field(repr=False)  # an argon2id hash
    level: int = 0
    version: int = 0  # grows when the password changes; sessions of an older one are void
    erased: bool = False
    vault_version: int = 0
    keys_version: int = 0
    rooms: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    invites: set[int] = field(default_factory=set)
    pending: int = 0


@dataclass(slots=True, eq=False)
class Session:
    """A log-in; its token is known only as `token_hash`. Times in ms since 1970."""

    id: int
    public_id: str
    account: int
    version: int
    created_ms: int
    used_ms: int
    address: str
    token_hash: bytes = field(repr=False)
    device: int | None = None
    pending: int = 0


@dataclass(slots=True, eq=False)
class PendingAccount:
    """A registration that waits for its code; `gone`: it became an account, or its time is up."""

    id: int
    name: str
    secret: str = field(repr=False)  # an argon2id hash
    kdf: str
    contact: str = field(repr=False)
    created_ms: int
    gone: bool = False
    pending: int = 0


@dataclass(slots=True, eq=False)
class OneCode:
    """A code that was sent, known by its keyed hash; `tries`: how many were wrong. `gone`: it was
    used."""

    kind: CodeKind
    subject: int
    code_hash: bytes = field(repr=False)
    sent_ms: int
    expires_ms: int
    tries: int = 0
    gone: bool = False
    pending: int = 0


@dataclass(slots=True, eq=False)
class Member:
    """One membership of a room."""

    role: RoleWord


@dataclass(slots=True, eq=False)
class Conversation:
    """What a room and a direct conversation share. `ceiling`: no seq up to it is given out anew.
    `history`: whether messages are stored. `e2e`: whether all of them must be encrypted."""

    id: int
    last_seq: int = 0
    ceiling: int = 0
    pending: int = 0
    history: bool = True
    e2e: bool = False


@dataclass(slots=True, eq=False)
class Room(Conversation):
    """A room; `members` by account id, longest-standing first."""

    name: str = ""
    topic: str = ""
    private: bool = False
    level: int = 0
    members: dict[int, Member] = field(default_factory=dict)
    bans: set[int] = field(default_factory=set)

    def hidden_from(self, account: Account) -> bool:
        """Whether it must look as if it did not exist."""
        return account.id not in self.members and (self.private or account.level < self.level)

    def heir(self) -> int | None:
        """Who becomes owner where nobody is: the longest-standing moderator, else member."""
        roles = {member.role for member in self.members.values()}
        if not roles or "owner" in roles:
            return None
        wanted = "moderator" if "moderator" in roles else "member"
        return next(account for account, member in self.members.items() if member.role == wanted)


@dataclass(slots=True, eq=False)
class Direct(Conversation):
    """A direct conversation of two accounts, the lower id first; both may be the same."""

    low: int = 0
    high: int = 0


@dataclass(slots=True, frozen=True)
class Sent:
    """What a SEND id stands for."""

    conversation: int
    digest: bytes
    seq: int
    time_ms: int


SENT_IDS_MAX = 20_000  # half of it is more than can be on its way to disk at one time


@dataclass(slots=True, eq=False)
class SentIds:
    """An account's SEND ids: all of them if `complete`, else only some."""

    account: int
    complete: bool
    known: dict[str, Sent | None] = field(default_factory=dict)
    pending: int = 0

    def add(self, client_id: str, sent: Sent | None) -> None:
        """Remember one; where there are too many, the oldest half is left to the database."""
        self.known[client_id] = sent
        if len(self.known) > SENT_IDS_MAX:
            self.complete = False
            for old in list(self.known)[: SENT_IDS_MAX // 2]:
                del self.known[old]


@dataclass(slots=True, eq=False)
class Device:
    """One that logs in without a password. `key`: its X25519 public key. `token_hash`: of the
    token that it used last; before that, what its first tokens were made of (rotation.py)."""

    id: int
    public_id: str
    account: int
    key: bytes
    token_hash: bytes = field(repr=False)
    created_ms: int
    used_ms: int
    address: str
    pending: int = 0


@dataclass(slots=True, eq=False)
class Enrolment:
    """A one-time ID, known only as its keyed hash. `level`: of the account that is made with it;
    None: there is one. `device`: that used it and has not logged in yet."""

    id: int
    name: str
    once_hash: bytes = field(repr=False)
    level: int | None
    expires_ms: int
    device: int | None = None
    pending: int = 0
