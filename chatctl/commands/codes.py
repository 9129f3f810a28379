"""Commands for codes that the server sends by mail or text message: activate, reset."""

from __future__ import annotations

from typing import Annotated

import typer

from chatd.protocol.commands import Auth, Logout, Whoami
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.gateway import Activate, Reset

from ..account import opened
from ..client import Client
from ..credentials import credentials
from ..desk import Desk, demand_same
from ..own_vault import Made
from ..passwords import Passwords
from ..problems import Problem, Status
from ..wording import as_argument
from .arguments import Account, PasswordFile, PasswordStdin
from .secrets import recovery_fields, recovery_lines

TypedCode = Annotated[
    str | None,
    typer.Argument(metavar="[CODE]", help="As it was sent; unless given, it is asked for."),
]
_SENT = (
    "If {user} has a contact at {server}, a code is on its way there. Set a new password with it:"
    " chatctl {way}recover --code {name}; where the account still waits for its first code:"
    " chatctl {way}activate {name}"
)


async def activate(
    desk: Desk,
    user: Account,
    code: TypedCode = None,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Open the account that waits for a code; makes its keys, and the vault that holds them.

    Takes the password that you registered with, then the code, unless it was given.
    """
    passwords = Passwords(password_stdin, password_file)
    password = passwords.take("password")
    code = code or passwords.take("code")
    async with desk.visit() as client:
        await client.call(Activate(user, code))
        made = await _first_vault(desk, client, user, password)
        # Shown before anything else can fail, because it cannot be shown again.
        human = f"Activated {user}. Log in with: chatctl {desk.way}login {as_argument(user)}"
        desk.out.show(human + recovery_lines(made), {"user": user, **recovery_fields(made)})
        await client.call(Logout())


async def reset(desk: Desk, user: Account) -> None:
    """Have a code sent to an account's contact, to set a new password with."""
    async with desk.visit() as client:
        await client.call(Reset(user))
    name = as_argument(user)
    desk.done(Reset(user), _SENT.format(user=user, server=desk.server, way=desk.way, name=name))


async def _first_vault(desk: Desk, client: Client, user: str, password: str) -> Made | None:
    """That of an account which was opened just now; None where the password is the secret."""
    proof = await credentials(desk, client, user, password)
    try:
        await client.call(Auth(user, proof.secret))
    except ChatError as error:
        if error.code is not Code.DENIED:
            raise
        sentence = (
            f"The account is open, but this is not its password, so it has no keys yet; log in with"
            f" the one that you registered with, which makes them: chatctl {desk.way}login"
            f" {as_argument(user)}"
        )
        raise Problem(Status.REFUSED, sentence, error.code) from None
    demand_same(user, (await client.call(Whoami())).user)
    return await opened(desk, client, user, proof)
