"""Services: what others, or the server, do for you, and what you do for them."""

from __future__ import annotations

import shutil
from typing import Annotated

import trio
import typer

from chatd.protocol.services import Call, Serve, Services

from ..completion import complete_service
from ..desk import Desk
from ..ending import stop_when_told
from ..harmless import harmless_lines
from ..output import fields_of, provider_of
from ..problems import usage as wrong_usage
from ..serving import Job, Provider

JOBS_DEFAULT = 4
JOBS_MAX = 64

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="As `services` lists it.", autocompletion=complete_service),
]
Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="[ARGUMENT]...", help="As its usage says.")
]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="What it is called by.")]
Program = Annotated[
    list[str],
    typer.Argument(metavar="-- COMMAND...", help="A program; the arguments come behind it."),
]
Level = Annotated[
    int, typer.Option("--level", min=0, max=9, help="The lowest level that may call it.")
]
Usage = Annotated[str, typer.Option("--usage", metavar="TEXT", help="Its arguments, to others.")]
Description = Annotated[
    str, typer.Option("--description", metavar="TEXT", help="What it does, to others.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=JOBS_MAX, help="How many calls at a time.")]
ByStdin = Annotated[
    bool,
    typer.Option("--stdin", help="Give the arguments as lines of standard input instead."),
]


async def services(desk: Desk) -> None:
    """List the services that may be called, with the level that each needs."""
    async with desk.login() as client:
        items = await client.call(Services())
    rows = [
        (item.name, item.level, provider_of(item), item.usage, item.description) for item in items
    ]
    desk.out.table([fields_of(item) for item in items], rows)


async def call_service(desk: Desk, name: Name, arguments: Arguments = None) -> None:
    """Have a service do something, and print its result."""
    async with desk.login() as client:
        called = await client.call(Call(name, tuple(arguments or ())))
    desk.out.show("\n".join(harmless_lines(called.result)), fields_of(called))


async def serve(
    desk: Desk,
    name: NewName,
    command: Program,
    level: Level = 0,
    usage: Usage = "",
    description: Description = "",
    jobs: Jobs = JOBS_DEFAULT,
    stdin: ByStdin = False,
) -> None:
    """Provide a service: each call is answered with what a program writes, until Ctrl-C.

    The arguments come from strangers. They are put behind those of the program, with no shell
    between; end the command with -- if an option among them could do harm. The program finds
    CHATD_CALLER and CHATD_SERVICE in its environment. Does it not end with 0, the last line of
    its standard error goes to whoever called.
    """
    if shutil.which(command[0]) is None:
        raise wrong_usage(f"{command[0]}: there is no such program")
    offer = Serve(name, level, usage, description)
    async with desk.login(reconnect=True) as client, trio.open_nursery() as nursery:
        nursery.start_soon(stop_when_told, nursery.cancel_scope)
        await Provider(desk, client, offer, Job(command, stdin, jobs)).run()
