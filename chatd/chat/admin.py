"""What who runs the server may do to its people, at its command line, whether it runs or not.

Each order waits for what it must, and gives a decision, which judges and changes without waiting,
as handlers of requests do. What it says becomes true once the ledger has stored it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from chatd.protocol.enrolment import new_one_time_id
from chatd.protocol.kdf import NONE
from chatd.security.names import BadName, choose_user_name, user_name

from .changes import SecretSet
from .chat import Chat
from .device_changes import DeviceGone, EnrolmentGone, EnrolmentMade, LevelSet
from .enrolling import open_enrolment
from .handlers.membership import end_membership
from .model import Account, Enrolment

LEVEL_REASON = "level"
"""Why somebody has left a room that is above their level now."""
LEVEL_MAX = 9
EXPIRES_MS_MAX = 365 * 86_400_000
NO_SESSION = 0
"""No session has this id, so none stays."""
PASSWORD_BYTES = 12
_PAGE = 500


class Refused(Exception):
    """It cannot be done; the sentence says why, and what to do."""


class Invite(msgspec.Struct, tag="invite", frozen=True):
    """A one-time ID for a name. `level`: of the account that is made; None: 0, or as it is where
    there is one already."""

    name: str
    level: int | None
    expires_ms: int


class Revoke(msgspec.Struct, tag="revoke", frozen=True):
    """The one-time ID of a name is good for nothing any more."""

    name: str


class ListInvites(msgspec.Struct, tag="invites", frozen=True):
    """All that have not expired."""


class SetLevel(msgspec.Struct, tag="level", frozen=True):
    user: str
    level: int


class ResetPassword(msgspec.Struct, tag="passwd", frozen=True):
    user: str


Order = Invite | Revoke | ListInvites | SetLevel | ResetPassword


class Invited(msgspec.Struct, tag="invite", frozen=True):
    """`one_time_id`: it is told here and never again. `another`: there is an account of that name,
    and this is for one more device. `replaced`: an earlier one is good for nothing any more."""

    name: str
    one_time_id: str
    level: int
    expires: str
    another: bool
    replaced: bool

    def __repr__(self) -> str:
        return f"Invited({self.name!r}, …)"


class InviteItem(msgspec.Struct, frozen=True):
    """`level`: None where there is an account already."""

    name: str
    level: int | None
    expires: str
    used: bool


class Invites(msgspec.Struct, tag="invites", frozen=True):
    items: list[InviteItem]


class Levelled(msgspec.Struct, tag="level", frozen=True):
    """`left`: the rooms that are above the new level."""

    name: str
    before: int
    left: list[str]


class NewPassword(msgspec.Struct, tag="passwd", frozen=True):
    password: str

    def __repr__(self) -> str:
        return "NewPassword(…)"


class Done(msgspec.Struct, tag="done", frozen=True):
    """Nothing more is to be said."""


Outcome = Invited | Invites | Levelled | NewPassword | Done
Decision = Callable[[], Outcome]
"""Judges and changes, without waiting. May raise Refused, and Miss before it changes anything."""


async def _invite(order: Invite, chat: Chat) -> Decision:
    name = _named(order.name, choose_user_name)
    if not 0 < order.expires_ms <= EXPIRES_MS_MAX:
        raise Refused("an invitation expires after 365 days at the latest")
    typed = new_one_time_id()

    def decide() -> Outcome:
        account = chat.directory.account_named(name)
        before = open_enrolment(chat, name)
        level = _level(account, order.level)
        if before is not None:
            chat.directory.forget(before)
        made = Enrolment(
            id=chat.ids.enrolment(),
            name=name,
            once_hash=chat.archive.once_hash(typed),
            level=None if account else level,
            expires_ms=chat.clock.now_ms() + order.expires_ms,
        )
        _store(chat, made)
        expires = chat.clock.text(made.expires_ms)
        return Invited(name, typed, level, expires, account is not None, before is not None)

    return decide


async def _revoke(order: Revoke, chat: Chat) -> Decision:
    name = _named(order.name, user_name)

    def decide() -> Outcome:
        enrolment = open_enrolment(chat, name)
        if enrolment is None:
            raise Refused(f"nobody is invited as {name}; chatd invites lists who is")
        _take_back(chat, enrolment)
        return Done()

    return decide


async def _invites(_order: ListInvites, chat: Chat) -> Decision:
    now_ms, after = chat.clock.now_ms(), 0
    items: list[InviteItem] = []
    while page := await chat.archive.enrolments(after, _PAGE):
        good = [one for one in page if one.expires_ms > now_ms]
        items += [_item(chat, one) for one in good]
        after = page[-1].id
    return lambda: Invites(sorted(items, key=lambda item: item.name))


async def _set_level(order: SetLevel, chat: Chat) -> Decision:
    name = _named(order.user, user_name)

    def decide() -> Outcome:
        account = _account(chat, name)
        before, level = account.level, _level(None, order.level)
        rooms = [chat.directory.room(room) for room in sorted(account.rooms)]
        above = [room for room in rooms if level < room.level <= before]
        account.level = level
        chat.ledger.store(LevelSet(account.id, level), account)
        for room in above:
            end_membership(chat, room, account, account.name, LEVEL_REASON)
        return Levelled(account.name, before, [room.name for room in above])

    return decide


async def _reset_password(order: ResetPassword, chat: Chat) -> Decision:
    """It opens the account and nothing else: the vault stays sealed, for the recovery key alone.
    Devices stay enrolled."""
    name = _named(order.user, user_name)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    hashed = await chat.passwords.hash(password)

    def decide() -> Outcome:
        account = _account(chat, name)
        account.secret, account.version = hashed, account.version + 1
        changed = SecretSet(account.id, hashed, account.version, NO_SESSION, NONE)
        chat.ledger.store(changed, account)
        chat.ledger.then(chat.hub.end, account.id, "The password was set anew; log in with it.")
        return NewPassword(password)

    return decide


_ORDERS: dict[type, Callable[[Any, Chat], Awaitable[Decision]]] = {
    Invite: _invite,
    Revoke: _revoke,
    ListInvites: _invites,
    SetLevel: _set_level,
    ResetPassword: _reset_password,
}


async def ordered(order: Order, chat: Chat) -> Decision:
    """What carries an order out. Refused, ChatError, Unavailable."""
    return await _ORDERS[type(order)](order, chat)


def _named(raw: str, how: Callable[[str], str]) -> str:
    try:
        return how(raw)
    except BadName as wrong:
        raise Refused(f"{raw!r} is no user's name: {wrong}") from None


def _account(chat: Chat, name: str) -> Account:
    account = chat.directory.account_named(name)
    if account is None or account.erased:
        raise Refused(f"there is no user {name}; check the spelling")
    return account


def _level(account: Account | None, wanted: int | None) -> int:
    """The level of an account that is invited, or is to be changed."""
    if account is not None and account.erased:
        raise Refused("that name belonged to an account that was erased, and stays taken")
    if account is not None and wanted is not None:
        hint = f"chatd user {account.name} --level {wanted}"
        raise Refused(f"there is an account {account.name}; set its level with: {hint}")
    level = wanted or 0 if account is None else account.level
    if not 0 <= level <= LEVEL_MAX:
        raise Refused(f"a level is a number from 0 to {LEVEL_MAX}")
    return level


def _take_back(chat: Chat, enrolment: Enrolment) -> None:
    """It, and the device that used it and has never logged in, are good for nothing any more."""
    device = None if enrolment.device is None else chat.directory.device(enrolment.device)
    chat.directory.forget(enrolment)
    chat.ledger.store(EnrolmentGone(enrolment.id))
    if device is not None:
        chat.directory.forget(device)
        chat.ledger.store(DeviceGone(device.id))


def _store(chat: Chat, enrolment: Enrolment) -> None:
    chat.directory.admit(enrolment)
    made = EnrolmentMade(
        enrolment.id,
        enrolment.name,
        enrolment.once_hash,
        enrolment.level,
        chat.clock.now_ms(),
        enrolment.expires_ms,
    )
    chat.ledger.store(made, enrolment)


def _item(chat: Chat, one: Enrolment) -> InviteItem:
    return InviteItem(one.name, one.level, chat.clock.text(one.expires_ms), one.device is not None)
