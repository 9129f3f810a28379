"""Verifying published keys in a thread, one at a time: it takes long, and holds the interpreter."""

from __future__ import annotations

import trio

from chatd.chat.ports import Unavailable
from chatd.protocol.errors import ChatError, Code
from chatd.security.identities import BadIdentity, verified

WAITING_MAX = 256


class IdentityThread:
    """`chat.ports.Identities` over `security.identities`."""

    def __init__(self) -> None:
        self._turns = trio.CapacityLimiter(1)

    async def verified(self, jwks: str, user: str) -> str:
        if self._turns.statistics().tasks_waiting >= WAITING_MAX:
            raise Unavailable("too many published keys wait to be verified")
        try:
            return await trio.to_thread.run_sync(verified, jwks, user, limiter=self._turns)
        except BadIdentity as bad:
            raise ChatError(Code.BAD_FIELD, str(bad)) from None
