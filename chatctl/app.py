"""Which commands there are."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import typer

from .commands import accounts, benching, calling, chatting, listening, messages, rooms, sending
from .options import (
    CaBefore,
    JsonBefore,
    Options,
    PinBefore,
    ProfileBefore,
    ServerBefore,
    in_trio,
)
from .profile import DEFAULT_NAME

COMMANDS: dict[str, tuple[Callable[..., Coroutine[Any, Any, None]], ...]] = {
    "Talk": (
        chatting.chat,
        sending.send,
        listening.listen,
        messages.history,
        messages.unread,
        messages.seen,
    ),
    "Rooms": (
        rooms.join,
        rooms.leave,
        rooms.rooms,
        rooms.who,
        rooms.topic,
        rooms.invite,
        rooms.kick,
        rooms.ban,
        rooms.unban,
        rooms.role,
        rooms.set_,
        rooms.settings,
    ),
    "Account": (
        accounts.register,
        accounts.login,
        accounts.logout,
        accounts.whoami,
        accounts.token,
        accounts.passwd,
        accounts.sessions,
        accounts.forget,
        accounts.erase,
        rooms.block,
        rooms.unblock,
    ),
    "Server": (benching.bench, calling.call),
}
"""Every command under the heading that `--help` shows it below; `set_` is typed `set`."""

app = typer.Typer(name="chatctl", help="Talk to a chatd server.", pretty_exceptions_enable=False)


@app.callback()
def globally(
    context: typer.Context,
    server: ServerBefore = None,
    profile: ProfileBefore = DEFAULT_NAME,
    ca: CaBefore = None,
    pin: PinBefore = None,
    json: JsonBefore = False,
) -> None:
    """Talk to a chatd server."""
    context.obj = Options(server, profile, json, ca, pin)


for _heading, _commands in COMMANDS.items():
    for _command in _commands:
        _name = _command.__name__.rstrip("_")
        app.command(_name, rich_help_panel=_heading)(in_trio(_command))
