"""`enrol` and `devices`: coming in with a one-time ID, and which devices came in so."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from chatd.protocol.devices import DeviceItem, Devices, Unenrol

from ..asking import invitation as asked_for
from ..asking import read_line
from ..consent import agrees, consents
from ..credentials import demand_strong
from ..desk import Desk
from ..enrolling import (
    Invitation,
    finish,
    invite_again,
    prepare,
    prepare_successor,
    waiting,
)
from ..enrolling import enrol as enrolled
from ..entering import device_of
from ..output import clock, fields_of
from ..passwords import profile_passwords
from ..problems import usage
from ..session import plain_name
from .arguments import PasswordFile, PasswordStdin
from .secrets import recovery_fields, recovery_lines

Line = Annotated[
    str | None,
    typer.Argument(
        metavar="[LINE]", help="The enrolment line that you were given; asked for unless given."
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Do not ask before a device is enrolled anew in its profile.")
]
Remove = Annotated[
    str | None,
    typer.Option("--remove", metavar="DEVICE", help="End this device and all its sessions."),
]
_VAULT_ELSEWHERE = (
    " Your vault is closed here; open it with your recovery key or password: chatctl recover"
)


async def enrol(
    desk: Desk,
    line: Line = None,
    yes: Yes = False,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Make this profile a device of yours, with a one-time ID from somebody whom you have met.

    The profile is kept under a password that never leaves this machine, and that each command asks
    for, unless CHATCTL_PASSWORD_FILE names a file with it. If this is interrupted, `chatctl enrol`
    goes on. A device that was removed is enrolled anew, in the same profile, with another ID.
    """
    if not desk.drawer.is_locked:
        _demand_free(desk)
        invitation = read_line(line) if line else asked_for()
        passwords = profile_passwords(password_stdin, password_file)
        password = passwords.take(f"password for profile '{desk.profile_name}'", twice=True)
        await demand_strong(password, invitation.user)
        prepare(desk, invitation, password)
    else:
        desk.passwords = lambda: profile_passwords(password_stdin, password_file)
        _go_on(desk, line, yes)
    desk.go_home()
    made = await enrolled(desk)
    user, server = desk.profile.user, desk.server
    human = f"This is a device of {user} at {server} now."
    human += recovery_lines(made) if made else _VAULT_ELSEWHERE
    desk.out.show(human, {"user": user, "server": server, **recovery_fields(made)})
    finish(desk, made)


async def devices(desk: Desk, remove: Remove = None) -> None:
    """List your enrolled devices, or remove one that is lost."""
    async with desk.login() as client:
        items = await client.call(Devices())
        if remove is not None:
            await client.call(Unenrol(remove))
    if remove is None:
        desk.out.table([fields_of(item) for item in items], [_row(item) for item in items])
        return
    if any(item.this for item in items if item.device_id == remove):
        desk.drawer.remove()
    desk.done(Unenrol(remove), "Removed; its sessions have ended.")


def _row(item: DeviceItem) -> tuple[str, ...]:
    used = f"used {clock(item.last_used)}"
    since = f"since {clock(item.created)}"
    return item.device_id, since, used, item.address or "-", "this" if item.this else ""


def _demand_free(desk: Desk) -> None:
    if (user := desk.profile.user) is not None:
        raise usage(
            f"Profile '{desk.profile_name}' is {user}'s already; take another:"
            " chatctl --profile ANOTHER enrol"
        )


def _go_on(desk: Desk, line: str | None, yes: bool) -> None:
    """With a profile that is a device, or waits to be one. What is complete is done anew only with
    another one-time ID, for the same account, and if somebody says so."""
    pending = waiting(desk.profile)
    if device_of(desk.profile).token is None:
        _begin_again(desk, line)
    elif line is None and pending is not None:
        return
    else:
        invitation = read_line(line) if line else asked_for()
        if pending is not None and pending.once == invitation.once:
            return
        _demand_same_account(desk, invitation)
        if device_of(desk.profile).successor is None:
            _demand_consent(desk, yes)
        prepare_successor(desk, invitation.once)


def _begin_again(desk: Desk, line: str | None) -> None:
    """As was typed before, unless it is another line now; no server knows the device yet."""
    who = f"{desk.profile.user} at {desk.profile.server}"
    if line is not None:
        invite_again(desk, read_line(line))
    elif sys.stdin.isatty() and not agrees(f"Go on as {who}?", by_default=True):
        invite_again(desk, asked_for())


def _demand_same_account(desk: Desk, invitation: Invitation) -> None:
    """A profile stays at one account, and at one server by address and key."""
    profile, key = desk.profile, invitation.server_key
    same = profile.user == plain_name(invitation.user) and profile.server == invitation.server
    if not same or key not in (None, profile.trust.server_key):
        raise usage(
            f"Profile '{desk.profile_name}' is a device of {profile.user} at {profile.server}"
            " already, and the one-time ID is for another name, address or key; take another"
            " profile: chatctl --profile ANOTHER enrol"
        )


def _demand_consent(desk: Desk, yes: bool) -> None:
    already = f"Profile '{desk.profile_name}' is a device of {desk.profile.user} already"
    if not yes and not consents(f"{already}; another takes its place there"):
        raise typer.Abort
