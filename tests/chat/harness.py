"""The server's core in this process, on socket pairs: rules, ledger, real store, reactor.

    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        world.store.hold()
        alice.send("JOIN|#ops")
        await world.rest()      # judged, and not yet stored
        world.store.fail()      # or let_go()

Commits can be held back and made to fail; nothing else differs from a server that runs.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeVar

import apsw
import trio
from trio.testing import wait_all_tasks_blocked

from chatd.chat.changes import Change
from chatd.chat.channels import Channels
from chatd.chat.chat import Chat, Ids, Rules
from chatd.chat.clock import Clock
from chatd.chat.directory import Directory
from chatd.chat.hub import Hub
from chatd.chat.ledger import Ledger
from chatd.chat.ports import Unavailable
from chatd.chat.routes import Epoch
from chatd.protocol.lifecycle import State
from chatd.security.channel import Acceptor
from chatd.security.keys import CHANNEL, ServerKey
from chatd.security.passwords import Hasher
from chatd.security.throttle import Quota, Slowdown
from chatd.server.codecs import PLAIN, Codec
from chatd.server.committer import Committer
from chatd.server.connection import Connection
from chatd.server.dispatch import Dispatcher
from chatd.server.identities import IdentityThread
from chatd.server.passwords import PasswordThreads
from chatd.server.reactor import Reactor
from chatd.storage.sqlite import SqliteStore
from chatd.storage.thread import Done

T = TypeVar("T")

SECRET = "correct horse battery"
KEY = ServerKey(bytes(range(32)))
CUSHION_SECONDS = 0.001  # how long nothing must happen while threads may be at work
PATIENCE_SECONDS = 30
CHEAP = Hasher(8, 1, 1)


class Store(SqliteStore):
    """The real store, whose commits can be held back and made to fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, KEY)
        self.reading = 0
        self.held = False  # a commit waits for `let_go` or `fail`
        self.commits: list[int] = []  # how many changes each had
        self.steps: list[str] = []  # what was read and changed
        self._gated = False
        self._waiting: list[tuple[Sequence[Change], Done]] = []
        self._fault: Exception | None = None

    def hold(self) -> None:
        """Let no commit through from now on."""
        self._gated = True

    def let_go(self) -> None:
        """Let commits through again."""
        self._gated = self.held = False
        for changes, done in self._waiting:
            self._let_through(changes, done)
        self._waiting.clear()

    def fail(self) -> None:
        """As `let_go`, but the next commit finds the disk full."""
        self._fault = apsw.FullError("database or disk is full")
        self.let_go()

    def commit_soon(self, changes: Sequence[Change], done: Done) -> None:
        self.commits.append(len(changes))
        self.steps += [type(change).__name__ for change in changes]
        if self._gated:
            self.held = True
            self._waiting.append((changes, done))
        else:
            self._let_through(changes, done)

    def _let_through(self, changes: Sequence[Change], done: Done) -> None:
        fault, self._fault = self._fault, None
        if fault is None:
            super().commit_soon(changes, done)
        else:
            done(Unavailable(f"{type(fault).__name__}: {fault}"))

    async def _read(self, how: Callable[..., T], *arguments: Any) -> T:
        self.reading += 1
        self.steps.append(how.__name__)
        try:
            return await super()._read(how, *arguments)
        finally:
            self.reading -= 1


class Client:
    """The far end of a connection; `lines` is all that it was sent."""

    def __init__(self, sock: socket.socket, connection: Connection) -> None:
        self.sock = sock
        self.connection = connection
        self.lines: list[str] = []
        self.ended = False
        self.token = ""
        self._rest = b""
        self._read = 0

    def where(self) -> State:
        """Where the server's end stands."""
        return self.connection.state

    def send(self, *lines: str) -> None:
        """Send lines in one piece."""
        self.sock.sendall("".join(f"{line}\n" for line in lines).encode())

    def receive(self) -> None:
        """Take in what has come."""
        while not self.ended:
            try:
                data = self.sock.recv(1 << 20)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            self.ended = not data
            *whole, self._rest = (self._rest + data).split(b"\n")
            self.lines += [line.decode() for line in whole]

    def news(self) -> list[str]:
        """What has come since the last call."""
        self.receive()
        new, self._read = self.lines[self._read :], len(self.lines)
        return new


