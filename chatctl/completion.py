"""What the shell completes: rooms and names, asked of the server; nothing where that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import typer

from chatd.protocol.commands import Rooms, Unread, Who
from chatd.protocol.services import Services

from .client import Client
from .options import Options
from .passwords import Passwords
from .problems import usage
from .profile import DEFAULT_NAME

PATIENCE_SECONDS = 1.0


def complete_room(context: typer.Context, incomplete: str) -> list[str]:
    """The rooms that one may see."""
    return _asked(context, incomplete, _rooms)


def complete_conversation(context: typer.Context, incomplete: str) -> list[str]:
    """The same, and conversations with something unread."""

    async def ask(client: Client) -> list[str]:
        unread = [item.conversation for item in await client.call(Unread())]
        return sorted({*await _rooms(client), *unread})

    return _asked(context, incomplete, ask)


def complete_member(context: typer.Context, incomplete: str) -> list[str]:
    """The members of the room that stands before."""
    room = context.params.get("room") or ""

    async def ask(client: Client) -> list[str]:
        return [item.user for item in await client.call(Who(room))]

    return _asked(context, incomplete, ask)


def complete_service(context: typer.Context, incomplete: str) -> list[str]:
    """The services that there are."""

    async def ask(client: Client) -> list[str]:
        return [item.name for item in await client.call(Services())]

    return _asked(context, incomplete, ask)


def _unasked() -> Passwords:
    """A key press must not ask for a password."""
    raise usage("The profile is locked")


async def _rooms(client: Client) -> list[str]:
    return [item.room for item in await client.call(Rooms())]


def _asked(
    context: typer.Context, incomplete: str, ask: Callable[[Client], Awaitable[list[str]]]
) -> list[str]:
    # While completing, no callback runs, so what was typed is taken from the parameters.
    before, after = context.find_root().params, context.params
    options = Options(
        before.get("server"),
        before.get("profile") or DEFAULT_NAME,
        ca=before.get("ca"),
        pin=before.get("pin"),
    ).overridden(
        after.get("global_server"),
        after.get("global_profile"),
        None,
        after.get("global_ca"),
        after.get("global_pin"),
    )

    desk = options.desk()
    desk.passwords = _unasked

    async def run() -> list[str]:
        with trio.move_on_after(PATIENCE_SECONDS):
            async with desk.login() as client:
                return await ask(client)
        return []

    try:
        found = trio.run(run)
    except Exception:  # noqa: BLE001  whatever it is, a key press must not print it
        return []
    return [name for name in found if name.startswith(incomplete)]
