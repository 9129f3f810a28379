"""Commands that change the password: passwd, secure, recover; and how a recovery key is shown."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chatd.protocol.commands import Passwd

from ..account import change_password, has_vault, opened
from ..client import Client
from ..credentials import credentials, demand_strong
from ..desk import Desk
from ..e2e import RecoveryKey
from ..enrolled import open_vault_with
from ..own_vault import Made, fresh, publish
from ..passwords import Passwords, profile_passwords
from ..problems import complain, usage
from ..recovery import recover_by_code, recover_session
from .arguments import OwnName, PasswordFile, PasswordStdin

ByCode = Annotated[
    bool, typer.Option("--code", help="With a code that the server sent, instead of a password.")
]
NewVault = Annotated[
    bool,
    typer.Option(
        "--new-vault",
        help="The recovery key is lost: go on with new keys, and lose what is in the vault.",
    ),
]
_CHANGED = "Password changed; your other sessions have ended."
_SECURED = "Secured: from now on the server cannot see your password, nor read what you encrypt."

NewRecoveryKey = Annotated[
    bool,
    typer.Option(
        "--new-recovery-key",
        help="Also make a new recovery key, for when somebody may have seen the vault or the key.",
    ),
]


async def passwd(
    desk: Desk,
    new_recovery_key: NewRecoveryKey = False,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Change the password; all other sessions end. Takes the old one, then the new one.

    Of an enrolled device this is the password that opens the profile, and no server is asked.
    """
    if desk.drawer.is_locked:
        await _relock(desk, new_recovery_key, password_stdin, password_file)
        return
    desk.token()
    passwords = Passwords(password_stdin, password_file)
    old, new = passwords.take("old password"), passwords.take("new password", twice=True)
    async with desk.login() as client:
        proof = await credentials(desk, client, client.me, old)
        made = await opened(desk, client, client.me, proof)
        if made is None:
            await client.call(Passwd(old, new))
        else:
            made = _renewed(made) if new_recovery_key else made
            desk.amend(**await change_password(desk, client, proof.secret, new, made))
    desk.out.show(_CHANGED + recovery_lines(made), recovery_fields(made))


async def _relock(desk: Desk, new_recovery_key: bool, *given: Any) -> None:
    if new_recovery_key:
        raise usage("This password only opens the profile, and has no recovery key")
    passwords = profile_passwords(*given)
    desk.passwords = lambda: passwords
    user = desk.profile.user or ""
    new = passwords.take("new password", twice=True)
    await demand_strong(new, user)
    desk.drawer.relock(new)
    desk.out.show("Password changed: the new one opens this profile.", {})


async def secure(
    desk: Desk, password_stdin: PasswordStdin = False, password_file: PasswordFile = None
) -> None:
    """Give an account made without chatctl keys and a vault; the server sees its password no more.

    Takes the password, then a new one, because the server has seen the old; an empty one keeps it.
    All other sessions end.
    """
    _demand_password(desk)
    desk.token()
    passwords = Passwords(password_stdin, password_file)
    old = passwords.take("password")
    new = passwords.take_or_none("new password (Enter keeps the old one)", twice=True) or old
    async with desk.login() as client:
        await _demand_plain(desk, client, old)
        made = fresh()
        desk.amend(**await change_password(desk, client, old, new, made))
        # Shown before anything else can fail, because it cannot be shown again.
        desk.out.show(_SECURED + recovery_lines(made), recovery_fields(made))
        await publish(client, client.me, made.content.keys)
    if new == old:
        complain("The server has seen this password before; a new one is safer: chatctl passwd")


async def recover(
    desk: Desk,
    user: OwnName = None,
    by_code: ByCode = False,
    new_vault: NewVault = False,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Open the vault with the recovery key after the password was lost, and set a new password.

    Takes the password that the server accepts now (who runs it can set one), or a code that it sent
    (see `reset`); then the recovery key, and the new password. Of an enrolled
    device: the password that opens the profile, and the recovery key, or the password of the
    account where it has one.
    """
    if desk.drawer.is_locked:
        await _open_at_device(desk, password_stdin, password_file)
        return
    if (name := user or desk.profile.user) is None:
        raise usage("Say who: chatctl recover NAME")
    passwords = Passwords(password_stdin, password_file)
    proof = passwords.take("code" if by_code else "password that the server accepts now")
    key = None if new_vault else _recovery_key(passwords, by_code)
    new = passwords.take("new password", twice=True)
    come_back = recover_by_code if by_code else recover_session
    async with desk.visit() as client:
        me, made = await come_back(desk, client, name, proof, key, new, new_vault)
    what = "keys, pins and history are back" if made.recovery is None else "you have new keys"
    human = f"Recovered: {what}, and you are logged in as {me}."
    desk.out.show(human + recovery_lines(made), {"user": me, **recovery_fields(made)})


def _recovery_key(passwords: Passwords, by_code: bool) -> RecoveryKey | None:
    """None where there is none yet, which only a code can get past."""
    if not by_code:
        return RecoveryKey.read(passwords.take("recovery key"))
    typed = passwords.take_or_none("recovery key (Enter where the account never had one)")
    return RecoveryKey.read(typed) if typed else None


async def _open_at_device(desk: Desk, *given: Any) -> None:
    passwords = profile_passwords(*given)
    desk.passwords = lambda: passwords
    desk.token()
    typed = passwords.take("recovery key, or password of the account")
    async with desk.login() as client:
        await open_vault_with(desk, client, typed)
        me = client.me
    desk.out.show("Opened: keys, pins and history are here now.", {"user": me})


def _demand_password(desk: Desk) -> None:
    if desk.drawer.is_locked:
        raise usage("This is an enrolled device, whose account needs no password")


async def _demand_plain(desk: Desk, client: Client, password: str) -> None:
    """Only an account whose secret is the password, and that has no vault, can be secured."""
    proof = await credentials(desk, client, client.me, password)
    if proof.wrapping_key is not None:
        raise usage("This account is secured already; to change its password: chatctl passwd")
    if await has_vault(client):
        raise usage("This account has a vault, which must not be lost; open it: chatctl recover")


def _renewed(made: Made) -> Made:
    recovery = RecoveryKey.fresh()
    made.content.renew_recovery(recovery)
    return Made(made.content, recovery)


def recovery_lines(made: Made | None) -> str:
    """For people, to follow what a command says; nothing where no recovery key is new."""
    if made is None or made.recovery is None:
        return ""
    return (
        "\nYour recovery key opens your vault when the password is lost. It is shown this once;"
        f" write it down:\n\n    {made.recovery.written()}\n"
    )


def recovery_fields(made: Made | None) -> dict[str, Any]:
    """The same for programs."""
    return (
        {} if made is None or made.recovery is None else {"recovery_key": made.recovery.written()}
    )
