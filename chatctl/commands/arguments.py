"""Arguments and options that several commands share, as typer declares them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..completion import complete_conversation, complete_member, complete_room


def _named(user: str) -> str:
    if not user.strip():
        raise typer.BadParameter("the name is empty")
    return user


Room = Annotated[
    str,
    typer.Argument(metavar="#ROOM", help="In quotes: '#ops'.", autocompletion=complete_room),
]
Person = Annotated[str, typer.Argument(metavar="USER", help="A user's name.")]
Member = Annotated[
    str, typer.Argument(metavar="USER", help="A user's name.", autocompletion=complete_member)
]
Conversation = Annotated[
    str,
    typer.Argument(
        metavar="CONVERSATION", help="'#room' or a user.", autocompletion=complete_conversation
    ),
]
Account = Annotated[
    str, typer.Argument(metavar="USER", help="The name of the account.", callback=_named)
]
OwnName = Annotated[
    str | None, typer.Argument(metavar="[USER]", help="The account; unless given, the profile's.")
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read passwords from standard input, a line each.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help="Read passwords from a file, a line each."
    ),
]
NoLog = Annotated[
    bool, typer.Option("--no-log", help="Keep nothing of what comes in the local log.")
]
