"""Joins the chat screen, what it knows, and what is typed."""

from __future__ import annotations

import trio

from .client import Client
from .ending import stop_when_told
from .harmless import harmless
from .locallog import Keeper
from .privacy import Privacy
from .problems import Problem, Status
from .screen import Screen
from .talk import Talk
from .typed import Typed


class Seat:
    """One person at the screen, from beginning to end."""

    def __init__(self, client: Client, privacy: Privacy, server: str, keeper: Keeper) -> None:
        self._server = server
        self._client = client
        self._screen = Screen(self._prompt, self._toolbar, self._choices)
        self._talk = Talk(client, privacy, self._screen, keeper)
        self._typed = Typed(self._talk, client)
        self._under_way = False  # a line is being carried out

    def tell(self, sentence: str) -> None:
        """Show what a person should know."""
        self._screen.show(f"* {harmless(sentence)}")

    def _prompt(self) -> str:
        return f"{harmless(self._talk.here or '')}> "

    def _toolbar(self) -> str:
        unread = [f"{name} {count}" for name, count in tuple(self._talk.unread.items())]
        away = [] if self._client.connected else ["offline, trying again"]
        me = f"{self._client.user or ''} at {self._server}"
        return harmless(" | ".join([me, *away, *unread]))

    def _choices(self, before: str, word: str) -> list[str]:
        return list(self._typed.choices(before, word))

    async def run(self, conversation: str | None) -> None:
        """Until one leaves. Raises what ended it otherwise."""
        async with self._screen.open(), trio.open_nursery() as nursery:
            nursery.start_soon(stop_when_told, nursery.cancel_scope)
            nursery.start_soon(self._until_stopped, nursery.cancel_scope)
            nursery.start_soon(self._talk.follow)
            await self._talk.start(conversation)
            nursery.start_soon(self._talk.mark_seen)
            await self._carry_out()
            nursery.cancel_scope.cancel()
        if self._screen.interrupted:
            raise Problem(Status.INTERRUPTED, "Interrupted")
        if self._under_way:
            sentence = "You left while there was no connection; your last line was not sent"
            raise Problem(Status.UNREACHABLE, sentence)

    async def _carry_out(self) -> None:
        async for line in self._screen.typed:
            self._under_way = True
            goes_on = await self._typed.carry_out(line)
            self._under_way = False
            if not goes_on:
                return
            self._screen.refresh()

    async def _until_stopped(self, scope: trio.CancelScope) -> None:
        """Whoever leaves need not wait for a connection."""
        await self._screen.left.wait()
        if self._client.connected:
            await self._screen.stopped.wait()
        scope.cancel()
