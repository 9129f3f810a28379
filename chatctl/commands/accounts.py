"""Commands about one's own account and its sessions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chatd.protocol.commands import (
    Auth,
    Erase,
    Forget,
    Logout,
    Register,
    Sessions,
    Whoami,
)
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.replies import Registered

from ..account import begin_session, has_vault, opened
from ..client import Client, connect
from ..credentials import credentials, fresh_credentials
from ..desk import Desk, demand_same
from ..enrolled import begin_anew, erase_enrolled
from ..output import clock, fields_of
from ..passwords import Passwords, profile_passwords
from ..problems import complain, usage
from ..profile import Profile
from ..wording import as_argument
from .arguments import Account, OwnName, PasswordFile, PasswordStdin
from .secrets import recovery_fields, recovery_lines

ContactOption = Annotated[
    str | None,
    typer.Option(
        "--contact",
        metavar="CONTACT",
        help="Where codes may be sent: mailto:ann@example.org, or tel:+4930901820.",
    ),
]
_PENDING = (
    "Registered {user}. A code is on its way to you, and opens the account within a day:"
    " chatctl {way}activate {name} CODE"
)
_CONTACT_NEEDED = (
    "This server sends a code to open the account; say where to: --contact mailto:ann@example.org,"
    " or --contact tel:+4930901820"
)
_CLOSED = " Your vault is closed, because the password was set anew; open it: chatctl recover"
_NEW_VAULT = (
    "The server had no vault of yours, so one with new keys was made. If you never had one, as"
    " after an activation with a wrong password, all is well. If you had one, it is lost or"
    " withheld, and what was written to your old keys stays closed: tell who runs the server"
)
_OPEN = " The server knows this password, and can read what you write; end that: chatctl secure"


async def register(
    desk: Desk,
    user: Account,
    contact: ContactOption = None,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Make an account, its keys, and the vault that holds them. It does not log in.

    Where the server sends a code to the contact first, `activate` makes keys and vault.
    """
    password = Passwords(password_stdin, password_file).take("password", twice=True)
    async with desk.visit() as client:
        fresh = await fresh_credentials(desk, client, user, password)
        asked = Register(user, fresh.secret, kdf=str(fresh.kdf), contact=contact)
        if (await _registered(client, asked)).pending:
            human = _PENDING.format(user=user, way=desk.way, name=as_argument(user))
            desk.out.show(human, {"user": user, "pending": True})
            return
        await client.call(Auth(user, fresh.secret))
        me = await client.call(Whoami())
        demand_same(user, me.user)
        made = await opened(desk, client, me.user, fresh)
        # Shown before anything else can fail, because it cannot be shown again.
        human = f"Registered {user}. Log in with: chatctl {desk.way}login {as_argument(user)}"
        desk.out.show(human + recovery_lines(made), {"user": user, **recovery_fields(made)})
        await client.call(Logout())


async def _registered(client: Client, asked: Register) -> Registered:
    """Raises ChatError."""
    try:
        return await client.call(asked)
    except ChatError as error:
        if error.code is Code.BAD_FIELD and asked.contact is None:
            raise ChatError(error.code, _CONTACT_NEEDED) from None
        raise


async def login(
    desk: Desk,
    user: OwnName = None,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Log in; the profile keeps the session's token and what opens the vault.

    Of an enrolled device the password is the one that opens the profile.
    """
    if desk.drawer.is_locked:
        await _device_login(desk, user, password_stdin, password_file)
        return
    if (name := user or desk.profile.user) is None:
        raise usage("Say who: chatctl login NAME")
    password = Passwords(password_stdin, password_file).take("password")
    before = desk.profile
    async with desk.visit() as client:
        me, made = await begin_session(desk, client, name, password)
        hint = "" if made else _CLOSED if await has_vault(client) else _OPEN
    human = f"Logged in as {me.user} at {desk.server}.{hint}"
    fields = {**fields_of(me), "server": desk.server, **recovery_fields(made)}
    desk.out.show(human + recovery_lines(made), fields)
    if made is not None and made.recovery is not None:
        complain(_NEW_VAULT)
    if before.server == desk.profile.server:
        await _end_session(desk, before)


async def _device_login(desk: Desk, user: str | None, *given: Any) -> None:
    """Begin a session of an enrolled device, and end the one before."""
    desk.passwords = lambda: profile_passwords(*given)
    before = desk.profile
    if user is not None and not desk.knows(user):
        raise usage(
            f"Profile '{desk.profile_name}' is a device of {before.user} at {before.server}; for"
            " another account: --profile ANOTHER"
        )
    await begin_anew(desk)
    async with desk.login() as client:
        me = await client.call(Whoami())
    human = f"Logged in as {me.user} at {desk.server}."
    desk.out.show(human, {**fields_of(me), "server": desk.server})
    await _end_session(desk, before)


async def logout(desk: Desk) -> None:
    """End this session, here and at the server."""
    desk.token()
    ended = await _end_session(desk, desk.profile)
    desk.alter(Profile.logged_out)
    desk.done(Logout(), "Logged out." if ended else "Logged out; the session had ended already.")


async def whoami(desk: Desk) -> None:
    """Tell who is logged in."""
    async with desk.login() as client:
        me = await client.call(Whoami())
    line = f"{me.user} at {desk.server}, session {me.session_id}, level {me.level}"
    desk.out.show(line, {**fields_of(me), "server": desk.server})


async def token(desk: Desk) -> None:
    """Print this session's token: RESUME|TOKEN logs a netcat in. Whoever has it is you."""
    async with desk.login():
        held = desk.token()
    desk.out.show(held, {"token": held})


async def sessions(desk: Desk) -> None:
    """List your sessions."""
    async with desk.login() as client:
        items = await client.call(Sessions())
    rows = [
        (
            item.session_id,
            f"since {clock(item.created)}",
            f"used {clock(item.last_used)}",
            item.address or "-",
            "this" if item.this else "",
        )
        for item in items
    ]
    desk.out.table([fields_of(item) for item in items], rows)


async def forget(
    desk: Desk,
    session_id: Annotated[str, typer.Argument(metavar="SESSION", help="As `sessions` shows it.")],
) -> None:
    """End one of your sessions."""
    await desk.call(Forget(session_id), "The session has ended.")


async def erase(
    desk: Desk, password_stdin: PasswordStdin = False, password_file: PasswordFile = None
) -> None:
    """Delete your account for good. What you wrote stays with the others, from ~erased."""
    source = profile_passwords if desk.drawer.is_locked else Passwords
    passwords = source(password_stdin, password_file)
    desk.passwords = lambda: passwords
    desk.token()
    if not (password_stdin or password_file) and not desk.out.as_json:
        desk.out.show(f"This deletes {desk.profile.user} at {desk.server} for good.", {})
    if desk.profile.device is not None:
        await erase_enrolled(desk, passwords)
        desk.done(Erase(""), "Erased.")
        return
    password = passwords.take("password")
    async with desk.login() as client:
        proof = await credentials(desk, client, client.me, password)
        request = Erase(proof.secret)
        await client.call(request)
    desk.done(request, "Erased.")
    desk.keep(desk.profile.erased())


async def _end_session(desk: Desk, profile: Profile) -> bool:
    """LOGOUT with the profile's token, if it has one, at the server that this command trusts;
    whether there was a session to end."""
    if profile.token is None:
        return False
    try:
        async with connect(desk.address, profile.token, reconnect=False) as client:
            await client.call(Logout())
    except ChatError as error:
        if error.code is Code.DENIED:
            return False
        raise
    return True
