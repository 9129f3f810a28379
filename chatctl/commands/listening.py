"""`listen`: print what others write, as it comes."""

from __future__ import annotations

from typing import Annotated

import trio
import typer

from chatd.protocol.commands import History, Seen
from chatd.protocol.declare import Event
from chatd.protocol.devices import Alert
from chatd.protocol.events import IdentityChanged, Message, UnreadSince

from ..client import Client
from ..completion import complete_conversation
from ..desk import Desk
from ..happenings import Away, Back, Missed
from ..output import event_fields, wait_unread
from ..paging import between
from ..privacy import Privacy, privacy
from ..problems import complain
from ..session import plain_name
from ..telling import conversation_of, message, notice, read_fields

Conversations = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONVERSATION]...",
        help="Only these; unless given, all.",
        autocompletion=complete_conversation,
    ),
]
UnreadFirst = Annotated[
    bool,
    typer.Option("--unread", help="Begin with what is unread, and mark as read what is shown."),
]
AllEvents = Annotated[
    bool, typer.Option("--events", help="Also tell who comes and goes, topics and invitations.")
]


async def listen(
    desk: Desk,
    conversations: Conversations = None,
    unread: UnreadFirst = False,
    events: AllEvents = False,
) -> None:
    """Print messages as they come, each once and in order, also over reconnections."""
    async with desk.login(reconnect=True) as client, trio.open_nursery() as nursery:
        secrets = await privacy(desk, client)
        for conversation in conversations or ():
            await client.call(History(conversation, limit=1))  # refuses what is misspelt
        nursery.start_soon(_stop_when_unread, nursery.cancel_scope)
        await _Listener(desk, client, secrets, conversations or (), unread, events).run()


async def _stop_when_unread(scope: trio.CancelScope) -> None:
    await wait_unread()
    scope.cancel()


class _Listener:
    """Prints the events that were asked for."""

    def __init__(
        self,
        desk: Desk,
        client: Client,
        privacy: Privacy,
        only: list[str] | tuple[str, ...],
        unread: bool,
        all_: bool,
    ) -> None:
        self._desk = desk
        self._client = client
        self._privacy = privacy
        self._only = {plain_name(name) for name in only}
        self._unread = unread
        self._all = all_

    async def run(self) -> None:
        async for event in self._client.events():
            await self._take(event)

    async def _take(self, event: Event) -> None:
        match event:
            case IdentityChanged():
                await self._privacy.learn(event, self._client.user)
                self._event(event)
            case Alert():
                complain(notice(event) or "")
                self._desk.out.show("", event_fields(event))
            case Away() | Back() | Missed():
                complain(notice(event) or "")
            case _ if not self._wanted(event):
                pass
            case Message():
                await self._message(event)
            case UnreadSince() if self._unread:
                await self._backlog(event)
            case _:
                self._event(event)

    def _event(self, event: Event) -> None:
        if self._all:
            self._desk.out.show(notice(event) or "", event_fields(event))

    def _wanted(self, event: Event) -> bool:
        conversation = conversation_of(event)
        return not self._only or conversation is None or plain_name(conversation) in self._only

    async def _message(self, event: Message) -> None:
        await self._show(event)
        if self._unread:
            await self._client.call(Seen(event.conversation, event.seq))

    async def _show(self, event: Message) -> None:
        read = await self._privacy.opener.read(event)
        self._desk.out.show(message(read), {**event_fields(read.message), **read_fields(read)})

    async def _backlog(self, event: UnreadSince) -> None:
        """Show what was unread at login; what came later comes as messages."""
        async for found in between(
            self._client, event.conversation, event.first_seq, event.last_seq
        ):
            await self._show(found)
        await self._client.call(Seen(event.conversation, event.last_seq))
