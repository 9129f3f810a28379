"""Which commands there are."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import typer

from .commands import (
    accounts,
    benching,
    calling,
    chatting,
    codes,
    enrolment,
    keys,
    listening,
    local_log,
    messages,
    netcat,
    rooms,
    secrets,
    sending,
    services,
    vaulting,
)
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
        keys.verify,
        keys.trust,
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
        codes.activate,
        accounts.login,
        accounts.logout,
        enrolment.enrol,
        enrolment.devices,
        accounts.whoami,
        accounts.token,
        secrets.passwd,
        secrets.secure,
        codes.reset,
        secrets.recover,
        accounts.sessions,
        accounts.forget,
        accounts.erase,
        rooms.block,
        rooms.unblock,
        rooms.blocks,
    ),
    "Services": (services.services, services.call_service, services.serve),
    "Server": (benching.bench, calling.call, netcat.nc),
}
"""Every command under the heading that `--help` shows it below; `set_` is typed `set`."""

GROUPS: dict[str, tuple[str, tuple[Callable[..., Coroutine[Any, Any, None]], ...]]] = {
    "keys": ("Your keys: what others encrypt to, and what you sign with.",
             (keys.show, keys.rotate, keys.export)),
    "log": ("What you received, kept on this machine so that any change is noticed.",
            (local_log.show, local_log.verify, local_log.clear_)),
    "vault": ("Texts of your own, kept at the server, which cannot read them.",
              (vaulting.list_, vaulting.get, vaulting.set_, vaulting.edit, vaulting.remove,
               vaulting.export)),
}  # fmt: skip
"""Commands of two words, such as `keys show`, with what `--help` says of the first."""

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


def _add(to: typer.Typer, commands: Iterable[Callable[..., Any]], heading: str | None) -> None:
    for command in commands:
        name = command.__name__.rstrip("_").replace("_", "-")
        # A number below 0 is an argument of a service, no option.
        settings = {"ignore_unknown_options": command is services.call_service}
        to.command(name, rich_help_panel=heading, context_settings=settings)(in_trio(command))


for _heading, _commands in COMMANDS.items():
    _add(app, _commands, _heading)
for _name, (_help, _commands) in GROUPS.items():
    _group = typer.Typer(help=_help)
    _add(_group, _commands, None)
    app.add_typer(_group, name=_name, rich_help_panel="Account")
