"""Commands about rooms and the people in them."""

from __future__ import annotations

from typing import Annotated

import typer

from chatd.protocol.commands import (
    Ban,
    Block,
    Invite,
    Join,
    Kick,
    Leave,
    Role,
    Rooms,
    Set,
    Topic,
    Unban,
    Unblock,
    Who,
)
from chatd.protocol.declare import read_fields
from chatd.protocol.direct import Blocks
from chatd.protocol.errors import ChatError
from chatd.protocol.fields import RoleWord, escape
from chatd.protocol.sealed import Settings

from ..desk import Desk
from ..harmless import harmless
from ..output import fields_of
from ..problems import Problem, Status, usage
from ..session import plain_name
from .arguments import Member, Person, Room


async def join(desk: Desk, room: Room) -> None:
    """Become a member of a room; it is made if there is none."""
    async with desk.login() as client:
        joined = await client.call(Join(room))
    human = f"Joined {harmless(joined.room)}, members: {joined.members}."
    desk.out.show(human, fields_of(joined))


async def leave(desk: Desk, room: Room) -> None:
    """Give up membership of a room."""
    await desk.call(Leave(room), f"Left {room}.")


async def rooms(desk: Desk) -> None:
    """List the public rooms and your own."""
    async with desk.login() as client:
        items = await client.call(Rooms())
    rows = [
        (item.room, item.members, "joined" if item.joined else "", item.topic) for item in items
    ]
    desk.out.table([fields_of(item) for item in items], rows)


async def who(desk: Desk, room: Room) -> None:
    """List the members of a room."""
    async with desk.login() as client:
        items = await client.call(Who(room))
    rows = [(item.user, item.role, "online" if item.online else "offline") for item in items]
    desk.out.table([fields_of(item) for item in items], rows)


async def topic(
    desk: Desk,
    room: Room,
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="'' clears it.")
    ] = None,
) -> None:
    """Show the topic of a room, or set it."""
    if text:
        await desk.call(Topic(room, " ".join(text)), "The topic is set.")
        return
    async with desk.login() as client:
        found = [item for item in await client.call(Rooms()) if item.room == plain_name(room)]
    if not found:
        raise Problem(Status.REFUSED, f"There is no {room} among the rooms you may see; try: rooms")
    desk.out.show(harmless(found[0].topic), {"room": found[0].room, "text": found[0].topic})


async def invite(desk: Desk, room: Room, user: Person) -> None:
    """Permit a person to join a private room, and tell them."""
    await desk.call(Invite(room, user), f"Invited {user} to {room}.")


async def kick(
    desk: Desk,
    room: Room,
    user: Member,
    reason: Annotated[list[str] | None, typer.Argument(metavar="[REASON]...")] = None,
) -> None:
    """End a person's membership; they may join again."""
    await desk.call(Kick(room, user, " ".join(reason or [])), f"Kicked {user} from {room}.")


async def ban(desk: Desk, room: Room, user: Member) -> None:
    """End a person's membership, if any, and keep them out."""
    await desk.call(Ban(room, user), f"Banned {user} from {room}.")


async def unban(desk: Desk, room: Room, user: Person) -> None:
    """Let a banned person join again."""
    await desk.call(Unban(room, user), f"{user} may join {room} again.")


async def role(
    desk: Desk,
    room: Room,
    user: Member,
    role: Annotated[RoleWord, typer.Argument(metavar="ROLE", help="owner, moderator or member.")],
) -> None:
    """Make a member owner, moderator or plain member."""
    await desk.call(Role(room, user, role), f"{user} is now {role} of {room}.")


async def set_(
    desk: Desk,
    room: Room,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE...", help="private=yes|no, history=yes|no, level=0…9, e2e=yes|no."
        ),
    ],
) -> None:
    """Change a room's settings, all or none of those named."""
    if strange := [setting for setting in settings if "=" not in setting]:
        raise usage(f"'{strange[0]}' is no setting; write NAME=VALUE, such as private=yes")
    try:
        request = read_fields(Set, "|".join(map(escape, [room, *settings])))
    except ChatError as error:
        raise usage(error.sentence) from None
    await desk.call(request, f"{room}: {', '.join(settings)}")


async def settings(desk: Desk, room: Room) -> None:
    """List a room's settings."""
    async with desk.login() as client:
        items = await client.call(Settings(room))
    desk.out.table([fields_of(item) for item in items], [(item.name, item.value) for item in items])


async def block(desk: Desk, user: Person) -> None:
    """Refuse direct messages from a person."""
    await desk.call(Block(user), f"Direct messages from {user} are refused.")


async def unblock(desk: Desk, user: Person) -> None:
    """Take direct messages from a person again."""
    await desk.call(Unblock(user), f"Direct messages from {user} are taken again.")


async def blocks(desk: Desk) -> None:
    """List those whose direct messages are refused."""
    async with desk.login() as client:
        items = await client.call(Blocks())
    desk.out.table([fields_of(item) for item in items], [(item.user,) for item in items])
