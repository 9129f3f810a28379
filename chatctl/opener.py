"""What arrives: opened, held against what the server says of it, and marked for its reader."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf

import trio

from chatd.protocol.errors import ChatError
from chatd.protocol.events import Message

from .client import Client
from .e2e import (
    ERASED,
    NOT_ENCRYPTED,
    E2eError,
    Finding,
    Forged,
    Journal,
    Kind,
    NotForUs,
    Opened,
    Said,
    Standing,
    judge,
    looks_sealed,
    open_message,
    read_time,
    standing_of,
    time_text,
)
from .people import FRESH_SECONDS, People
from .sealer import is_encrypted

_ROOMS_MAX = 1_000
_NO_KEYS = Finding(Kind.UNREADABLE, "Encrypted, and you have no keys; log in with chatctl again")


@dataclass(frozen=True)
class Read:
    """A message as its reader sees it; `id` is its writer's own, and `signer` the thumbprint of the
    key, where it is signed."""

    message: Message
    findings: list[Finding] = field(default_factory=list)
    id: str | None = None
    signer: str | None = None

    @property
    def text(self) -> str:
        """What to show: of what does not open, why."""
        first = self.findings[0] if self.findings else None
        return first.sentence if first and first.kind is Kind.UNREADABLE else self.message.text


class Opener:
    """Reads messages; remembers those it has read. `people` is None for who has no keys."""

    def __init__(self, client: Client, people: People | None) -> None:
        self._client = client
        self._people = people
        self._journal = Journal()
        self._refreshed = -inf
        self._asked: set[str] = set()  # rooms, of which one answer is enough

    async def read(self, message: Message) -> Read:
        """Raises ConnectionLost, ChatError, and E2eError where the vault is at fault."""
        if not looks_sealed(message.text):
            return Read(message, [NOT_ENCRYPTED])
        if self._people is None:
            return Read(message, [_NO_KEYS])
        try:
            opened = await self._opened(self._people, message.text)
            written = read_time(message.time, "The server's line")
        except E2eError as error:
            return Read(message, [Finding(Kind.UNREADABLE, error.sentence)])
        standing = await self._standing(self._people, message.sender, opened)
        said = Said(message.conversation, message.seq, written, message.sender)
        found = judge(opened, said, self._client.me, standing, self._journal)
        if message.conversation.startswith("#") and not any(one.is_grave for one in found):
            await self._learn_room(self._people, message.conversation)
        id_ = None if opened.claims is None else opened.claims.id
        return Read(replace(message, text=opened.text), found, id_, opened.signer)

    async def direct(self, text: str, user: str, signer: str, now: datetime) -> Read:
        """A message that came directly from `user`, who has proved to have the key `signer`. Raises
        E2eError: Forged where it is not by that key, or not what it seems."""
        if self._people is None:
            raise Forged("There are no keys to open it with")
        opened = await self._opened(self._people, text)
        if opened.claims is None or opened.signer != signer:
            raise Forged("It is not signed by who sends it")
        message = Message(user, 0, time_text(now), user, opened.text)
        said = Said(user, 0, now, user)
        standing = Standing.PINNED  # proved to the channel
        found = judge(opened, said, self._client.me, standing, Journal())
        if any(one.is_grave for one in found):
            raise Forged("It was written for another conversation, or by somebody else")
        return Read(message, found, opened.claims.id, signer)

    async def _learn_room(self, people: People, room: str) -> None:
        """An encrypted room is remembered when it is first read, not only when written to."""
        if room in self._asked or people.vault.content.is_e2e(room):
            return
        with suppress(ChatError):  # gone, or no member of it any more: there is no writing to it
            if await is_encrypted(self._client, room):
                await people.remember_e2e(room)
        self._asked = {*tuple(self._asked)[:_ROOMS_MAX], room}

    async def _opened(self, people: People, text: str) -> Opened:
        try:
            return open_message(text, people.vault.content.keys)
        except NotForUs:
            if not self._may_refresh():
                raise
        # Another device may have changed one's keys.
        await people.vault.refresh()
        return open_message(text, people.vault.content.keys)

    def _may_refresh(self) -> bool:
        now = trio.current_time()
        may = now - self._refreshed >= FRESH_SECONDS
        self._refreshed = now if may else self._refreshed
        return may

    async def _standing(self, people: People, sender: str, opened: Opened) -> Standing:
        if (signer := opened.signer) is None or sender == ERASED:
            return Standing.UNSEEN
        standing = self._known_standing(people, sender, signer)
        if standing is Standing.CHANGED and self._may_refresh():
            # Meanwhile a person may have trusted it, or taken new keys, at another device.
            await people.vault.refresh()
            standing = self._known_standing(people, sender, signer)
        return standing or await self._first_standing(people, sender, signer)

    def _known_standing(self, people: People, sender: str, signer: str) -> Standing | None:
        content = people.vault.content
        if sender == self._client.user:
            return standing_of(signer, None, content.keys.signing)
        pin = content.pin(sender)
        return None if pin is None else standing_of(signer, pin)

    async def _first_standing(self, people: People, sender: str, signer: str) -> Standing:
        """Of somebody not met before, who is pinned by this."""
        try:
            await people.identities([sender])
        except (ChatError, E2eError):
            return Standing.UNSEEN  # gone, or forged: nothing is known, and the reader is told
        standing = standing_of(signer, people.vault.content.pin(sender))
        return Standing.UNSEEN if standing is Standing.PINNED else standing
