"""What the rules ask of the world around them; storage and server provide it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from chatd.protocol.errors import Code
from chatd.security.channel import Channel

from .gateway_changes import CodeKind
from .model import (
    Account,
    Device,
    Direct,
    Enrolment,
    OneCode,
    PendingAccount,
    Room,
    Sent,
    SentIds,
    Session,
)


class Client(Protocol):
    """A connection, as the rules see it."""

    address: str
    session: Session | None
    pending: int  # replies of its own that wait in the ledger
    unwelcomed: bool  # logged in and not yet told what is unread
    hears_after: int  # the latest message when it logged in; what came later it hears live

    @property
    def alive(self) -> bool:
        """Whether it may still be told something."""

    def put(self, line: bytes) -> None:
        """Write a reply of its own, or an event that must not be lost."""

    def put_later(self, line: bytes) -> None:
        """Write a reply that may leave with what follows, or once nothing else is ready."""

    def deliver(self, lines: bytes, conversation: str, seq: int) -> None:
        """Write events of a conversation, the first at `seq`; who reads too slowly misses them."""

    def stop_listening(self) -> None:
        """Carry out nothing more; a goodbye is on its way."""

    def goodbye(self, code: Code, sentence: str) -> None:
        """Say `*BYE`, then close."""


class Reachable(Client, Protocol):
    """A connection that may be sent more than it asked for."""

    @property
    def behind(self) -> bool:
        """Whether so much waits to be sent to it that no more should come."""


class Sealable(Client, Protocol):
    """A connection that can go over to a sealed channel."""

    @property
    def encrypted(self) -> bool:
        """Whether it is inside TLS or a sealed channel."""

    @property
    def has_more(self) -> bool:
        """Whether something was received behind the request that is carried out."""

    def seal(self, channel: Channel) -> None:
        """Once the request is answered, send and take everything through `channel`."""


class Provable(Client, Protocol):
    """A connection whose other end may have proved to have a key."""

    @property
    def encrypted(self) -> bool:
        """Whether it is inside TLS or a sealed channel."""

    @property
    def device_key(self) -> bytes | None:
        """The X25519 public key of the device at its other end, which has proved to be there."""


@dataclass(slots=True, frozen=True)
class StoredMessage:
    seq: int
    time_ms: int
    sender: str
    text: str


@dataclass(slots=True, frozen=True)
class StoredUnread:
    conversation: str
    count: int
    first_seq: int
    last_seq: int


@dataclass(slots=True, frozen=True)
class StoredRoom:
    id: int
    name: str
    topic: str
    members: int
    joined: bool


@dataclass(slots=True, frozen=True)
class StoredVault:
    version: int
    blob: str = field(repr=False)


@dataclass(slots=True, frozen=True)
class StoredKeys:
    """What an account has published."""

    version: int
    thumbprint: str
    jwks: str


@dataclass(slots=True, frozen=True)
class Reach:
    """Whom a name stands for, and how they are written to: an account, a registration that waits,
    or nobody, for whom all is done alike under a number that only this name has."""

    account: int | None
    waiting: int | None
    nobody: int
    contact: str | None = field(repr=False)


@dataclass(slots=True, frozen=True)
class StoredOutgoing:
    """A message on its way out; `message` is JSON."""

    id: int
    message: str = field(repr=False)
    created_ms: int
    next_ms: int
    tries: int


class Archive(Protocol):
    """Reads of what is on disk. All may raise `Unavailable`."""

    @property
    def latest(self) -> int:
        """The number of the latest commit of messages; they are numbered in order."""

    async def credentials(self, name: str) -> tuple[int, str, int] | None:
        """Account, password hash and its version, or None; it takes as long either way."""

    async def kdf(self, name: str) -> str:
        """How the secret of an account of that name is made from the password; where there is none
        of that name, or no more, what might be, always the same. It takes as long either way."""

    def code_hash(self, kind: CodeKind, subject: int, expires_ms: int, code: str) -> bytes:
        """What a code is known by, once it was sent; keyed, 32 bytes."""

    async def reach(self, name: str, now_ms: int) -> Reach:
        """It takes as long whoever it is."""

    async def pending_named(self, name: str) -> PendingAccount | None: ...

    async def code(self, kind: CodeKind, subject: int) -> OneCode | None: ...

    async def outgoing(self, limit: int) -> list[StoredOutgoing]:
        """Messages on their way out, those first that are to be tried first."""

    async def outgoing_count(self) -> int: ...

    async def vault(self, account: int) -> StoredVault | None: ...

    async def keys(self, account: int) -> StoredKeys | None: ...

    async def partners(self, account: int) -> set[int]:
        """The accounts on the other side of its direct conversations."""

    async def account_named(self, name: str) -> Account | None: ...

    async def account(self, account: int) -> Account | None: ...

    async def room_named(self, name: str) -> Room | None: ...

    async def room(self, room: int) -> Room | None: ...

    async def direct(self, low: int, high: int) -> Direct | None: ...

    async def session(self, token_hash: bytes) -> Session | None: ...

    async def session_and_account(self, token_hash: bytes) -> tuple[Session, Account] | None: ...

    async def session_listed(self, account: int, public_id: str) -> Session | None: ...

    def once_hash(self, one_time_id: str) -> bytes:
        """Keyed, of a one-time ID."""

    def token_proof(self, device: int, token_hash: bytes, nonce: bytes) -> bytes:
        """16 bytes that nobody else can make: the proof in a device's token (rotation.py)."""

    async def device(self, device: int) -> Device | None: ...

    async def device_with(self, key: bytes) -> Device | None:
        """The device with that public key."""

    async def device_listed(self, account: int, public_id: str) -> Device | None: ...

    async def devices(self, account: int, after: int, limit: int) -> list[Device]: ...

    async def enrolment_named(self, name: str) -> Enrolment | None: ...

    async def enrolments(self, after: int, limit: int) -> list[Enrolment]: ...

    async def sent_ids(self, account: int) -> SentIds: ...

    async def sent(self, account: int, client_id: str) -> Sent | None: ...

    async def history_start(self, conversation: int, before: int, limit: int) -> int:
        """The seq of the oldest of the `limit` newest messages before `before`; 0 if none."""

    async def history(
        self, conversation: int, after: int, before: int, limit: int
    ) -> list[StoredMessage]:
        """The oldest messages with after < seq < before: `limit` of them, or fewer where they get
        big, but never none while there is one."""

    async def unread(self, account: int, upto: int | None = None) -> list[StoredUnread]:
        """What is unread, of commits up to that number."""

    async def invites(self, account: int) -> list[tuple[str, str]]:
        """Rooms, and who invited to each."""

    async def news(
        self, account: int, upto: int
    ) -> tuple[list[StoredUnread], list[tuple[str, str]]]:
        """What is unread and the invitations, in one go."""

    async def rooms(self, account: int, level: int, after: int, limit: int) -> list[StoredRoom]: ...

    async def names(self, accounts: Iterable[int]) -> dict[int, str]: ...

    async def sessions(self, account: int, after: int, limit: int) -> list[Session]: ...


class Passwords(Protocol):
    """argon2id and zxcvbn off the event loop. Raise ChatError RATE_LIMITED when too many wait."""

    def turn(self, key: Hashable) -> AbstractAsyncContextManager[None]:
        """Hold it while checking a password: one at a time for each key."""

    async def hash(self, secret: str) -> str: ...

    async def verify(self, secret: str, hashed: str | None) -> bool:
        """Whether it is the secret; without a hash (None or empty) it takes as
        long, and is not."""

    async def rehashed(self, secret: str, hashed: str) -> str | None:
        """A new hash where the parameters have changed."""

    async def weakness(self, secret: str, user: str) -> str | None:
        """Why it is too weak, as a sentence."""


class Identities(Protocol):
    """Public keys that people publish, verified off the event loop."""

    async def verified(self, jwks: str, user: str) -> str:
        """The thumbprint of the identity that a JWK Set is, for this user. ChatError BAD_FIELD."""


class Unavailable(Exception):
    """The store cannot do it now."""
