"""A server on a trio loop in a thread of its own, for tests that are not asynchronous."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

import trio

from tests.chat.harness import SECRET, Client, World

T = TypeVar("T")


class Loop:
    """Runs a World, and restarts it on the same database."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self._folder = folder
        self._limits = limits
        self._start()

    def _start(self) -> None:
        self._token: trio.lowlevel.TrioToken | None = None
        self._failed: BaseException | None = None
        self._thread = Thread(target=self._run)
        self._ready = Event()
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: BLE001
            self._failed = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with trio.open_nursery() as nursery:
            self.world = World(self._folder, trio.current_time, **self._limits)
            await nursery.start(self.world.run)
            self._token = trio.lowlevel.current_trio_token()
            self._scope = nursery.cancel_scope
            self._ready.set()

    def _call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        return trio.from_thread.run(function, *arguments, trio_token=self._token)

    def close(self) -> None:
        """Kill the server; what it failed of is raised."""
        if self._thread.is_alive():
            trio.from_thread.run_sync(self._scope.cancel, trio_token=self._token)
            self._thread.join()
        if self._failed is not None:
            raise self._failed

    def restart(self) -> None:
        """Kill the server, and start another on the same data."""
        self.close()
        self._start()

    @property
    def held(self) -> bool:
        """Whether a commit waits."""
        return self.world.store.held

    def hold(self) -> None:
        self.world.store.hold()

    def let_go(self) -> None:
        trio.from_thread.run_sync(self.world.store.let_go, trio_token=self._token)
        self.rest()

    def fail(self) -> None:
        trio.from_thread.run_sync(self.world.store.fail, trio_token=self._token)
        self.rest()

    def rest(self) -> None:
        self._call(self.world.rest)

    def forget(self) -> None:
        trio.from_thread.run_sync(self.world.forget, trio_token=self._token)

    def connect(self) -> Client:
        """A new connection."""
        return trio.from_thread.run_sync(self.world.connect, trio_token=self._token)

    def vanish(self, client: Client) -> None:
        """The far end of a connection closes."""
        client.sock.close()
        self.rest()

    def ask(self, client: Client, *lines: str) -> list[str]:
        """Send lines; what has come when all is at rest again."""
        return self._call(self.world.ask, client, *lines)

    def items(self, client: Client, line: str) -> list[list[str]]:
        """The fields of each ITEM that answers a line; nothing else may come."""
        *items, last = self.ask(client, line)
        verb = line.partition("|")[0]
        assert last == f"{verb}|SUCCESS|{len(items)}"
        rows = [item.split("|") for item in items]
        assert all(row[:2] == [verb, "ITEM"] for row in rows)
        return [row[2:] for row in rows]

    def register(self, user: str) -> None:
        """Make an account whose secret is SECRET."""
        client = self.connect()
        assert self.ask(client, f"REGISTER|{user}|{SECRET}") == ["REGISTER|SUCCESS"]
        self.vanish(client)
