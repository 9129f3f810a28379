"""A server's core with a queue that runs, on a real store, and gateways that stand in its way."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from trio.testing import wait_all_tasks_blocked

from chatd.server import logs
from chatd.server.gateway.base import Carrier
from chatd.server.gateway.queue import (
    Carriers,
    Queue,
)
from chatd.server.gateway.spool import Spool
from chatd.server.settings import Settings
from tests.chat.harness import PATIENCE_SECONDS, SECRET, Client, World
from tests.chat.outgoing import CONTACT, asking

from .receiver import Post, Receiver
from .sample import SENDER, SERVER

PHONE = "tel:+4930901820"


class Office:
    """A world with a queue, and what it logs."""

    def __init__(self, world: World, carriers: Carriers) -> None:
        self.world = world
        self.queue = Queue(world.chat, carriers, jitter=lambda: 1.0)
        self.log = io.StringIO()
        logs.configure(Settings(log_format="json"), self.log)

    def logged(self, level: str) -> list[dict[str, object]]:
        """What was logged at that level."""
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [line for line in lines if line["level"] == level]

    @property
    def idle(self) -> bool:
        """Whether nothing is being sent."""
        return not self.queue._busy - self.queue._settled

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not so():
                await wait_all_tasks_blocked(0.001)

    async def empty(self) -> None:
        """Wait until nothing is on its way."""
        with trio.fail_after(PATIENCE_SECONDS):
            while await self.world.store.outgoing_count():
                await wait_all_tasks_blocked(0.001)

    async def registers(self, user: str, contact: str = PHONE) -> Client:
        client = self.world.connect()
        line = f"REGISTER|{user}|{SECRET}|contact={contact}"
        assert await self.world.ask(client, line) == ["REGISTER|SUCCESS|pending"]
        return client

    async def tries(self) -> list[tuple[int, float]]:
        """Of each message: how often it failed, and the seconds until the next try."""
        now_ms = self.world.chat.clock.now_ms()
        found = await self.world.store.outgoing(100)
        return [(one.tries, (one.next_ms - now_ms) / 1000) for one in found]


async def posted(receiver: Receiver) -> Post:
    """The next one, waited for off the loop."""
    return await trio.to_thread.run_sync(receiver.next)


@asynccontextmanager
async def office(folder: Path, text: Carrier | None = None) -> AsyncIterator[Office]:
    """A server whose queue runs; mail goes to the spool."""
    async with asking(folder) as world, trio.open_nursery() as nursery:
        spool = Spool(folder / "spool", SENDER, SERVER)
        made = Office(world, Carriers(spool, text or spool, SERVER))
        nursery.start_soon(made.queue.run)
        yield made
        nursery.cancel_scope.cancel()


class Gate:
    """A gateway that holds everything until it is opened."""

    def __init__(self) -> None:
        self.users: list[str] = []
        self.at_once = self.most = 0
        self.open = trio.Event()

    async def carry(self, message: object) -> None:
        self.users.append(message.user)  # type: ignore[attr-defined]
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.open.wait()
        self.at_once -= 1


class Broken:
    """A gateway with a defect."""

    async def carry(self, message: object) -> None:
        raise RuntimeError(f"cannot send {message!r} to {CONTACT}")
