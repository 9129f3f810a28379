"""`chat`: the interactive screen."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..completion import complete_conversation
from ..desk import Desk
from ..privacy import privacy
from ..problems import usage

Start = Annotated[
    str | None,
    typer.Argument(
        metavar="[CONVERSATION]",
        help="'#room' or a user to talk to at first.",
        autocompletion=complete_conversation,
    ),
]


async def chat(desk: Desk, conversation: Start = None) -> None:
    """Talk at an interactive screen."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise usage("chat needs a terminal; in scripts take send and listen")
    # The screen's library takes a while to load, and no other command needs it.
    from ..seat import Seat  # noqa: PLC0415

    async with desk.login(reconnect=True) as client:
        # There is no seat yet to tell of keys; by the time there are news there is.
        secrets = await privacy(desk, client, lambda said: seat.tell(said))  # noqa: PLW0108
        seat = Seat(client, secrets, desk.server)
        await seat.run(conversation)
