"""What the ledger asks the store to keep: each change is one fact, in the order of the log.

Ids are the store's integers, times are ms since 1970. Texts, names and the like are in the clear
here; the store boxes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from chatd.protocol.fields import RoleWord
from chatd.protocol.kdf import NONE

from .device_changes import DeviceChange
from .gateway_changes import GatewayChange


class MessagesPosted(msgspec.Struct, gc=False):
    """A run of messages: one sender's to one conversation, at one time; seqs from `seq` on, one
    for each text. `once`: the sender's SEND id, with the digest of the only text."""

    conversation: int
    seq: int
    time_ms: int
    sender: int
    texts: list[str]
    once: tuple[str, bytes] | None = None

    def __repr__(self) -> str:
        return f"MessagesPosted({self.conversation}, {self.seq}, …)"


@dataclass(slots=True, frozen=True)
class AccountMade:
    """`kdf`: how the secret is made from the password (protocol/kdf.py)."""

    account: int
    name: str
    secret: str = field(repr=False)
    time_ms: int
    kdf: str = NONE


@dataclass(slots=True, frozen=True)
class SecretSet:
    """A new password hash. `keep`: the only session that stays; None: all stay (a mere rehash).
    `kdf`: how the new secret is made; None: as before."""

    account: int
    secret: str = field(repr=False)
    version: int
    keep: int | None
    kdf: str | None = None


@dataclass(slots=True, frozen=True)
class AccountErased:
    """The account's own things go; memberships have been ended by changes before this one."""

    account: int


@dataclass(slots=True, frozen=True)
class VaultStored:
    """A vault replaces the one of the version before."""

    account: int
    version: int
    blob: str = field(repr=False)


@dataclass(slots=True, frozen=True)
class KeysPublished:
    """Public keys replace those of the version before."""

    account: int
    version: int
    thumbprint: str
    jwks: str


@dataclass(slots=True, frozen=True)
class SessionMade:
    session: int
    public_id: str
    account: int
    version: int
    token_hash: bytes = field(repr=False)
    address: str
    time_ms: int
    device: int | None = None


@dataclass(slots=True, frozen=True)
class SessionUsed:
    session: int
    address: str
    time_ms: int


@dataclass(slots=True, frozen=True)
class SessionEnded:
    session: int


@dataclass(slots=True, frozen=True)
class RoomMade:
    room: int
    name: str
    time_ms: int


@dataclass(slots=True, frozen=True)
class RoomSet:
    """All that SET can change, and the topic."""

    room: int
    topic: str = field(repr=False)
    private: bool
    history: bool
    level: int
    e2e: bool = False


@dataclass(slots=True, frozen=True)
class RoomGone:
    room: int


@dataclass(slots=True, frozen=True)
class SeqReserved:
    """Seqs up to `ceiling` may be given out without being stored."""

    conversation: int
    ceiling: int


@dataclass(slots=True, frozen=True)
class DirectMade:
    """A direct conversation; the names are how each side knows the other."""

    direct: int
    low: int
    low_name: str
    high: int
    high_name: str


@dataclass(slots=True, frozen=True)
class MemberJoined:
    room: int
    account: int
    role: RoleWord
    seen: int
    time_ms: int


@dataclass(slots=True, frozen=True)
class RoleSet:
    room: int
    account: int
    role: RoleWord


@dataclass(slots=True, frozen=True)
class MemberLeft:
    room: int
    account: int


@dataclass(slots=True, frozen=True)
class SeenSet:
    conversation: int
    account: int
    seq: int


@dataclass(slots=True, frozen=True)
class BanSet:
    room: int
    account: int
    banned: bool


@dataclass(slots=True, frozen=True)
class InviteSet:
    """`by` is an account; None: used up."""

    room: int
    account: int
    by: int | None


@dataclass(slots=True, frozen=True)
class BlockSet:
    account: int
    blocked: int
    on: bool


Change = (
    MessagesPosted
    | AccountMade
    | SecretSet
    | AccountErased
    | VaultStored
    | KeysPublished
    | SessionMade
    | SessionUsed
    | SessionEnded
    | RoomMade
    | RoomSet
    | RoomGone
    | SeqReserved
    | DirectMade
    | MemberJoined
    | RoleSet
    | MemberLeft
    | SeenSet
    | BanSet
    | InviteSet
    | BlockSet
    | DeviceChange
    | GatewayChange
)
