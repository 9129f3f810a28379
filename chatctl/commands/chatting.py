"""`chat`: the interactive screen."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..completion import complete_conversation
from ..desk import Desk
from ..locallog import keeping
from ..privacy import privacy
from ..problems import usage
from .arguments import NoLog

Start = Annotated[
    str | None,
    typer.Argument(
        metavar="[CONVERSATION]",
        help="'#room' or a user to talk to at first.",
        autocompletion=complete_conversation,
    ),
]


async def chat(desk: Desk, conversation: Start = None, no_log: NoLog = False) -> None:
    """Talk at an interactive screen."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise usage("chat needs a terminal; in scripts take send and listen")
    # The screen's library takes a while to load, and no other command needs it.
    from ..seat import Seat  # noqa: PLC0415

    def tell(said: str) -> None:
        # There is no seat yet; by the time there are news there is.
        seat.tell(said)

    async with (
        desk.login(reconnect=True) as client,
        keeping(desk, tell, wanted=not no_log) as keeper,
    ):
        secrets = await privacy(desk, client, tell)
        seat = Seat(client, secrets, desk.server, keeper)
        await seat.run(conversation)
