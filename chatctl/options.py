"""The global options, which every command takes before its name and after it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import trio
import typer

from .desk import Desk
from .profile import DEFAULT_NAME

_PANEL = "Global options"
_SERVER = "The server: HOST:PORT, chats://HOST:PORT (TLS), unix:PATH; unless given, the profile's."
_PROFILE = "Which profile: whose server and log-in."
_CA = "Over TLS, whose certificates are taken (PEM); else the system's."
_PIN = (
    "The one that is taken, whoever vouches for it: over TLS its certificate's fingerprint"
    " (sha256:…), else that of its key, as in *HELLO."
)
_JSON = "Print one JSON object a line."

ServerBefore = Annotated[
    str | None, typer.Option("--server", metavar="ADDRESS", envvar="CHATCTL_SERVER", help=_SERVER)
]
ProfileBefore = Annotated[
    str, typer.Option("--profile", metavar="NAME", envvar="CHATCTL_PROFILE", help=_PROFILE)
]
CaBefore = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", envvar="CHATCTL_CA", help=_CA)
]
PinBefore = Annotated[
    str | None, typer.Option("--pin", metavar="FINGERPRINT", envvar="CHATCTL_PIN", help=_PIN)
]
JsonBefore = Annotated[bool, typer.Option("--json", envvar="CHATCTL_JSON", help=_JSON)]

_AFTER: dict[str, Any] = {
    "global_server": Annotated[
        str | None,
        typer.Option("--server", metavar="ADDRESS", help=_SERVER, rich_help_panel=_PANEL),
    ],
    "global_profile": Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME", help=_PROFILE, rich_help_panel=_PANEL),
    ],
    "global_ca": Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help=_CA, rich_help_panel=_PANEL)
    ],
    "global_pin": Annotated[
        str | None, typer.Option("--pin", metavar="FINGERPRINT", help=_PIN, rich_help_panel=_PANEL)
    ],
    "global_json": Annotated[
        bool | None, typer.Option("--json", help=_JSON, rich_help_panel=_PANEL)
    ],
}


@dataclass(frozen=True, slots=True)
class Options:
    """The global options as they were given, or come from the environment."""

    server: str | None = None
    profile: str = DEFAULT_NAME
    json: bool = False
    ca: Path | None = None
    pin: str | None = None

    def overridden(
        self,
        server: str | None,
        profile: str | None,
        json: bool | None,
        ca: Path | None,
        pin: str | None,
    ) -> Options:
        """With those that stand after the command."""
        return Options(
            server or self.server,
            profile or self.profile,
            json or self.json,
            ca or self.ca,
            pin or self.pin,
        )

    def desk(self) -> Desk:
        """Where a command works."""
        return Desk(self.server, self.profile, self.json, self.ca, self.pin)


def in_trio(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """`command(desk, …)` as typer wants it: not async, and with the global options after it too."""

    @wraps(command)
    def run(
        context: typer.Context,
        global_server: str | None,
        global_profile: str | None,
        global_ca: Path | None,
        global_pin: str | None,
        global_json: bool | None,
        **given: Any,
    ) -> None:
        before: Options = context.obj
        options = before.overridden(
            global_server, global_profile, global_json, global_ca, global_pin
        )
        desk = options.desk()
        try:
            _demand_utf8(given.values())
            trio.run(partial(command, desk, **given))
        except BaseException as error:  # noqa: BLE001  whatever it is, no traceback
            problem = desk.problem(error)
            desk.out.refusal(problem)
            raise problem from None

    run.__signature__ = _signature(command)  # type: ignore[attr-defined]
    return run


def _demand_utf8(values: Iterable[object]) -> None:
    """No argument may hold bytes that are no text. Raises UnicodeEncodeError."""
    for value in values:
        for text in value if isinstance(value, list) else [value]:
            str(text).encode()


def _signature(command: Callable[..., object]) -> inspect.Signature:
    """That of `command`, without its desk, with a context and the global options."""
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    kind = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("context", kind, annotation=typer.Context)
    extra = [
        inspect.Parameter(name, kind, default=None, annotation=annotation)
        for name, annotation in _AFTER.items()
    ]
    return inspect.Signature([*(one.replace(kind=kind) for one in own), context, *extra])
