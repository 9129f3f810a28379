"""How a profile becomes an enrolled device, in steps each of which can be repeated.

First the profile is written, under its password, with all that is to be; then ENROL gives the first
token, LOGIN begins a session, and the vault is stored. Whatever ends this in between, the next
`enrol` goes on from there with the same keys. An account that has a vault already keeps it.

A device that was removed is followed by another in the same profile: its successor waits beside it
until the server knows it, and then takes its place in one step. What opens the vault stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec

from chatd.protocol import base64url
from chatd.protocol.devices import Enrol
from chatd.protocol.enrolment import EnrolmentLine
from chatd.protocol.errors import ChatError, Code

from .address import Address
from .client import Client, connect
from .desk import Desk
from .device_key import DeviceKey, fresh_device_key, key_bytes
from .e2e import Content, DoesNotOpen, OwnKeys, RecoveryKey, WrappingKey
from .enrolled import shared_key
from .entering import device_of
from .own_vault import Made, fetch, publish, store
from .profile import Device, Pending, Profile
from .session import plain_name
from .trust import pin_of

_ANOTHER_KEY = (
    "The enrolment line, or --pin, is wrong, or this is another server: ask who invited you, and"
    " then: chatctl enrol LINE"
)


@dataclass(frozen=True)
class Invitation:
    """What somebody was given; `server_key` is None where it is to be learnt at first sight."""

    server: str
    user: str
    once: str = field(repr=False)
    server_key: bytes | None = None

    @classmethod
    def of(cls, line: EnrolmentLine) -> Invitation:
        """As an enrolment line has it."""
        server = str(Address(line.host, line.port))
        return cls(server, line.user, line.one_time_id, line.server_key)


def prepare(desk: Desk, invitation: Invitation, password: str) -> None:
    """Write the profile, under its password, with new keys. BadPassword, OSError."""
    profile = Profile(device=Device(fresh_device_key(), pending=_fresh(invitation.once)))
    desk.drawer.lock(password, _invited(profile, invitation))
    desk.reread()


def invite_again(desk: Desk, invitation: Invitation) -> None:
    """The same profile, which no server knows yet, with another invitation."""
    desk.alter(lambda kept: _invited(kept, invitation))


def prepare_successor(desk: Desk, once: str) -> None:
    """Have another device of the same account take the place of the profile's. Problem."""

    def prepared(kept: Profile) -> Profile:
        device = device_of(kept)
        # Keys that may be in the vault already, and a recovery key that was never shown, stay.
        waiting = device.successor or Device(fresh_device_key(), pending=device.pending)
        pending = msgspec.structs.replace(waiting.pending or _fresh(once), once=once)
        successor = msgspec.structs.replace(waiting, pending=pending)
        held = msgspec.structs.replace(device, successor=successor)
        return msgspec.structs.replace(kept, device=held)

    desk.alter(prepared)


def waiting(profile: Profile) -> Pending | None:
    """What an enrolment that is not complete needs; None where there is none. Problem."""
    return _newest(profile).pending


async def enrol(desk: Desk) -> Made | None:
    """Do what is still to be done; the vault, None where another opens it. What was shown of it
    must be followed by `finish`. Problem, ChatError, ConnectionFailed, E2eError."""
    async with desk.drawer.login():  # a token of the device before is not to follow the new one
        desk.reread()
        if _newest(desk.profile).token is None:
            await _make_device(desk)
    async with desk.login() as client:
        return await _vault(desk, client)


def finish(desk: Desk, made: Made | None) -> None:
    """The recovery key was shown, and need not be shown again."""
    version = 0 if made is None else made.content.version

    def finished(kept: Profile) -> Profile:
        device = msgspec.structs.replace(device_of(kept), pending=None)
        key = None if made is None else kept.vault_key
        newest = max(version, kept.vault_version)
        return msgspec.structs.replace(kept, device=device, vault_key=key, vault_version=newest)

    desk.alter(finished)


async def _make_device(desk: Desk) -> None:
    """ENROL; sealed, but the device does not show its key before the server knows it."""
    trust = replace(desk.trust, device_key=None, remedy=_ANOTHER_KEY)
    address = replace(desk.address, trust=trust)
    async with connect(address, reconnect=False) as client:
        desk.learn_key(client.server_key)
        _keep_server_key(desk, client)
        try:
            enrolled = await client.call(_request(desk.profile))
        except ChatError as error:
            if error.code is Code.DENIED:
                _give_up(desk)
            raise
    desk.alter(lambda kept: _with_token(kept, enrolled.device_token))


def _give_up(desk: Desk) -> None:
    """This enrolment will never be of use."""
    if device_of(desk.profile).token is None:
        desk.drawer.remove()
        return

    def without(kept: Profile) -> Profile:
        device = msgspec.structs.replace(device_of(kept), successor=None)
        return msgspec.structs.replace(kept, device=device)

    desk.alter(without)


def _newest(profile: Profile) -> Device:
    device = device_of(profile)
    return device.successor or device


def _fresh(once: str) -> Pending:
    recovery, keys = RecoveryKey.fresh(), OwnKeys.fresh(datetime.now(UTC))
    return Pending(once, recovery.written(), keys.entries())


def _keep_server_key(desk: Desk, client: Client) -> None:
    assert client.server_key is not None
    key = base64url.encode(client.server_key)
    desk.alter(lambda kept: msgspec.structs.replace(kept, server_key=key, pin=client.pin))


def _request(profile: Profile) -> Enrol:
    device, user = _newest(profile), profile.user
    assert device.pending is not None and user is not None
    keys = OwnKeys(device.pending.keys)
    public = DeviceKey(key_bytes(device.key)).public
    return Enrol(user, device.pending.once, public, keys.published(user))


def _with_token(profile: Profile, token: str) -> Profile:
    """With the device that the server knows now, and without the session of one before."""
    newest = _newest(profile)
    assert newest.pending is not None
    device = msgspec.structs.replace(newest, token=token)
    key = profile.vault_key or base64url.encode(_first_key(newest.pending).raw)
    return msgspec.structs.replace(profile, token=None, vault_key=key, device=device)


def _first_key(pending: Pending) -> WrappingKey:
    """What opens the vault that this enrolment makes, where there is none."""
    return shared_key(RecoveryKey.read(pending.recovery).wrapping_key)


def _invited(profile: Profile, invitation: Invitation) -> Profile:
    device = device_of(profile)
    assert device.pending is not None
    pending = msgspec.structs.replace(device.pending, once=invitation.once)
    key = invitation.server_key
    return msgspec.structs.replace(
        profile,
        server=invitation.server,
        user=plain_name(invitation.user),
        pin=None if key is None else pin_of(key),
        server_key=None if key is None else base64url.encode(key),
        device=msgspec.structs.replace(device, pending=pending),
    )


async def _vault(desk: Desk, client: Client) -> Made | None:
    """The vault, with the profile's keys in it where it is new; None where there is one that the
    profile does not open. Its recovery key, where this enrolment made it."""
    pending, key = device_of(desk.profile).pending, desk.profile.wrapping_key
    assert pending is not None and key is not None
    recovery = RecoveryKey.read(pending.recovery)
    try:
        content = await fetch(client, key, desk.vault_version(client.me))
    except DoesNotOpen:
        return None
    if content is None:
        content = Content.fresh(OwnKeys(pending.keys), recovery)
        await store(client, content, key)
    await publish(client, client.me, content.keys)
    return Made(content, recovery if key.raw == _first_key(pending).raw else None)
