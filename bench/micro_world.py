"""A real server inside this process, with real connections over loopback, that stands still.

Whoever measures a step takes it by hand: the tasks that would take it run only while the
connections log in and join their rooms.
"""

from __future__ import annotations

import gc
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

import trio

from chatd.chat.ledger import Batch
from chatd.server import folder, logs
from chatd.server import run as serving
from chatd.server.connection import Connection
from chatd.server.dispatch import Dispatcher
from chatd.server.listeners import listening
from chatd.server.run import Server
from chatd.server.settings import Settings
from chatd.storage.codec import Codec
from chatd.storage.sqlite import SqliteStore

from .harness import BUILD, CHEAP_HASHES

LISTENERS = (1, 10, 100, 1000)
"""A room for each: so many hear what one other says."""
TEXT_BYTES = 64
SECRET = "correct-horse-7"  # the same for all, and only here
UNDER_WAY = 50
SETTLED_SECONDS = 0.02


@dataclass
class World:
    """The server, the sender's two ends of its connection, and all ends of clients."""

    server: Server
    codec: Codec
    sender: Connection
    client: socket.socket
    clients: list[socket.socket]

    def say(self, room: str, messages: int) -> None:
        """So many messages of the sender arrive in one packet."""
        line = f"MSG|{room}|".encode() + b"x" * TEXT_BYTES + b"\n"
        self.client.sendall(line * messages)
        self.server.reactor.wakeups.happened()  # what it tells is known: it must not wake anybody
        self.sender.readable = True

    def drain(self, listeners: int) -> None:
        """Let the sender and so many others read what was sent to them."""
        for client in self.clients[: listeners + 1]:
            with suppress(BlockingIOError):
                while client.recv(1 << 20):
                    pass

    def undo(self, batch: Batch | None) -> None:
        """As if the batch's messages had never gone into the ledger."""
        for entry in batch.entries if batch else ():
            entry.client.pending -= 1  # type: ignore[union-attr]
            entry.route.conversation.pending -= 1  # type: ignore[union-attr]


def room_of(listeners: int) -> str:
    """The name of the room with so many listeners."""
    return f"#r{listeners}"


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """One sender and as many listeners as are wanted; the data folder is deleted afterwards."""
    BUILD.mkdir(exist_ok=True)
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD))
        settings = _settings(data)
        logs.configure(settings)
        home = stack.enter_context(folder.opened(settings))
        store = SqliteStore(home.database, home.key)
        async with aclosing(store), trio.open_nursery() as nursery:
            server = serving._build(settings, lambda: settings, store, home.key)
            doors = stack.enter_context(listening(serving._addresses(settings), None))
            server.doors.doors = list(doors)
            Dispatcher(server.chat, server.reactor, server.committer, nursery)
            clients = await _joined(server)
            for client in clients:
                stack.enter_context(client)
            _as_when_serving()
            codec, sender = Codec(home.key), _sender(server, clients[0])
            yield World(server, codec, sender, clients[0], clients)
            for connection in list(server.reactor.connections.values()):
                server.reactor.close(connection)


def _settings(data: str) -> Settings:
    return Settings(
        data=data,
        listen=("127.0.0.1:0",),
        log_level="warning",
        registrations_max=1_000_000,
        argon2_queue_max=1_000,
        argon2_memory_kib=int(CHEAP_HASHES["argon2_memory_kib"]),
        argon2_passes=int(CHEAP_HASHES["argon2_passes"]),
    )


def _as_when_serving() -> None:
    """What `serve` sets for the whole process."""
    sys.setswitchinterval(serving.SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*serving.GC_THRESHOLDS)


async def _joined(server: Server) -> list[socket.socket]:
    """Everybody, logged in and in the rooms; the first is the sender."""
    port: int = server.doors.doors[0].sock.getsockname()[1]
    clients: list[socket.socket] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.reactor.run)
        server.doors.open()
        limit = trio.CapacityLimiter(UNDER_WAY)
        async with trio.open_nursery() as entering:
            for number in range(1 + max(LISTENERS)):
                clients.append(socket.create_connection(("127.0.0.1", port)))
                clients[-1].setblocking(False)
                entering.start_soon(_enter, clients[-1], number, limit)
        await _ask(clients[0], *(f"MSG|{room_of(listeners)}|hello" for listeners in LISTENERS))
        await trio.sleep(SETTLED_SECONDS)
        nursery.cancel_scope.cancel()
    server.doors.close()
    return clients


async def _enter(client: socket.socket, number: int, limit: trio.CapacityLimiter) -> None:
    """The sender has number 0."""
    rooms = [room_of(listeners) for listeners in LISTENERS if number <= listeners]
    async with limit:
        await _ask(client, f"REGISTER|u{number}|{SECRET}", f"AUTH|u{number}|{SECRET}")
        await _ask(client, *(f"JOIN|{room}" for room in rooms))


async def _ask(client: socket.socket, *lines: str) -> None:
    """Send lines, each of which must succeed, and wait for the replies."""
    client.sendall("".join(f"{line}\n" for line in lines).encode())
    heard = b""
    while heard.count(b"|SUCCESS") < len(lines):
        await trio.lowlevel.wait_readable(client)
        heard += client.recv(1 << 20)
        if b"|FAILURE" in heard:
            sys.exit(f"bench: refused: {heard!r}")


def _sender(server: Server, client: socket.socket) -> Connection:
    """The server's end of a client's connection."""
    name = client.getsockname()
    connections = server.reactor.connections.values()
    return next(one for one in connections if one.sock.getpeername() == name)
