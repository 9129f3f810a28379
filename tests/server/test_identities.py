"""Verifying in a thread: what comes back, and how many may wait."""

from __future__ import annotations

import pytest
import trio

from chatd.chat.ports import Unavailable
from chatd.protocol.errors import ChatError, Code
from chatd.server.identities import WAITING_MAX, IdentityThread
from tests.identities import Maker


async def test_an_identity_or_why_it_is_none() -> None:
    thread, alice = IdentityThread(), Maker("alice")
    assert await thread.verified(alice.jwks(), "alice") == alice.thumbprint
    with pytest.raises(ChatError, match="something else") as refused:
        await thread.verified(alice.jwks(), "bob")
    assert refused.value.code is Code.BAD_FIELD


async def test_only_so_many_wait() -> None:
    thread = IdentityThread()
    came: list[str] = []

    async def verify() -> None:
        try:
            await thread.verified("no keys", "alice")
        except (ChatError, Unavailable) as error:
            came.append(type(error).__name__)

    async with trio.open_nursery() as nursery:
        for _ in range(WAITING_MAX + 10):
            nursery.start_soon(verify)
    assert came.count("Unavailable") == 9
    assert came.count("ChatError") == WAITING_MAX + 1
