"""The web listener: who comes in, and for how long; hypercorn does the HTTP.

Hypercorn's own `serve` lets in whoever comes, for as long as they like. Here a connection has a
place of its own, of a few in all and of fewer for one address, carries one request, and is over
when its time is.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState

from chatd.security.throttle import address_block
from chatd.server.parts import WEB_DESCRIPTORS

from .bounded import INPUT_BYTES_MAX, BoundedStream

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS_MAX = WEB_DESCRIPTORS
CONNECTIONS_OF_ADDRESS_MAX = 16
HEAD_SECONDS_MAX = 10
CONNECTION_SECONDS_MAX = 30
ACCEPT_PAUSE_SECONDS = 1

_log = structlog.get_logger()


@dataclass(slots=True)
class Listener:
    """Carries requests from listening sockets to an ASGI application; it owns the sockets from
    `run` on. At most `connections_max` at a time, of one address `of_address_max`."""

    app: Callable[..., Any]
    sockets: list[socket.socket]
    connections_max: int = CONNECTIONS_MAX
    of_address_max: int = CONNECTIONS_OF_ADDRESS_MAX
    seconds_max: float = CONNECTION_SECONDS_MAX
    _open: set[trio.SocketStream] = field(default_factory=set)
    _addresses: Counter[str] = field(default_factory=Counter)
    _closing: trio.Event = field(default_factory=trio.Event)

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._open)

    def close(self) -> None:
        """Let nobody in any more."""
        self._closing.set()

    async def run(self) -> None:
        """Serve until closed; what is under way then goes on."""
        places = trio.Semaphore(self.connections_max)
        context = WorkerContext(None)
        serve = partial(TCPServer, ASGIWrapper(self.app), _config(), context)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cut_off)
            async with trio.open_nursery() as accepting:
                for sock in self.sockets:
                    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
                    accepting.start_soon(self._accept, listener, places, nursery, serve)
                await self._closing.wait()
                accepting.cancel_scope.cancel()

    async def _cut_off(self) -> None:
        """Once the server is at its end, nobody is waited for, hypercorn's shields or not."""
        try:
            await trio.sleep_forever()
        finally:
            for stream in list(self._open):
                stream.socket.close()

    async def _accept(
        self,
        listener: trio.SocketListener,
        places: trio.Semaphore,
        nursery: trio.Nursery,
        serve: Callable[..., TCPServer],
    ) -> None:
        async with listener:
            while True:
                await places.acquire()
                try:
                    stream = await listener.accept()
                except OSError as error:  # out of descriptors or memory: let go for a moment
                    places.release()
                    _log.warning("cannot accept a web connection", problem=error.strerror)
                    await trio.sleep(ACCEPT_PAUSE_SECONDS)
                    continue
                except trio.Cancelled:
                    places.release()
                    raise
                self._open.add(stream)
                nursery.start_soon(self._welcome, stream, places, serve)

    async def _welcome(
        self, stream: trio.SocketStream, places: trio.Semaphore, serve: Callable[..., TCPServer]
    ) -> None:
        try:
            with self._counted(stream) as welcome, trio.move_on_after(self.seconds_max) as scope:
                if welcome:
                    bounded = BoundedStream(stream, scope.cancel)
                    await serve(ConnectionState(LifespanState()), cast(Any, bounded))
        except Exception as error:  # noqa: BLE001  (one connection's trouble is not the server's)
            _log.debug("web connection broke", exc_info=error)
        finally:
            self._open.discard(stream)
            places.release()
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    @contextmanager
    def _counted(self, stream: trio.SocketStream) -> Iterator[bool]:
        """Whether its address has room for one more."""
        block = None
        with suppress(OSError):  # it left before we came to it
            block = address_block(stream.socket.getpeername()[0])
        if block is None:
            yield True
            return
        self._addresses[block] += 1
        try:
            yield self._addresses[block] <= self.of_address_max
        finally:
            self._addresses[block] -= 1
            if not self._addresses[block]:
                del self._addresses[block]


def _config() -> Config:
    """One request a connection, and no word in any log: an address may hold a code."""
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = 0
    config.keep_alive_timeout = HEAD_SECONDS_MAX
    config.max_app_queue_size = INPUT_BYTES_MAX  # or an application that does not read blocks it
    return config
