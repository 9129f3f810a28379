"""Whether somebody who has proved to have a key is the person of that name."""

from __future__ import annotations

import trio

from chatd.protocol.direct import Blocks
from chatd.protocol.errors import ChatError

from ..client import Client
from ..e2e import Bound, E2eError
from ..errors import ConnectionLost, NotVerified
from ..people import People
from ..problems import Problem

SERVER_SECONDS_MAX = 3.0
"""What the server is asked, it may be slow to answer, or gone."""


class Acquaintances:
    """Judges by the pins in the vault; the server is asked of those whom one meets first."""

    def __init__(self, client: Client, people: People) -> None:
        self._client = client
        self._people = people
        self._blocked: set[str] = set()

    async def is_known(self, bound: Bound) -> bool:
        """Whether the key is the one that is believed to be the user's."""
        content = self._people.vault.content
        if bound.user == self._client.user:
            return bound.signer == content.keys.sig.kid
        pin = content.pin(bound.user)
        if pin is not None and pin.thumbprint == bound.signer:
            return True
        try:
            with trio.fail_after(SERVER_SECONDS_MAX):
                found = await self._people.readers([bound.user])
        except (ChatError, ConnectionLost, E2eError, NotVerified, Problem, trio.TooSlowError):
            return False
        return [one.thumbprint for one in found] == [bound.signer]

    async def is_blocked(self, user: str) -> bool:
        """As the server has it; while it is away, as it had it last."""
        if self._client.connected:
            try:
                with trio.fail_after(SERVER_SECONDS_MAX):
                    self._blocked = {item.user for item in await self._client.call(Blocks())}
            except (ChatError, ConnectionLost, trio.TooSlowError):
                pass  # what is known from before holds
        return user in self._blocked
