"""What the tests of the client share: a server that comes back at its port, and people."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from chatctl.client import Client, Events, connect
from chatctl.happenings import Back
from chatd.protocol.commands import Auth, Join
from chatd.protocol.declare import Event
from chatd.protocol.errors import Code
from chatd.protocol.events import Message
from tests.peer import PATIENCE_SECONDS
from tests.serving import SECRET, Server, Tls

WHOLE_TEST_SECONDS = 10 * PATIENCE_SECONDS
"""For all that a test waits for one after the other: its server may start many times."""
WORKERS_MAX = 64
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = range(20_000 + _WORKER % WORKERS_MAX, 30_000, WORKERS_MAX)
"""Below those that systems hand out, and each worker has its own, so that nobody else takes one
while its server is down."""


def free_port() -> int:
    """A port at which nobody listens."""
    while True:
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", random.choice(PORTS)))
            port: int = sock.getsockname()[1]
            return port


class SteadyServer(Server):
    """A server that listens at the same port when it starts again, unless told otherwise."""

    def __init__(self, folder: Path, *, tls: Tls | None = None, **settings: object) -> None:
        super().__init__(folder, tls=tls, **settings)
        self.port = free_port()

    def command(self) -> list[str]:
        """As it was, at the port that it had."""
        return [part.replace("127.0.0.1:0", self.address) for part in super().command()]

    async def begin(self, port: int | None = None) -> None:
        """Start; the loop goes on meanwhile."""
        self.port = self.port if port is None else port
        await trio.to_thread.run_sync(self.start)

    async def crash(self) -> None:
        """kill -9; the loop goes on meanwhile."""
        await trio.to_thread.run_sync(self.kill)

    async def close(self) -> None:
        """SIGTERM; the loop goes on meanwhile."""
        await trio.to_thread.run_sync(self.stop)


@asynccontextmanager
async def mortal(folder: Path, **settings: object) -> AsyncIterator[SteadyServer]:
    """A server that the test may kill; what takes too long fails."""
    made = SteadyServer(folder, tls=None, **settings)
    await made.begin()
    try:
        with trio.fail_after(WHOLE_TEST_SECONDS):
            yield made
    finally:
        if made.process is not None:
            made.kill()


@asynccontextmanager
async def person(
    server: Server, user: str, *rooms: str, reconnect: bool = True
) -> AsyncIterator[Client]:
    """A client of `user`, whose account and rooms are made if need be."""
    async with connect(server.address, reconnect=reconnect) as client:
        [answer] = await client.raw(f"REGISTER|{user}|{SECRET}")
        assert answer.outcome == "SUCCESS" or answer.error().code is Code.TAKEN
        await client.call(Auth(user, SECRET))
        for room in rooms:
            await client.call(Join(room))
        yield client


async def texts(events: Events, count: int) -> list[str]:
    """The texts of the next messages."""
    found: list[str] = []
    while len(found) < count:
        event = await anext(events)
        if isinstance(event, Message):
            found.append(event.text)
    return found


async def until(events: Events, kind: type[Event]) -> list[Event]:
    """The events up to the first of this kind, which is the last."""
    found: list[Event] = []
    while not found or not isinstance(found[-1], kind):
        found.append(await anext(events))
    return found


async def back(events: Events) -> None:
    """Wait until the client has come back."""
    await until(events, Back)
