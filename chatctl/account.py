"""Log-ins and changes of password, in which secret, vault and profile change together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chatd.protocol import base64url
from chatd.protocol.commands import Auth, Logout, Passwd, Whoami
from chatd.protocol.replies import WhoIAm
from chatd.protocol.sealed import Vault

from .client import Client
from .credentials import Credentials, credentials, fresh_credentials, server_name
from .desk import Desk, demand_same
from .e2e import seal_vault
from .own_vault import Made, fetch_or_make, publish
from .problems import complain
from .profile import Profile

OTHERS_KEYS = (
    "The server showed keys under your name that are not yours; yours are published again. What"
    " was written to you meanwhile, others may have read: tell those who write to you, and compare"
    " with: chatctl verify NAME"
)


async def begin_session(
    desk: Desk, client: Client, user: str, password: str
) -> tuple[WhoIAm, Made | None]:
    """Log in, open the vault (or make it, where an account with keys has none) and keep all that in
    the profile. None for an account whose secret is the password. Raises whatever goes wrong; then
    the session is ended again, because one whose token is not kept is of no use."""
    proof = await credentials(desk, client, user, password)
    token = (await client.call(Auth(user, proof.secret))).token
    try:
        me = await client.call(Whoami())
        demand_same(user, me.user)
        made = await opened(desk, client, me.user, proof)
        with never_lost(made):
            desk.keep(kept_profile(desk, client, me.user, token, proof, made))
    except BaseException:
        await client.call(Logout())
        raise
    return me, made


async def opened(desk: Desk, client: Client, user: str, proof: Credentials) -> Made | None:
    """The vault of who is logged in, with its keys published; None where the password is the
    secret. Raises ChatError, ConnectionLost, E2eError."""
    if proof.wrapping_key is None:
        return None
    made = await fetch_or_make(client, proof.wrapping_key, desk.vault_version(user))
    with never_lost(made):
        if await publish(client, user, made.content.keys) and made.recovery is None:
            complain(OTHERS_KEYS)
    return made


@contextmanager
def never_lost(made: Made | None) -> Iterator[None]:
    """Show a new recovery key also where what follows fails, for it cannot be shown again."""
    try:
        yield
    except BaseException:
        if made is not None and made.recovery is not None:
            complain(f"Write down your recovery key: {made.recovery.written()}")
        raise


async def has_vault(client: Client) -> bool:
    """Whether the account that is logged in has a vault, open or not. ChatError, ConnectionLost."""
    return (await client.call(Vault())).version > 0


async def change_password(
    desk: Desk, client: Client, old_secret: str, password: str, made: Made
) -> dict[str, Any]:
    """A new password, and the vault wrapped for it, in one request; all other sessions end.

    What the profile is to keep of it. Raises ChatError (CONFLICT where another device stored a
    vault meanwhile), ConnectionLost, E2eError, NotVerified.
    """
    fresh = await fresh_credentials(desk, client, client.me, password)
    assert fresh.wrapping_key is not None
    content = made.content
    blob = seal_vault(content, fresh.wrapping_key, content.version + 1)
    request = Passwd(
        old_secret, fresh.secret, kdf=str(fresh.kdf), version=content.version, vault=blob
    )
    await client.call(request)
    content.version += 1
    return _secrets(desk, client, fresh, made)


def kept_profile(
    desk: Desk, client: Client, user: str, token: str, proof: Credentials, made: Made | None
) -> Profile:
    """What the profile is to hold of a session that was opened just now."""
    who = trusted(desk, client) | of_this_device(desk, user)
    if made is None:
        # The server's name is known as before: others may use this profile again.
        known = None if desk.elsewhere else desk.profile.server_name
        return Profile(desk.server, user, token, **who, server_name=known)
    secrets = _secrets(desk, client, proof, made)
    return Profile(desk.server, user, token, **who, **secrets)


def trusted(desk: Desk, client: Client) -> dict[str, Any]:
    """What the profile keeps of who answered."""
    key = None if client.server_key is None else base64url.encode(client.server_key)
    trust = desk.trust
    return {"ca": trust.ca, "pin": client.pin or trust.pin, "server_key": key}


def of_this_device(desk: Desk, user: str) -> dict[str, Any]:
    """What stays where the same person logs in again."""
    held = desk.profile
    return {"direct_key": held.direct_key, "log_key": held.log_key} if desk.knows(user) else {}


def _secrets(desk: Desk, client: Client, proof: Credentials, made: Made) -> dict[str, Any]:
    """What the profile keeps of an account with keys."""
    assert proof.wrapping_key is not None
    return {
        "server_name": server_name(desk, client),
        "derived": True,
        "vault_key": base64url.encode(proof.wrapping_key.raw),
        "vault_version": made.content.version,
    }
