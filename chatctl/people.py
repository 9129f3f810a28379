"""Other people's keys: fetched, verified, pinned at first sight, and kept for some seconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import trio

from chatd.protocol import sealed as wire
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.replies import IdentityHeld

from .client import Client
from .e2e import (
    Content,
    Identity,
    KeyChanged,
    Pin,
    TooLong,
    demand_unchanged,
    first_pin,
    read_identity,
)
from .errors import NotVerified, ungrouped
from .own_vault import OwnVault

FRESH_SECONDS = 5.0
"""How long an identity, or who is in a room, may be used without asking again."""
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


class People:
    """The identities of the people one writes to and hears from.

    `tell` takes what a person should know: whose key is seen for the first time, whose changed.
    """

    def __init__(self, client: Client, vault: OwnVault, tell: Callable[[str], None]) -> None:
        self._client = client
        self.vault = vault
        self._tell = tell
        self._known: dict[str, tuple[float, Identity | None]] = {}

    async def identities(self, users: Collection[str]) -> dict[str, Identity]:
        """Of those who have one; who is seen for the first time is pinned. Raises ChatError (who
        does not exist), ConnectionLost, E2eError (a forged identity)."""
        now = trio.current_time()
        stale = [user for user in users if not self._is_fresh(user, now)]
        if stale:
            await self._learn(await self._fetched(stale), now)
        found = {user: self._known[user][1] for user in users}
        return {user: identity for user, identity in found.items() if identity is not None}

    async def readers(self, users: Collection[str]) -> list[Identity]:
        """The identities to encrypt to, of those who have one; tells whose is new. Raises also
        KeyChanged and NotVerified, if one is not the pinned one, or hidden."""
        pins = {user: self.vault.content.pin(user) for user in users}
        found = await self.identities(users)
        try:
            self._demand_pinned(users, found)
        except (KeyChanged, NotVerified):
            await self.vault.refresh()  # perhaps one was trusted at another device meanwhile
            self._demand_pinned(users, found)
        for user in (user for user, pin in pins.items() if pin is None):
            if user in found:
                self._tell(f"{user}'s key is new to you; compare it with: chatctl verify {user}")
        return list(found.values())

    def _demand_pinned(self, users: Collection[str], found: dict[str, Identity]) -> None:
        for user in users:
            _demand_pinned(user, self.vault.content.pin(user), found.get(user))

    async def shown(self, user: str, thumbprint: str) -> None:
        """The server says that `user` has this key now. As `identities`."""
        self._known.pop(user, None)
        pin = self.vault.content.pin(user)
        if pin is None or _is_noted(pin, thumbprint):
            return
        if _THUMBPRINT.fullmatch(thumbprint) is None:
            self._tell(f"The server names a key of {user} that is no key; nothing was changed")
            return
        try:
            await self._note({user: thumbprint})
        except TooLong as full:
            self._tell(full.sentence)  # the key is compared anyway before anything is sent
        if thumbprint == pin.thumbprint:
            self._tell(f"{user} shows the key again that you know")
        else:
            self._tell(
                f"{user}'s key has changed; nothing goes to {user} until you compare:"
                f" chatctl verify {user}, or say: chatctl trust {user}"
            )

    async def remember_e2e(self, room: str) -> None:
        """From now on the server cannot say that `room` is open. Raises as `vault.change`."""
        if not self.vault.content.is_e2e(room):
            now = datetime.now(UTC)
            await self.vault.change(lambda content: content.remember_e2e(room, now))

    def _is_fresh(self, user: str, now: float) -> bool:
        return user in self._known and now - self._known[user][0] < FRESH_SECONDS

    async def _fetched(self, users: Collection[str]) -> dict[str, IdentityHeld | None]:
        found: dict[str, IdentityHeld | None] = {}

        async def fetch(user: str) -> None:
            try:
                found[user] = await self._client.call(wire.Identity(user))
            except ChatError as error:
                if error.code is not Code.NO_IDENTITY:
                    raise
                found[user] = None

        with ungrouped():
            async with trio.open_nursery() as nursery:
                for user in users:
                    nursery.start_soon(fetch, user)
        return found

    async def _learn(self, found: dict[str, IdentityHeld | None], now: float) -> None:
        read = await trio.to_thread.run_sync(_verified, found)
        await self._note({user: one.thumbprint for user, one in read.items() if one is not None})
        self._known.update({user: (now, one) for user, one in read.items()})

    async def _note(self, thumbprints: dict[str, str]) -> None:
        """Pin who is new, and remember whose key the server shows another of."""
        content = self.vault.content
        if not all(_is_noted(content.pin(user), one) for user, one in thumbprints.items()):
            now = datetime.now(UTC)
            await self.vault.change(lambda content: _note(content, thumbprints, now))


def _verified(found: dict[str, IdentityHeld | None]) -> dict[str, Identity | None]:
    return {
        user: None if held is None else read_identity(user, held.jwks, held.thumbprint)
        for user, held in found.items()
    }


def _demand_pinned(user: str, pin: Pin | None, identity: Identity | None) -> None:
    if identity is not None:
        demand_unchanged(user, pin, identity.thumbprint)
    elif pin is not None:
        raise NotVerified(
            f"The server shows no key of {user}, though it did on {pin.first}; nothing was sent."
            f" Ask {user}; if they began anew without keys: chatctl trust {user}"
        )


def _is_noted(pin: Pin | None, thumbprint: str) -> bool:
    if pin is None:
        return False
    offered = None if thumbprint == pin.thumbprint else thumbprint
    return pin.offered == offered


def _note(content: Content, thumbprints: dict[str, str], now: datetime) -> None:
    for user, thumbprint in thumbprints.items():
        pin = content.pin(user)
        noted = first_pin(thumbprint, now) if pin is None else pin.shown(thumbprint, now)
        content.set_pin(user, noted)
