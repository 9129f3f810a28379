"""Commands about messages that are there already: history, unread, seen."""

from __future__ import annotations

from typing import Annotated

import typer

from chatd.protocol.commands import History, Seen, Unread

from ..desk import Desk
from ..output import fields_of
from ..paging import listed, said
from ..privacy import privacy
from ..session import plain_name
from ..telling import dated, read_fields
from .arguments import Conversation

DEFAULT_LIMIT = 50

After = Annotated[
    int | None, typer.Option("--after", min=0, metavar="SEQ", help="Only what follows this one.")
]
Before = Annotated[
    int | None, typer.Option("--before", min=0, metavar="SEQ", help="Only what precedes this one.")
]
Limit = Annotated[int, typer.Option("--limit", min=0, help="How many at most.")]


async def history(
    desk: Desk,
    conversation: Conversation,
    after: After = None,
    before: Before = None,
    limit: Limit = DEFAULT_LIMIT,
) -> None:
    """List messages of a conversation, oldest first: the newest, or with --after what follows."""
    wanted = History(conversation, after=after, before=before, limit=limit)
    name = plain_name(conversation)
    async with desk.login() as client:
        opener = (await privacy(desk, client)).opener
        for item in await listed(client, wanted, limit):
            read = await opener.read(said(name, item))
            desk.out.show(dated(read), {**fields_of(read.message), **read_fields(read)})


async def unread(desk: Desk) -> None:
    """List the conversations in which others wrote what you have not seen."""
    async with desk.login() as client:
        items = await client.call(Unread())
    rows = [
        (item.conversation, item.count, f"from {item.first_seq} to {item.last_seq}")
        for item in items
    ]
    desk.out.table([fields_of(item) for item in items], rows)


async def seen(
    desk: Desk,
    conversation: Conversation,
    seq: Annotated[
        int | None, typer.Argument(min=0, metavar="[SEQ]", help="Unless given, the newest.")
    ] = None,
) -> None:
    """Say that you have read a conversation."""
    async with desk.login() as client:
        if seq is None:
            newest = await client.call(History(conversation, limit=1))
            seq = newest[-1].seq if newest else 0
        request = Seen(conversation, seq)
        await client.call(request)
    desk.done(request, f"Read up to {seq}.")
