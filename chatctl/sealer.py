"""What leaves: sealed for whom it is meant, and never readable unless a person said so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import trio

from chatd.protocol.commands import Who
from chatd.protocol.sealed import Settings

from .client import Client
from .e2e import READERS_MAX, Claims, Identity, conversation, seal_message
from .errors import NotVerified
from .people import FRESH_SECONDS, People
from .problems import not_encrypted, usage
from .session import plain_name

_READERS_INLINE_MAX = 4
"""Sealing takes about 0.1 ms for each reader; for more than these it goes to a thread."""
_PLAIN = "or let the server read it: --plain (in chat: /plain TEXT)"


class Sealer:
    """Makes of a text the line to send. `people` is None for who has no keys; `tell` takes what a
    person should know."""

    def __init__(self, client: Client, people: People | None, tell: Callable[[str], None]) -> None:
        self._client = client
        self._people = people
        self._tell = tell
        self._rooms: dict[str, tuple[float, bool, list[str]]] = {}
        self._left_out: set[tuple[str, str]] = set()

    async def sealed(self, target: str, text: str, message_id: str, *, plain: bool = False) -> str:
        """The text for MSG or SEND; `message_id` goes inside. `plain`: a person said that the
        server may read it. Raises Problem, ChatError, ConnectionLost, E2eError, NotVerified."""
        target = plain_name(target)
        if not target.startswith("#"):
            return text if plain else await self._to_person(target, text, message_id)
        encrypted, members = await self._room(target)
        if encrypted:
            return await self._to_room(target, members, text, message_id, plain=plain)
        if not plain:
            await self._demand_open(target)
        return text

    def forget(self, room: str) -> None:
        """Ask anew who is there: somebody came or went."""
        self._rooms.pop(room, None)

    async def _to_person(self, user: str, text: str, message_id: str) -> str:
        if self._people is None:
            raise not_encrypted(
                "You have no keys yet, so this cannot be encrypted; make them: chatctl secure,"
                f" {_PLAIN}"
            )
        readers = [] if user == self._client.user else await self._people.readers([user])
        if not readers and user != self._client.user:
            raise not_encrypted(
                f"{user} has no keys, so this cannot be encrypted; wait until {user} has, {_PLAIN}"
            )
        return await self._seal(self._people, user, text, message_id, readers)

    async def _to_room(
        self,
        room: str,
        members: list[str],
        text: str,
        message_id: str,
        *,
        plain: bool,
    ) -> str:
        if plain:
            raise usage(f"{room} takes nothing that is not encrypted; leave out --plain")
        if self._people is None:
            raise not_encrypted(f"{room} is encrypted, and you have no keys yet: chatctl secure")
        await self._people.remember_e2e(room)
        _demand_possible(room, len(members) + 1)
        readers = await self._people.readers(members)
        self._tell_left_out(room, {*members} - {reader.user for reader in readers})
        return await self._seal(self._people, room, text, message_id, readers)

    async def _seal(
        self,
        people: People,
        target: str,
        text: str,
        message_id: str,
        readers: list[Identity],
    ) -> str:
        me = self._client.me
        claims = Claims(me, conversation(me, target), message_id, datetime.now(UTC))
        keys = people.vault.content.keys
        if len(readers) <= _READERS_INLINE_MAX:
            return seal_message(text, claims, keys, readers)
        return await trio.to_thread.run_sync(seal_message, text, claims, keys, readers)

    async def _room(self, room: str) -> tuple[bool, list[str]]:
        """Whether it is encrypted, and if so its other members."""
        now = trio.current_time()
        if room in self._rooms and now - self._rooms[room][0] < FRESH_SECONDS:
            return self._rooms[room][1:]
        encrypted = await is_encrypted(self._client, room)
        members = await self._client.call(Who(room)) if encrypted else []
        others = [member.user for member in members if member.user != self._client.user]
        self._rooms[room] = (now, encrypted, others)
        return encrypted, others

    async def _demand_open(self, room: str) -> None:
        """A room that is not encrypted must never have been, or a person says that it may be."""
        if self._people is None or not self._people.vault.content.is_e2e(room):
            return
        await self._people.vault.refresh()  # perhaps a person said so at another device
        if self._people.vault.content.is_e2e(room):
            raise NotVerified(
                f"{room} was encrypted, and the server says that it is not any more; nothing was"
                f" sent. If its owner says so too: chatctl trust '{room}'"
            )

    def _tell_left_out(self, room: str, users: set[str]) -> None:
        """Once for each."""
        news = sorted(user for user in users if (room, user) not in self._left_out)
        self._left_out.update((room, user) for user in news)
        for user in news:
            self._tell(f"{user} has no keys, and will not be able to read this")


async def is_encrypted(client: Client, room: str) -> bool:
    """What the server says of a room. Raises ChatError, ConnectionLost."""
    settings = {item.name: item.value for item in await client.call(Settings(room))}
    return settings.get("e2e") == "yes"


def _demand_possible(room: str, members: int) -> None:
    if members > READERS_MAX:
        raise NotVerified(
            f"The server says that {room} has {members} members, more than the {READERS_MAX} that"
            " an encrypted room can have; nothing was sent. Tell who runs the server"
        )