class World:
    """One server."""

    def __init__(self, folder: Path, now: Callable[[], float], **limits: int) -> None:
        self.store = Store(folder / "chatd.db")
        self.hub = Hub()
        self.epoch = Epoch()
        self.passwords = PasswordThreads(CHEAP, 2, 256)
        self.outbox_bytes_max = limits.get("outbox_bytes_max", 1 << 20)
        highest = self.store.highest
        self.chat = Chat(
            rules=Rules("open", 30, seqs_reserved=limits.get("seqs_reserved", 10)),
            directory=Directory(
                self.store, self.epoch, trio.Event, limits.get("objects_max", 1_000)
            ),
            epoch=self.epoch,
            ledger=Ledger(self.hub, self.epoch),
            hub=self.hub,
            archive=self.store,
            passwords=self.passwords,
            identities=IdentityThread(),
            clock=Clock(),
            ids=Ids.after(*astuple(highest)),
            now=now,
            slowdown=Slowdown(limits.get("failures_free", 5), 1, 60, 1_000),
            registrations=Quota(1_000, 600, 1_000),
            channels=Channels(
                Acceptor(KEY.derive(CHANNEL)),
                Slowdown(limits.get("failures_free", 5), 1, 60, 1_000),
                Quota(limits.get("handshakes_max", 200), 10, 1_000),
            ),
            info=dict,
            volatile_ids=OrderedDict(),
        )
        self.reactor = Reactor(self.chat, now)
        self.committer = Committer(self.chat, self.store, self.reactor)
        self.clients: list[Client] = []

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                Dispatcher(self.chat, self.reactor, self.committer, nursery)
                nursery.start_soon(self.reactor.run)
                task_status.started()
        finally:
            await self._close()

    async def _close(self) -> None:
        for client in self.clients:
            client.connection.sock.close()
            client.sock.close()
        with trio.CancelScope(shield=True):
            await self.store.aclose()

    def connect(self, address: str = "", codec: Codec = PLAIN) -> Client:
        """A new connection."""
        there, here = socket.socketpair()
        here.setblocking(False)
        there.setblocking(False)
        connection = Connection(self.reactor, there, address, codec, self.outbox_bytes_max)
        self.reactor.wakeups.admit(connection)
        client = Client(here, connection)
        self.clients.append(client)
        return client

    async def ask(self, client: Client, *lines: str) -> list[str]:
        """Send lines; what has come when all is at rest again."""
        client.news()
        client.send(*lines)
        await self.rest()
        return client.news()

    async def login(self, user: str, register: bool = True) -> Client:
        """A connection of `user`, whose secret is SECRET."""
        client = self.connect()
        if register:
            assert await self.ask(client, f"REGISTER|{user}|{SECRET}") == ["REGISTER|SUCCESS"]
        first = (await self.ask(client, f"AUTH|{user}|{SECRET}"))[0]
        assert first.startswith("AUTH|SUCCESS|")
        client.token = first.split("|")[2]
        return client

    def forget(self) -> None:
        """Forget all that is on disk, as if it were evicted."""
        assert not self.committer.busy
        self.chat.directory.clear()

    async def rest(self) -> None:
        """Wait until nothing happens any more; commits that are held may wait."""
        with trio.fail_after(PATIENCE_SECONDS):
            await wait_all_tasks_blocked()
            while not self._at_rest():
                await wait_all_tasks_blocked(CUSHION_SECONDS)

    def _at_rest(self) -> bool:
        connections = self.reactor.connections.values()
        working = any(c.busy and not c.pending for c in connections)
        storing = self.committer.busy and not self.store.held
        return not (self.store.reading or working or storing or self.reactor.later)

    def is_empty(self) -> bool:
        """Whether the hub holds nobody, and no trace of anybody."""
        return not any((self.hub._accounts, self.hub._rooms, self.hub._subscribed))


@asynccontextmanager
async def serving(folder: Path, **limits: int) -> AsyncIterator[World]:
    """A server on the database in `folder`, killed at the end."""
    async with trio.open_nursery() as nursery:
        world = World(folder, trio.current_time, **limits)
        await nursery.start(world.run)
        yield world
        nursery.cancel_scope.cancel()


def heads(lines: list[str], count: int = 2) -> list[str]:
    """The first fields of each line."""
    return ["|".join(line.split("|")[:count]) for line in lines]


async def in_ops(world: World, *users: str) -> list[Client]:
    """Clients whose accounts are members of #ops."""
    clients = [await world.login(user) for user in users]
    for client in clients:
        assert (await world.ask(client, "JOIN|#ops"))[0].startswith("JOIN|SUCCESS")
    for client in clients:
        client.news()
    return clients
