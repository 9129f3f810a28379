"""`enrol` and `devices`: coming in with a one-time ID, and which devices came in so."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from chatd.protocol.devices import DeviceItem, Devices, Unenrol
from chatd.protocol.enrolment import EnrolmentLine, one_time_id, public_key

from ..address import PORT, Address, parse_address
from ..credentials import demand_strong
from ..desk import Desk
from ..enrolling import Invitation, finish, invite_again, prepare
from ..enrolling import enrol as enrolled
from ..errors import CannotConnect
from ..output import clock, fields_of
from ..passwords import profile_passwords, typed_line
from ..problems import usage
from .arguments import PasswordFile, PasswordStdin
from .secrets import recovery_fields, recovery_lines

Line = Annotated[
    str | None,
    typer.Argument(
        metavar="[LINE]", help="The enrolment line that you were given; asked for unless given."
    ),
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
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Make this profile a device of yours, with a one-time ID from somebody whom you have met.

    The profile is kept under a password that never leaves this machine, and that each command asks
    for, unless CHATCTL_PASSWORD_FILE names a file with it. If this is interrupted, type it again.
    """
    if not desk.drawer.is_locked:
        _demand_free(desk)
        invitation = _read(line) if line else _asked()
        passwords = profile_passwords(password_stdin, password_file)
        password = passwords.take(f"password for profile '{desk.profile_name}'", twice=True)
        await demand_strong(password, invitation.user)
        prepare(desk, invitation, password)
    else:
        desk.passwords = lambda: profile_passwords(password_stdin, password_file)
        _go_on(desk, line)
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


def _go_on(desk: Desk, line: str | None) -> None:
    """With a profile that was begun. Until a server knows it, the line may be another one."""
    device = desk.profile.device
    if device is None or device.pending is None:
        raise usage(
            f"Profile '{desk.profile_name}' is a device of {desk.profile.user} already; for another"
            " account: chatctl --profile ANOTHER enrol"
        )
    if device.token is None:
        invite_again(desk, _read(line) if line else _asked())


def _read(line: str) -> Invitation:
    try:
        return Invitation.of(EnrolmentLine.read(line))
    except ValueError as wrong:
        raise usage(f"That is no enrolment line: {wrong}") from None


def _asked() -> Invitation:
    """What a person types, in parts unless it is the line."""
    if line := _ask("Enrolment line (Enter to type its parts)"):
        return _read(line)
    host, port = _ask("Host"), _ask(f"Port ({PORT} unless given)") or str(PORT)
    user, key = _ask("Your name"), _ask("The server's key (Enter if you were given none)")
    once = _ask("One-time ID")
    try:
        server = str(parse_address(str(Address(host, int(port)))))
        known = public_key(key) if key else None
        return Invitation(server, user, one_time_id(once), known)
    except ValueError as wrong:
        raise usage(f"That cannot be: {wrong}") from None
    except CannotConnect as wrong:
        raise usage(wrong.sentence) from None


def _ask(what: str) -> str:
    """At the terminal, or the next line of standard input."""
    if sys.stdin.isatty():
        return input(f"{what}: ").strip()
    return typed_line().strip()
