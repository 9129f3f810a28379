"""The commands for people: who is invited, at which level they are, and who lost their password.
They work whether the server runs or not."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from chatd.chat import admin as orders
from chatd.chat.admin import Invited, Invites, Levelled, NewPassword

from . import folder
from .admin import give
from .flags import Config, Data, UserName, settings_of
from .inviting import InviteError, milliseconds, place, show

people = typer.Typer()

DEFAULT_EXPIRES = "7d"

Level = Annotated[int | None, typer.Option(min=0, max=orders.LEVEL_MAX, help="The level.")]
Host = Annotated[str | None, typer.Option(metavar="HOST", help="Where others find this server.")]
Port = Annotated[int | None, typer.Option(metavar="PORT", min=1, max=65_535, help="And its port.")]


@people.command()
def invite(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    level: Level = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long it is good: 30m, 12h; 7d unless given."),
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the invitation back.")] = False,
    no_qr: Annotated[bool, typer.Option("--no-qr", help="Show no QR code.")] = False,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Let somebody in whom you have met: print a one-time ID, for a new account or for one more
    device of one."""
    settings = settings_of(config, data)
    if revoke:
        if no_qr or any(one is not None for one in (level, expires, host, port)):
            raise InviteError("--revoke takes an invitation back, and goes with no other option")
        give(settings, orders.Revoke(name))
        typer.echo(f"The invitation of {name} is taken back.")
        return
    expires_ms = milliseconds(expires or DEFAULT_EXPIRES)
    # Found before anything is stored: a new ID that cannot be shown would replace a good one.
    where = place(settings, give(settings, orders.ListInvites()).doors, host, port)
    outcome = give(settings, orders.Invite(name, level, expires_ms)).outcome
    assert isinstance(outcome, Invited)
    show(outcome, where, folder.found(settings).key, sys.stdout, not no_qr)
    if outcome.replaced:
        typer.echo("The invitation of before is good for nothing any more.", err=True)
    if where.hint:
        typer.echo(f"Mind: {where.hint}; name another with --host.", err=True)


@people.command()
def invites(data: Data = None, config: Config = None) -> None:
    """List the one-time IDs that are open: name, level, until when.

    One that was used stays until its device has logged in, and is gone then.
    """
    outcome = give(settings_of(config, data), orders.ListInvites()).outcome
    assert isinstance(outcome, Invites)
    for item in outcome.items:
        level = "one more device" if item.level is None else f"level {item.level}"
        used = "used, not logged in yet" if item.used else "not used yet"
        typer.echo(f"{item.name}  {level}  until {item.expires}  {used}")
    if not outcome.items:
        typer.echo("Nobody is invited.", err=True)


@people.command()
def user(
    name: UserName,
    level: Annotated[int, typer.Option(min=0, max=orders.LEVEL_MAX, help="The level.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Set the level of an account; it leaves the rooms that are above it now."""
    outcome = give(settings_of(config, data), orders.SetLevel(name, level)).outcome
    assert isinstance(outcome, Levelled)
    typer.echo(f"{outcome.name} is at level {level} now, and was at {outcome.before}.")
    for room in outcome.left:
        typer.echo(f"{outcome.name} has left {room}.")


@people.command()
def passwd(name: UserName, data: Data = None, config: Config = None) -> None:
    """Set a new password for a user who lost theirs, and print it."""
    outcome = give(settings_of(config, data), orders.ResetPassword(name)).outcome
    assert isinstance(outcome, NewPassword)
    typer.echo(outcome.password)
    typer.echo(f"That is {name}'s password now, and all sessions are ended. Who has a", err=True)
    typer.echo("vault opens it with the recovery key, and sets another password:", err=True)
    typer.echo(f"  chatctl recover {name}", err=True)
    typer.echo("Devices stay enrolled.", err=True)
