"""Commands about one's own account and its sessions."""

from __future__ import annotations

from typing import Annotated

import typer

from chatd.protocol.commands import (
    Auth,
    Erase,
    Forget,
    Logout,
    Passwd,
    Register,
    Sessions,
    Whoami,
)

from ..desk import Desk
from ..output import clock, fields_of
from ..passwords import Passwords
from ..problems import Problem, Status, usage
from ..profile import Profile
from .arguments import PasswordFile, PasswordStdin

Name = Annotated[str, typer.Argument(metavar="USER", help="The name of the account.")]
OwnName = Annotated[
    str | None, typer.Argument(metavar="[USER]", help="The account; unless given, the profile's.")
]


async def register(
    desk: Desk,
    user: Name,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Make an account. It does not log in."""
    desk.demand_private()
    passwords = Passwords(password_stdin, password_file)
    request = Register(user, passwords.take("password", twice=True))
    async with desk.visit() as client:
        await client.call(request)
    desk.done(request, f"Registered {user}. Log in with: chatctl {desk.way}login {user}")


async def login(
    desk: Desk,
    user: OwnName = None,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Log in; the profile keeps the session's token."""
    if (name := user or desk.profile.user) is None:
        raise usage("Say who: chatctl login NAME")
    desk.demand_private()
    secret = Passwords(password_stdin, password_file).take("password")
    before, server, trust = desk.profile, desk.server, desk.trust
    async with desk.visit() as client:
        token = (await client.call(Auth(name, secret))).token
        me = await client.call(Whoami())
        try:
            desk.keep(Profile(server, me.user, token, trust.ca, trust.pin))
        except OSError:
            await client.call(Logout())  # a session whose token is not kept is of no use
            raise
    if before.server == server:
        await _end_session(before)
    desk.out.show(f"Logged in as {me.user} at {server}.", {**fields_of(me), "server": server})


async def logout(desk: Desk) -> None:
    """End this session, here and at the server."""
    desk.token()
    ended = await _end_session(desk.profile)
    desk.keep(desk.profile.logged_out())
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


async def passwd(
    desk: Desk, password_stdin: PasswordStdin = False, password_file: PasswordFile = None
) -> None:
    """Change the password; all other sessions end. Takes the old one, then the new one."""
    desk.token()
    desk.demand_private()
    passwords = Passwords(password_stdin, password_file)
    old = passwords.take("old password")
    request = Passwd(old, passwords.take("new password", twice=True))
    await desk.call(request, "Password changed; your other sessions have ended.")


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
    desk.token()
    desk.demand_private()
    if not (password_stdin or password_file) and not desk.out.as_json:
        desk.out.show(f"This deletes {desk.profile.user} at {desk.server} for good.", {})
    secret = Passwords(password_stdin, password_file).take("password")
    await desk.call(Erase(secret), "Erased.")
    desk.keep(Profile(desk.profile.server, ca=desk.profile.ca, pin=desk.profile.pin))


async def _end_session(profile: Profile) -> bool:
    """LOGOUT with the profile's token, if it has one; whether there was a session to end."""
    if profile.token is None or profile.server is None:
        return False
    kept = Desk(profile.server, "", as_json=False)
    kept.profile = profile
    try:
        async with kept.login() as client:
            await client.call(Logout())
    except Problem as problem:
        if problem.status is Status.LOGGED_OUT:
            return False
        raise
    return True
