"""`nc`: netcat, through TLS or the sealed channel where the line leaves this machine."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Annotated

import trio
import typer

from chatd.protocol.wire import write_event

from ..desk import Desk
from ..errors import ConnectionLost
from ..link import open_link
from ..output import Output
from ..problems import Problem, Status
from ..transport import Transport

READ_BYTES_MAX = 65_536

Place = Annotated[
    str | None, typer.Argument(metavar="[HOST:PORT]", help="Unless given, the profile's server.")
]


async def nc(desk: Desk, server: Place = None) -> None:
    """Type to the server as with netcat; nobody on the way can read along."""
    if server is not None:
        desk = desk.at(server)
    link = await open_link(desk.address)
    desk.learn_key(link.server_key)
    desk.out.write(write_event(link.hello).decode().removesuffix("\n"))
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_type, link.transport)
            await _show(desk.out, link.transport)
            nursery.cancel_scope.cancel()
    finally:
        await link.transport.aclose()


async def _show(out: Output, transport: Transport) -> None:
    """Until the server says goodbye."""
    last = ""
    try:
        while True:
            if lines := await transport.receive():
                out.write("\n".join(lines))
                last = lines[-1]
    except ConnectionLost as lost:
        if not last.startswith("*BYE|"):
            raise Problem(Status.UNREACHABLE, lost.sentence) from None


async def _type(transport: Transport) -> None:
    """Until standard input ends, which the server is told."""
    read = partial(os.read, sys.stdin.fileno(), READ_BYTES_MAX)
    while data := await trio.to_thread.run_sync(read, abandon_on_cancel=True):
        await transport.send(data)
    await transport.send_eof()
