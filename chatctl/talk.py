"""What the chat screen knows: the conversation one is in, what is unread, who is there."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from chatd.protocol.commands import History, Rooms, Seen, Who
from chatd.protocol.declare import Event
from chatd.protocol.devices import Alert
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import (
    Invited,
    MemberJoined,
    MemberLeft,
    Message,
    TopicSet,
    UnreadSince,
)

from .client import Client
from .e2e import NOT_ENCRYPTED, fresh_id
from .happenings import Away, Back, Missed
from .harmless import harmless, sendable
from .locallog import Keeper
from .opener import Read
from .paging import said
from .privacy import Privacy
from .screen import Screen
from .session import plain_name
from .telling import conversation_of, notice, spoken
from .wording import on_screen

BACKLOG = 20
BACKLOG_MAX = 500
"""How many earlier messages are shown on entering: some, and what is unread, but not all of it."""


class Talk:
    """One person at a screen."""

    def __init__(self, client: Client, privacy: Privacy, screen: Screen, keeper: Keeper) -> None:
        self.here: str | None = None
        """The conversation that one is in."""
        self.unread: dict[str, int] = {}
        self.topics: dict[str, str] = {}
        """The rooms that one knows of, and their topics."""
        self.show = screen.show
        self._people: set[str] = set()
        self._client = client
        self._privacy = privacy
        self._screen = screen
        self._keeper = keeper
        self._held: list[Message] | None = None  # what comes while earlier messages are fetched
        self._seen: dict[str, int] = {}
        self._to_see = trio.Event()

    def names(self) -> Iterable[str]:
        """All rooms and people one knows of, sorted."""
        return sorted({*tuple(self.topics), *tuple(self._people), *tuple(self.unread)})

    async def start(self, conversation: str | None) -> None:
        """Enter `conversation`, or say where one could. Raises ChatError, ConnectionLost."""
        if conversation is not None:
            # What comes before the backlog is fetched is shown after it.
            self.here, self._held = plain_name(conversation), []
        self.show("* /help shows what can be typed, Tab completes, Ctrl-D leaves.")
        rooms = await self._client.call(Rooms())
        self.topics.update({room.room: room.topic for room in rooms})
        if self.here is not None:
            await self.enter(self.here)
            return
        mine = ", ".join(harmless(room.room) for room in rooms if room.joined)
        self.show(f"* You are in {mine or 'no room yet'}; /switch or /join to talk.")

    async def follow(self) -> None:
        """Take events. Raises what the connection ends with."""
        async for event in self._client.events():
            await self._take(event)
            self._screen.refresh()
            await self._screen.room()

    async def _take(self, event: Event) -> None:
        self._learn(event)
        await self._privacy.learn(event, self._client.user)
        match event:
            case Message():
                await self._message(event)
            case UnreadSince(conversation, count):
                self._count(conversation, count)
            case Alert():
                self.show(f"!!! {notice(event)} !!!")
            case _ if self._concerns(event) and (said := notice(event)):
                self.show(f"* {said}")

    def _learn(self, event: Event) -> None:
        match event:
            case Message(sender=user) | MemberJoined(user=user):
                self._people.add(user)
            case Invited(room):
                self.topics.setdefault(room, "")
            case TopicSet(room, _, text):
                self.topics[room] = text
            case MemberLeft(room) if self._is_own(event) and room == self.here:
                self.here = None

    def _concerns(self, event: Event) -> bool:
        """Whether an event that is no message is worth a line here."""
        told = isinstance(event, Away | Back | Missed | Invited) or self._is_own(event)
        return told or conversation_of(event) == self.here

    def _is_own(self, event: Event) -> bool:
        """Whether one's own membership changed, by another or from another session."""
        return isinstance(event, MemberJoined | MemberLeft) and event.user == self._client.user

    def _count(self, conversation: str, more: int) -> None:
        if conversation == self.here or not more:
            return
        before = self.unread.get(conversation, 0)
        self.unread[conversation] = before + more
        if not before:
            self.show(f"* Unread in {harmless(conversation)}; /switch there")

    async def _message(self, message: Message) -> None:
        if message.conversation != self.here:
            own = message.sender == self._client.user
            self._count(message.conversation, 0 if own else 1)
        elif self._held is not None:
            self._held.append(message)
        else:
            await self._show_message(message)

    async def _show_message(self, message: Message) -> None:
        read = await self._privacy.opener.read(message)
        await self._keeper.note(read, self._client.me)
        self.show(spoken(read))
        self._seen[message.conversation] = message.seq
        self._to_see.set()

    async def mark_seen(self) -> None:
        """Tell the server what was shown; what is shown meanwhile is told at once afterwards."""
        while True:
            await self._to_see.wait()
            self._to_see = trio.Event()
            while self._seen:
                await self._tell_seen(*self._seen.popitem())

    async def _tell_seen(self, conversation: str, seq: int) -> None:
        try:
            await self._client.call(Seen(conversation, seq))
        except ChatError as error:
            # One may have been removed from the room since.
            self.show(f"! {harmless(on_screen(error))}")

    async def say(self, target: str | None, text: str, *, plain: bool = False) -> None:
        """Post a message, and show it once the server has it; `plain`: as `Sealer` has it."""
        if target is None:
            raise ChatError(Code.BAD_FIELD, "Nobody would hear it: /join #room, or /switch user.")
        text, message_id = sendable(text), fresh_id()
        sealed = await self._privacy.sealer.sealed(target, text, message_id, plain=plain)
        posted = await self._client.send_once(target, sealed, message_id)
        me = self._client.me
        message = Message(target, posted.seq, posted.time, me, text)
        where = "" if target == self.here else f" to {target}"
        self.show(spoken(Read(message, [NOT_ENCRYPTED] if sealed == text else []), where))

    async def enter(self, target: str) -> None:
        """Go to a conversation and show what was last said there. Raises as `say`."""
        before, self.here, self._held = self.here, target, self._held or []
        shown_to = 0
        try:
            shown_to = await self._open(target)
        except BaseException:
            self.here = before
            raise
        finally:
            held, self._held = self._held, None
            for message in held:
                if message.seq > shown_to:
                    await self._message(message)
        await self._meet(target)

    async def _open(self, target: str) -> int:
        limit = min(max(self.unread.get(target, 0), BACKLOG), BACKLOG_MAX)
        earlier = await self._earlier(target, limit)
        if target.startswith("#") and target not in self.topics:
            self.topics.update({room.room: room.topic for room in await self._client.call(Rooms())})
        self.show(harmless(f"* {target} {self.topics.get(target, '')}").rstrip())
        for message in earlier:
            await self._show_message(message)
        self.unread.pop(target, None)
        return earlier[-1].seq if earlier else 0

    async def recall(self, count: int) -> None:
        """Show the last `count` messages of this conversation. Raises as `say`."""
        if self.here is not None:
            for message in await self._earlier(self.here, count):
                self.show(spoken(await self._privacy.opener.read(message)))

    async def _earlier(self, target: str, limit: int) -> list[Message]:
        items = await self._client.call(History(target, limit=limit))
        return [said(target, item) for item in items]

    async def _meet(self, target: str) -> None:
        """Learn who is there, for completion."""
        if target.startswith("#"):
            self._people.update([member.user for member in await self._client.call(Who(target))])
        else:
            self._people.add(target)
