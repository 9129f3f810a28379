"""How an enrolled device begins its sessions.

A session is resumed while it lasts; then LOGIN begins another with the device's token, and what
comes in return is on disk before it is used. The server takes the token before as long as that was
not used, so that a lost reply, or an end at any moment, locks nobody out.
"""

from __future__ import annotations

import msgspec

from chatd.protocol.commands import Resume
from chatd.protocol.devices import LoggedIn, Login
from chatd.protocol.errors import ChatError, Code

from .client import Client
from .drawer import Drawer
from .problems import Problem, Status, usage
from .profile import Device, Profile


def device_of(profile: Profile) -> Device:
    """Raises Problem where the profile is no enrolled device."""
    if profile.device is None:
        raise usage("This profile is no enrolled device; see: chatctl enrol --help")
    return profile.device


async def enter(drawer: Drawer, profile: Profile, client: Client) -> Profile:
    """Resume the session of `profile`, or begin another; the profile as it is kept now. Problem,
    ChatError, ConnectionLost."""
    if await _resumed(client, profile.token):
        return profile
    async with drawer.login():
        newest = drawer.read()  # another command may have been faster
        if newest.token != profile.token and await _resumed(client, newest.token):
            return newest
        return await _begin(drawer, newest, client)


async def begin(drawer: Drawer, client: Client) -> Profile:
    """LOGIN, whether there is a session or not. As `enter`."""
    async with drawer.login():
        return await _begin(drawer, drawer.read(), client)


async def _begin(drawer: Drawer, profile: Profile, client: Client) -> Profile:
    device, user = device_of(profile), profile.user
    if device.token is None or user is None:
        go_on = f"chatctl {drawer.option}enrol"
        raise Problem(Status.LOGGED_OUT, f"This device is not enrolled yet; go on: {go_on}")
    try:
        begun = await client.call(Login(user, device.token))
    except ChatError as error:
        if error.code is Code.DENIED:
            anew = f"A new one-time ID makes it a device again: chatctl {drawer.option}enrol LINE"
            raise Problem(Status.LOGGED_OUT, f"{error.sentence} {anew}") from None
        raise
    return drawer.change(lambda kept: _following(kept, begun))


def _following(profile: Profile, begun: LoggedIn) -> Profile:
    """The profile with the tokens that the server gave."""
    device = msgspec.structs.replace(device_of(profile), token=begun.next_device_token)
    return msgspec.structs.replace(profile, token=begun.session_token, device=device)


async def _resumed(client: Client, token: str | None) -> bool:
    """Whether the session goes on."""
    if token is None:
        return False
    try:
        await client.call(Resume(token))
    except ChatError as error:
        if error.code is not Code.DENIED:
            raise
        return False
    return True
