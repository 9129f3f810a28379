"""The global options, which every command takes before its name and after it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Annotated, Any

import trio
import typer

from .desk import Desk
from .profile import DEFAULT_NAME

_PANEL = "Global options"
_SERVER = "The server: HOST:PORT, HOST, or unix:PATH; unless given, the profile's."
_PROFILE = "Which profile: whose server and log-in."
_JSON = "Print one JSON object a line."

ServerBefore = Annotated[
    str | None, typer.Option("--server", metavar="ADDRESS", envvar="CHATCTL_SERVER", help=_SERVER)
]
ProfileBefore = Annotated[
    str, typer.Option("--profile", metavar="NAME", envvar="CHATCTL_PROFILE", help=_PROFILE)
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

    def overridden(self, server: str | None, profile: str | None, json: bool | None) -> Options:
        """With those that stand after the command."""
        return Options(server or self.server, profile or self.profile, json or self.json)


def in_trio(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """`command(desk, …)` as typer wants it: not async, and with the global options after it too."""

    @wraps(command)
    def run(
        context: typer.Context,
        global_server: str | None,
        global_profile: str | None,
        global_json: bool | None,
        **given: Any,
    ) -> None:
        before: Options = context.obj
        options = before.overridden(global_server, global_profile, global_json)
        desk = Desk(options.server, options.profile, options.json)
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
