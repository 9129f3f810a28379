"""What an enrolled device does in ways of its own: its log-in, its vault, its end."""

from __future__ import annotations

from chatd.protocol import base64url
from chatd.protocol.commands import Erase
from chatd.protocol.errors import ChatError, Code

from .account import OTHERS_KEYS
from .client import Client, connect
from .credentials import credentials
from .desk import Desk
from .e2e import BadRecoveryKey, Content, DoesNotOpen, RecoveryKey, WrappingKey
from .e2e.kdf import derived
from .entering import begin, device_of
from .own_vault import fetch, publish
from .passwords import Passwords
from .problems import Problem, Status, complain


async def begin_anew(desk: Desk) -> None:
    """LOGIN, whether there is a session or not. Problem, ChatError, ConnectionFailed."""
    device_of(desk.profile)
    async with connect(desk.address, reconnect=False) as client:
        desk.profile = await begin(desk.drawer, client)


def shared_key(recovery: WrappingKey) -> WrappingKey:
    """What an account without a password has in its place to open the vault: made from the recovery
    key's wrapping key, so that further devices can be let in with the recovery key."""
    return WrappingKey("password", derived(recovery.raw, "devices"))


async def open_vault_with(desk: Desk, client: Client, typed: str) -> Content:
    """The vault, and the profile keeps what opens it. `typed`: the recovery key, or, of an account
    that has one, the password. Problem, E2eError, ChatError, ConnectionLost."""
    try:
        recovery = RecoveryKey.read(typed)
    except BadRecoveryKey as mistyped:
        key = (await credentials(desk, client, client.me, typed, temporary=True)).wrapping_key
        if key is None:
            raise mistyped from None
        content = await _fetched(desk, client, key)
    else:
        content = await _fetched(desk, client, recovery.wrapping_key)
        key = shared_key(recovery.wrapping_key)
        await _demand_shared(desk, client, key)
    if await publish(client, client.me, content.keys):
        complain(OTHERS_KEYS)
    desk.amend(vault_key=base64url.encode(key.raw), vault_version=content.version)
    return content


async def erase_enrolled(desk: Desk, passwords: Passwords) -> None:
    """ERASE, and remove the profile. Where the account has no password, the device's next token
    stands in for it. ChatError, ConnectionLost, Problem."""
    async with desk.login() as client:
        try:
            await client.call(Erase(device_of(desk.profile).token or ""))
        except ChatError as error:
            if error.code is not Code.DENIED:
                raise
            password = passwords.take("password of the account")
            proof = await credentials(desk, client, client.me, password)
            await client.call(Erase(proof.secret))
    desk.drawer.remove()


async def _fetched(desk: Desk, client: Client, key: WrappingKey) -> Content:
    content = await fetch(client, key, desk.vault_version(client.me))
    if content is None:
        raise Problem(Status.NOT_OPENED, f"{client.me} has no vault")
    return content


async def _demand_shared(desk: Desk, client: Client, key: WrappingKey) -> None:
    try:
        await _fetched(desk, client, key)
    except DoesNotOpen:
        sentence = "Other devices open this vault with a password; type that, not the recovery key"
        raise Problem(Status.NOT_OPENED, sentence) from None
