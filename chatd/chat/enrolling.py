"""What a one-time ID is good for: an account that is yet to be made, or one more device."""

from __future__ import annotations

import hmac

from chatd.security.tokens import new_session_id

from . import changes
from .chat import Chat
from .codes import make_way
from .device_changes import DeviceMade, EnrolmentGone, EnrolmentUsed, LevelSet
from .model import Account, Device, Enrolment
from .rotation import origin

NO_SECRET = ""
"""Of an account that has no password: no password is it."""


def open_enrolment(chat: Chat, name: str) -> Enrolment | None:
    """The one-time ID of that name that has not expired."""
    enrolment = chat.directory.enrolment(name)
    if enrolment is None or enrolment.expires_ms <= chat.clock.now_ms():
        return None
    return enrolment


def reserved(chat: Chat, name: str) -> bool:
    """Whether the name is kept for somebody who was invited."""
    return open_enrolment(chat, name) is not None


def invited(chat: Chat, name: str, once_hash: bytes, key: bytes) -> Enrolment | None:
    """What lets the device with this key in under this name; None where it is not so."""
    enrolment = open_enrolment(chat, name)
    account = chat.directory.account_named(name)
    device = chat.directory.device_with(key)
    if account is not None and account.erased:
        return None
    if device is not None and chat.directory.account(device.account).erased:
        chat.directory.forget(device)  # its row went with the account
        device = None
    if enrolment is None or not hmac.compare_digest(once_hash, enrolment.once_hash):
        return None
    if enrolment.device is not None:  # and it has not logged in: its answer may have been lost
        return enrolment if device is not None and device.id == enrolment.device else None
    if enrolment.level is not None:
        return enrolment if account is None and device is None else None
    if account is None or account.erased or not (device is None or device.account == account.id):
        return None
    return enrolment


def enrolled(chat: Chat, enrolment: Enrolment, key: bytes, address: str) -> tuple[Account, Device]:
    """Let the device in that `invited` has judged: what it is, and whose."""
    device = chat.directory.device_with(key)
    account = chat.directory.account_named(enrolment.name) or _account(chat, enrolment)
    if device is None:
        device = _device(chat, account, key, address)
    if enrolment.device is None:
        enrolment.device = device.id
        chat.ledger.store(EnrolmentUsed(enrolment.id, device.id), enrolment)
    else:
        chat.already(account, device)
    return account, device


def settle(chat: Chat, account: Account, device: Device) -> None:
    """The one-time ID that the device used is worth nothing any more: it has logged in, or goes."""
    enrolment = chat.directory.enrolment(account.name)
    if enrolment is not None and enrolment.device == device.id:
        chat.directory.forget(enrolment)
        chat.ledger.store(EnrolmentGone(enrolment.id))


def _account(chat: Chat, enrolment: Enrolment) -> Account:
    level = enrolment.level or 0
    make_way(chat, enrolment.name)  # who was met goes before who only registered
    made = Account(chat.ids.account(), enrolment.name, NO_SECRET, level)
    account: Account = chat.directory.admit(made)
    now_ms = chat.clock.now_ms()
    chat.ledger.store(changes.AccountMade(account.id, account.name, NO_SECRET, now_ms), account)
    if level:
        chat.ledger.store(LevelSet(account.id, level), account)
    return account


def _device(chat: Chat, account: Account, key: bytes, address: str) -> Device:
    now_ms = chat.clock.now_ms()
    made = Device(
        id=chat.ids.device(),
        public_id=new_session_id(),
        account=account.id,
        key=key,
        token_hash=origin(),
        created_ms=now_ms,
        used_ms=now_ms,
        address=address,
    )
    device: Device = chat.directory.admit(made)
    change = DeviceMade(
        device.id, device.public_id, account.id, key, device.token_hash, address, now_ms
    )
    chat.ledger.store(change, device, account)
    return device
