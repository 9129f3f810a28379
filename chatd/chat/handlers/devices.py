"""Enrolling devices, logging in with them, and removing them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum, auto

import structlog

from chatd.protocol import devices, replies
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.wire import write_event
from chatd.security.throttle import address_block

from ..chat import Chat
from ..device_changes import DeviceGone, DeviceUsed
from ..enrolling import enrolled, invited, settle
from ..model import Account, Device, Session
from ..ports import Client, Provable
from ..registry import Decision, handles
from ..rotation import next_token, used
from .accounts import attempt, possible_name
from .sealed import Publishing, verified_keys
from .sessions import open_session

_PAGE = 500

_log = structlog.get_logger()


class _Verdict(Enum):
    RIGHT = auto()
    WRONG = auto()
    STOLEN = auto()


@handles(devices.Enrol)
async def enrol(chat: Chat, client: Provable, request: devices.Enrol) -> Decision:
    if not client.encrypted and address_block(client.address) is not None:
        raise ChatError(Code.INSECURE, "Send no one-time ID in the clear: SEAL first, or use TLS.")
    name = possible_name(request.user)
    once_hash = chat.archive.once_hash(request.one_time_id)

    async def right() -> bool:
        return await chat.asking(
            lambda: invited(chat, name, once_hash, request.device_key) is not None
        )

    await attempt(chat, client, name, right, _not_invited)
    publish = await _publishing(chat, name, request.jwks)

    def decide() -> Reply:
        enrolment = invited(chat, name, once_hash, request.device_key)
        if enrolment is None:
            raise _not_invited()
        account, device = enrolled(chat, enrolment, request.device_key, client.address)
        if publish is not None:
            publish(client, account)
        return devices.Enrolled(next_token(chat.archive, device))

    return decide


@handles(devices.Login)
async def login(chat: Chat, client: Provable, request: devices.Login) -> Decision:
    key = client.device_key
    if key is None:
        raise ChatError(Code.INSECURE, "Seal with the device's key first: SEAL|IK|message.")
    name = possible_name(request.user)

    async def right() -> bool:
        verdict, *_ = await chat.asking(lambda: _judged(chat, key, name, request.device_token))
        return verdict is not _Verdict.WRONG

    await attempt(chat, client, name, right, _not_enrolled)

    def decide() -> Reply:
        verdict, account, device = _judged(chat, key, name, request.device_token)
        if verdict is _Verdict.WRONG or account is None or device is None:
            raise _not_enrolled()
        if verdict is _Verdict.STOLEN:
            raise _stolen(chat, account, device)
        settle(chat, account, device)
        _rotate(chat, client, device, request.device_token)
        token = open_session(chat, client, account, device.id)
        return devices.LoggedIn(next_token(chat.archive, device), token)

    return decide


@handles(devices.Devices)
async def list_devices(
    chat: Chat, client: Client, request: devices.Devices
) -> AsyncIterator[list[Reply]]:
    me = await chat.asking(lambda: chat.me(client))
    mine = client.session
    after = 0
    while page := await chat.archive.devices(me.id, after, _PAGE):
        yield [_item(chat, device, mine) for device in page]
        after = page[-1].id


@handles(devices.Unenrol)
async def unenrol(chat: Chat, client: Client, request: devices.Unenrol) -> Decision:
    me = await chat.asking(lambda: chat.me(client))
    listed = await chat.archive.device_listed(me.id, request.device_id)

    def decide() -> Reply:
        device = None if listed is None else chat.directory.device(listed.id)
        if device is None:
            raise ChatError(Code.NO_SUCH_DEVICE, "You have no such device; DEVICES lists them.")
        _remove(chat, chat.me(client), device, "This device was removed.")
        return replies.Done()

    return decide


async def _publishing(chat: Chat, name: str, jwks: str) -> Publishing | None:
    """How the keys that come with ENROL become the account's, if any come. One that has keys keeps
    them: a further device cannot know them yet."""
    if not jwks:
        return None
    account = await chat.asking(lambda: chat.directory.account_named(name))
    if account is not None and await chat.archive.keys(account.id) is not None:
        return None
    return await verified_keys(chat, jwks, name, None if account is None else account.id)


def _judged(
    chat: Chat, key: bytes, name: str, token: str
) -> tuple[_Verdict, Account | None, Device | None]:
    device = chat.directory.device_with(key)
    if device is None:
        return _Verdict.WRONG, None, None
    account = chat.directory.account(device.account)
    if account.erased or account.name != name:
        return _Verdict.WRONG, None, None
    good = used(chat.archive, device, token) is not None
    return _Verdict.RIGHT if good else _Verdict.STOLEN, account, device


def _rotate(chat: Chat, client: Client, device: Device, token: str) -> None:
    hashed = used(chat.archive, device, token)
    assert hashed is not None
    now_ms = chat.clock.now_ms()
    device.token_hash, device.used_ms, device.address = hashed, now_ms, client.address
    chat.ledger.store(DeviceUsed(device.id, hashed, client.address, now_ms), device)


def _stolen(chat: Chat, account: Account, device: Device) -> ChatError:
    """Nobody can tell which of the two is the thief: both are put out, and the others told."""
    _remove(
        chat,
        account,
        device,
        "This device was removed: an older token of it was used.",
    )
    told = devices.Alert(
        Code.THEFT,
        f"An older token of your device {device.public_id} was used: somebody may have a copy of"
        " its profile. It was removed.",
    )
    chat.ledger.then(chat.hub.to_account, account.id, "", 0, write_event(told))
    _log.warning("old device token used", account=account.id, device=device.public_id)
    return ChatError(
        Code.DENIED,
        "This token was replaced: somebody may have a copy of this device's profile, or this is"
        " one. The device was removed; ask for a new one-time ID.",
    )


def _remove(chat: Chat, account: Account, device: Device, sentence: str) -> None:
    settle(chat, account, device)
    chat.directory.forget(device)
    chat.ledger.store(DeviceGone(device.id))
    chat.ledger.then(chat.hub.end_device, device.account, device.id, sentence)


def _not_invited() -> ChatError:
    return ChatError(
        Code.DENIED, "Wrong user or one-time ID, or it was used or is too old; ask for another."
    )


def _not_enrolled() -> ChatError:
    return ChatError(Code.DENIED, "Wrong user, or the device is not enrolled any more.")


def _item(chat: Chat, device: Device, mine: Session | None) -> Reply:
    used_ms, address = device.used_ms, device.address
    for client in chat.hub.clients(device.account):
        if client.session is not None and client.session.device == device.id:
            used_ms, address = chat.clock.now_ms(), client.address
    return devices.DeviceItem(
        device.public_id,
        chat.clock.text(device.created_ms),
        chat.clock.text(used_ms),
        address,
        mine is not None and mine.device == device.id,
    )
