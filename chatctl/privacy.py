"""What a command needs to write and read what the server cannot: the open vault and its helpers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from chatd.protocol.declare import Event
from chatd.protocol.events import IdentityChanged, MemberJoined, MemberLeft

from .client import Client
from .desk import Desk
from .e2e import WrappingKey, warm_up
from .errors import ungrouped
from .opener import Opener
from .own_vault import OwnVault, fetch
from .people import People
from .problems import Problem, Status, complain
from .sealer import Sealer


@dataclass(frozen=True)
class Privacy:
    """`people` is None, and the vault closed, for who has no keys."""

    sealer: Sealer
    opener: Opener
    people: People | None

    async def learn(self, event: Event, me: str | None) -> None:
        """What the server tells changes who can read: others' keys, one's own, a room's members."""
        match event:
            case MemberJoined(room) | MemberLeft(room):
                self.sealer.forget(room)
            case IdentityChanged(user, thumbprint) if self.people is not None:
                if user == me:
                    await self.people.vault.refresh()  # from another device
                else:
                    await self.people.shown(user, thumbprint)
            case _:
                pass


async def privacy(desk: Desk, client: Client, tell: Callable[[str], None] = complain) -> Privacy:
    """Opens the vault, if the profile can; `tell` takes what a person should know of keys.

    Raises ChatError, ConnectionLost, E2eError, Problem.
    """
    key = desk.profile.wrapping_key
    people = None if key is None else People(client, await _opened(desk, client, key), tell)
    return Privacy(Sealer(client, people, tell), Opener(client, people), people)


async def people_of(desk: Desk, client: Client, tell: Callable[[str], None] = complain) -> People:
    """As `privacy`, for what cannot be done without keys."""
    people = (await privacy(desk, client, tell)).people
    if people is None:
        hint = "log in again; if the account was made without chatctl: chatctl secure"
        if desk.profile.device is not None:
            hint = "open your vault: chatctl recover"
        raise Problem(Status.NOT_OPENED, f"Profile '{desk.profile_name}' has no keys; {hint}")
    return people


async def _opened(desk: Desk, client: Client, key: WrappingKey) -> OwnVault:
    with ungrouped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, warm_up)
            content = await fetch(client, key, desk.profile.vault_version)
    if content is None:
        raise Problem(Status.NOT_OPENED, "The server has lost your vault; log in to make another")
    desk.saw_vault(content.version)
    return OwnVault(client, key, content, desk.saw_vault)
