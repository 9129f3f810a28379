"""Coming back without the password: with a code that the server sent, and the recovery key."""

from __future__ import annotations

from chatd.protocol.commands import Auth, Logout, Whoami
from chatd.protocol.gateway import Recover
from chatd.protocol.sealed import Vault

from .account import change_password, kept_profile, never_lost, of_this_device, trusted
from .client import Client
from .credentials import Credentials, credentials, fresh_credentials
from .desk import Desk, demand_same
from .e2e import RecoveryKey
from .own_vault import Made, fetch, fresh, publish, store
from .problems import Problem, Status, complain
from .profile import Profile

_SET = (
    "The new password is set, but the vault is not open yet; go on with the new password and the"
    " recovery key: chatctl recover {user}"
)
_CLOSED = (
    "Without the recovery key {user}'s vault stays closed: its keys, pins and texts, and what was"
    " written to its keys. If the key is lost for good, go on with new ones, which others must"
    " verify anew: chatctl recover {user} --new-vault"
)


async def recover_by_code(
    desk: Desk, client: Client, user: str, code: str, key: RecoveryKey | None, new: str, anew: bool
) -> tuple[str, Made]:
    """A new password by a code, and a session of it; the user's name and the vault, as `reopened`.
    The profile follows. ChatError, ConnectionLost, E2eError, NotVerified, Problem."""
    proof = await fresh_credentials(desk, client, user, new)
    await client.call(Recover(user, code, proof.secret, kdf=str(proof.kdf)))
    try:
        return await _entered(desk, client, user, proof, key, anew)
    except BaseException:
        complain(_SET.format(user=user))
        raise


async def recover_session(
    desk: Desk,
    client: Client,
    user: str,
    password: str,
    key: RecoveryKey | None,
    new: str,
    anew: bool,
) -> tuple[str, Made]:
    """The same with the password that the server takes now, in the place of a code."""
    proof = await credentials(desk, client, user, password, temporary=True)
    token = (await client.call(Auth(user, proof.secret))).token
    try:
        me = (await client.call(Whoami())).user
        demand_same(user, me)
        made = await reopened(desk, client, me, key, anew)
        kept = await change_password(desk, client, proof.secret, new, made)
        with never_lost(made):
            desk.keep(
                Profile(
                    desk.server,
                    me,
                    token,
                    **trusted(desk, client),
                    **of_this_device(desk, me),
                    **kept,
                )
            )
            if made.recovery is not None:
                await publish(client, me, made.content.keys)
    except BaseException:
        await client.call(Logout())
        raise
    return me, made


async def reopened(
    desk: Desk, client: Client, user: str, key: RecoveryKey | None, anew: bool
) -> Made:
    """The vault of who is logged in, opened with the recovery key; `anew`: another in its place.
    Nothing is stored. E2eError; Problem where it is there and stays closed."""
    version = (await client.call(Vault())).version
    if anew or (key is None and not version):
        made = fresh()
        made.content.version = version
        return made
    if key is None:
        raise Problem(Status.NOT_OPENED, _CLOSED.format(user=user))
    content = await fetch(client, key.wrapping_key, desk.vault_version(user))
    if content is None:
        raise Problem(Status.NOT_OPENED, f"{user} has no vault; log in to make one")
    return Made(content)


async def _entered(
    desk: Desk, client: Client, user: str, proof: Credentials, key: RecoveryKey | None, anew: bool
) -> tuple[str, Made]:
    assert proof.wrapping_key is not None
    token = (await client.call(Auth(user, proof.secret))).token
    try:
        me = (await client.call(Whoami())).user
        demand_same(user, me)
        made = await reopened(desk, client, me, key, anew)
        await store(client, made.content, proof.wrapping_key)
        with never_lost(made):
            desk.keep(kept_profile(desk, client, me, token, proof, made))
            await publish(client, me, made.content.keys)
    except BaseException:
        await client.call(Logout())
        raise
    return me, made
