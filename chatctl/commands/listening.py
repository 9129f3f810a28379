"""`listen`: print what others write, as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import trio
import typer

from chatd.protocol.commands import History, Seen
from chatd.protocol.declare import Event
from chatd.protocol.devices import Alert
from chatd.protocol.events import IdentityChanged, MemberLeft, Message, UnreadSince

from ..client import Client
from ..completion import complete_conversation
from ..desk import Desk
from ..ending import stop_when_told
from ..happenings import Away, Back, Missed
from ..locallog import Keeper, keeping
from ..opener import Read
from ..output import event_fields, wait_unread
from ..paging import between
from ..privacy import Privacy, privacy
from ..problems import complain, usage
from ..session import plain_name
from ..telling import conversation_of, message, notice, read_fields
from .arguments import NoLog

if TYPE_CHECKING:
    from ..direct.reception import Reception

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

Direct = Annotated[
    bool,
    typer.Option("--direct", help="Also listen at a port of your own, for who sends directly."),
]
DirectPort = Annotated[
    int, typer.Option("--direct-port", min=0, max=65_535, help="Which; 0: any that is free.")
]
DirectAddress = Annotated[
    str | None,
    typer.Option(
        "--direct-address",
        metavar="HOST",
        help="At which of this machine's addresses; unless given, the one that the server sees.",
    ),
]


async def listen(
    desk: Desk,
    conversations: Conversations = None,
    unread: UnreadFirst = False,
    events: AllEvents = False,
    direct: Direct = False,
    direct_port: DirectPort = 0,
    direct_address: DirectAddress = None,
    no_log: NoLog = False,
) -> None:
    """Print messages as they come, each once and in order, also over reconnections.

    That you are put out of a room is told too: on standard error, or as an event in JSON.
    """
    if direct and no_log:
        raise usage("--direct needs the local log: what comes is acknowledged once it is there")
    if not direct and (direct_port or direct_address):
        raise usage("--direct-port and --direct-address go with --direct")
    async with (
        desk.login(reconnect=True) as client,
        keeping(desk, wanted=not no_log) as keeper,
        trio.open_nursery() as nursery,
    ):
        secrets = await privacy(desk, client)
        for conversation in conversations or ():
            await client.call(History(conversation, limit=1))  # refuses what is misspelt
        nursery.start_soon(stop_when_told, nursery.cancel_scope)
        nursery.start_soon(_stop_when_unread, nursery.cancel_scope)
        listener = _Listener(desk, client, secrets, keeper, conversations or (), unread, events)
        if direct:
            await listener.open_door(nursery, (direct_address, direct_port))
        await listener.run()


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
        keeper: Keeper,
        only: list[str] | tuple[str, ...],
        unread: bool,
        all_: bool,
    ) -> None:
        self._desk = desk
        self._client = client
        self._privacy = privacy
        self._keeper = keeper
        self._reception: Reception | None = None
        self._only = {plain_name(name) for name in only}
        self._unread = unread
        self._all = all_

    async def open_door(self, nursery: trio.Nursery, place: tuple[str | None, int]) -> None:
        """Take messages without the server too, and say where. Raises as `receive`."""
        # The channel's cryptography takes a while to load.
        from ..direct.reception import receive  # noqa: PLC0415

        self._reception = await receive(
            nursery,
            self._desk,
            self._client,
            self._privacy,
            self._keeper,
            place,
            self._wants,
            self._show_direct,
        )
        complain(f"Listening for direct messages at port {self._reception.port}")

    async def run(self) -> None:
        async for event in self._client.events():
            await self._take(event)

    async def _take(self, event: Event) -> None:
        match event:
            case IdentityChanged():
                await self._privacy.learn(event, self._client.user)
                self._event(event)
            case Alert():
                self._warn(event)
            case Away() | Back() | Missed():
                complain(notice(event) or "")
                if isinstance(event, Back) and self._reception is not None:
                    await self._reception.announce()
            case _ if not self._wanted(event):
                pass
            case Message():
                await self._message(event)
            case UnreadSince() if self._unread:
                await self._backlog(event)
            case _:
                self._event(event)

    def _warn(self, event: Event) -> None:
        """What a listener must know, whatever else was asked for."""
        complain(notice(event) or "")
        self._desk.out.show("", event_fields(event))

    def _event(self, event: Event) -> None:
        if self._all:
            self._desk.out.show(notice(event) or "", event_fields(event))
        elif isinstance(event, MemberLeft) and event.user == self._client.user:
            self._warn(event)

    def _wanted(self, event: Event) -> bool:
        conversation = conversation_of(event)
        return conversation is None or self._wants(conversation)

    def _wants(self, conversation: str) -> bool:
        return not self._only or plain_name(conversation) in self._only

    async def _message(self, event: Message) -> None:
        await self._show(event)
        if self._unread:
            await self._client.call(Seen(event.conversation, event.seq))

    async def _show(self, event: Message) -> None:
        read = await self._privacy.opener.read(event)
        if await self._keeper.note(read, self._client.me):
            self._desk.out.show(message(read), {**event_fields(read.message), **read_fields(read)})

    async def _show_direct(self, read: Read) -> None:
        """What came without the server, and so without a seq."""
        fields = {**event_fields(read.message), **read_fields(read), "direct": True}
        del fields["seq"]
        self._desk.out.show(message(read, "direct"), fields)

    async def _backlog(self, event: UnreadSince) -> None:
        """Show what was unread at login; what came later comes as messages."""
        async for found in between(
            self._client, event.conversation, event.first_seq, event.last_seq
        ):
            await self._show(found)
        await self._client.call(Seen(event.conversation, event.last_seq))
