"""The chat as handlers see it: what they may ask and change, in the terms of the rules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, TypeVar

from chatd.protocol.errors import ChatError, Code
from chatd.security.names import BadName, room_name, user_name
from chatd.security.throttle import Quota, Slowdown

from .channels import Channels
from .clock import Clock
from .directory import Directory, Miss
from .gateway import Gateway
from .hub import Hub
from .ledger import Ledger
from .model import Account, Conversation, Device, Direct, Room, Sent
from .ports import Archive, Client, Identities, Passwords, Unavailable
from .routes import Epoch
from .services import Services

T = TypeVar("T")

Registration = Literal["open", "gateway", "invite", "closed"]
"""Who may make an account: anyone; who gives back a code that was sent to them; who was given a
one-time ID; nobody."""

ASKS_MAX = 1_000  # loads for one request; ERASE loads every room of the account
VOLATILE_IDS_MAX = 100_000


def _nothing() -> None:
    """Takes a place in the ledger."""


def _no_such_room() -> ChatError:
    return ChatError(Code.NO_SUCH_ROOM, "There is no such room; ROOMS lists them.")


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator can choose."""

    registration: Registration
    session_idle_days_max: int
    private_transport: bool = False  # no secrets in the clear
    seqs_reserved: int = 10_000
    code_seconds: int = 900
    service_seconds_max: float = 10


@dataclass(slots=True)
class Ids:
    """The next free ids."""

    account: Callable[[], int]
    conversation: Callable[[], int]
    session: Callable[[], int]
    device: Callable[[], int]
    enrolment: Callable[[], int]
    pending: Callable[[], int]
    outgoing: Callable[[], int]

    @classmethod
    def after(cls, *highest: int) -> Ids:
        """Continue after the highest ids that are stored, in the order of the fields."""
        return cls(*(count(last + 1).__next__ for last in highest))


@dataclass(slots=True)
class Chat:
    """Everything a handler may touch. `now` is a monotonic clock in seconds."""

    rules: Rules
    directory: Directory
    epoch: Epoch
    ledger: Ledger
    hub: Hub
    archive: Archive
    passwords: Passwords
    identities: Identities
    clock: Clock
    ids: Ids
    now: Callable[[], float]
    slowdown: Slowdown
    registrations: Quota
    channels: Channels
    info: Callable[[], dict[str, str]]
    volatile_ids: OrderedDict[tuple[int, str], Sent]
    gateway: Gateway = field(default_factory=Gateway)
    services: Services = field(default_factory=Services)

    async def asking(self, ask: Callable[[], T]) -> T:
        """The answer of `ask`, loading what it misses."""
        for _ in range(ASKS_MAX):
            try:
                return ask()
            except Miss as miss:
                await self.directory.load(miss.key)
        raise Unavailable("what was loaded does not stay in memory")

    def already(self, *things: Account | Conversation | Device) -> None:
        """Nothing is left to do; but what makes it so may not be stored yet: let the reply wait."""
        if any(thing.pending for thing in things):
            self.ledger.then(_nothing)

    def me(self, client: Client) -> Account:
        """The account that is logged in."""
        if client.session is None:
            raise ChatError(Code.NOT_AUTHENTICATED, "Log in first: AUTH|user|secret.")
        account = self.directory.account(client.session.account)
        if account.erased:
            raise ChatError(Code.NOT_AUTHENTICATED, "This account was erased.")
        return account

    def anyone(self, raw: str) -> Account:
        """A person by name, erased ones too. NO_SUCH_USER."""
        try:
            account = self.directory.account_named(user_name(raw))
        except BadName:
            account = None
        if account is None:
            raise ChatError(Code.NO_SUCH_USER, "There is no such user; check the spelling.")
        return account

    def person(self, raw: str) -> Account:
        """A person by name. NO_SUCH_USER."""
        account = self.anyone(raw)
        if account.erased:
            raise ChatError(Code.NO_SUCH_USER, "There is no such user any more.")
        return account

    def any_room(self, raw: str) -> Room:
        """A room by name. NO_SUCH_ROOM."""
        try:
            room = self.directory.room_named(room_name(raw))
        except BadName:
            room = None
        if room is None:
            raise _no_such_room()
        return room

    def room(self, me: Account, raw: str) -> Room:
        """A room that `me` may know of. NO_SUCH_ROOM."""
        room = self.any_room(raw)
        if room.hidden_from(me):
            raise _no_such_room()
        return room

    def my_room(self, me: Account, raw: str) -> Room:
        """A room that `me` is in. NO_SUCH_ROOM, NOT_MEMBER."""
        room = self.room(me, raw)
        if me.id not in room.members:
            raise ChatError(Code.NOT_MEMBER, f"You are not in the room; JOIN|{room.name} first.")
        return room

    def my_conversation(self, me: Account, raw: str) -> Conversation | None:
        """A conversation that `me` may read; None where nothing was said yet."""
        if raw.startswith("#"):
            return self.my_room(me, raw)
        other = self.anyone(raw)
        direct: Direct | None = self.directory.direct(me.id, other.id)
        if direct is None and other.erased:
            raise ChatError(Code.NO_SUCH_USER, "There is no such user any more.")
        return direct
