"""Where others come in: a port, and bounds for those who only want to keep it busy."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from contextlib import AsyncExitStack

import trio

from ..errors import ConnectionLost
from ..transport import Transport, prepare
from .guest import Guest, Host, Over

GUESTS_MAX = 16
GUESTS_OF_ADDRESS_MAX = 4
"""At a time."""
HANDSHAKES_MAX, HANDSHAKES_SECONDS = 50, 10.0
"""2 ms each, with the proofs: 1 % of a core."""
BACKLOG = 64


class Door:
    """Listens for guests."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._guests: Counter[str] = Counter()
        self._handshakes: deque[float] = deque(maxlen=HANDSHAKES_MAX)

    async def serve(
        self, listeners: list[trio.SocketListener], tell: Callable[[str], None]
    ) -> None:
        """Let guests in until cancelled. Raises what showing a message raises."""
        async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
            for listener in listeners:
                await stack.enter_async_context(listener)
                nursery.start_soon(self._accept, listener, nursery, tell)

    async def _accept(
        self,
        listener: trio.SocketListener,
        nursery: trio.Nursery,
        tell: Callable[[str], None],
    ) -> None:
        while True:
            try:
                stream = await listener.accept()
            except OSError as error:  # no descriptors left: others may go meanwhile
                tell(f"Nobody can come in directly for a moment: {error.strerror}")
                await trio.sleep(1)
                continue
            address = _address(stream)
            if address is None or self._is_full(address):
                await trio.aclose_forcefully(stream)
                continue
            self._guests[address] += 1
            nursery.start_soon(self._serve, stream, address)

    def _is_full(self, address: str) -> bool:
        return self._guests.total() >= GUESTS_MAX or self._guests[address] >= GUESTS_OF_ADDRESS_MAX

    async def _serve(self, stream: trio.SocketStream, address: str) -> None:
        transport = Transport(stream)
        try:
            prepare(stream)
            await Guest(self._host, transport).run(self._may_begin)
        except (Over, ConnectionLost, OSError, trio.TooSlowError):
            pass  # it is over for this guest alone
        finally:
            self._guests[address] -= 1
            if not self._guests[address]:
                del self._guests[address]
            with trio.CancelScope(shield=True):
                await transport.aclose()

    def _may_begin(self) -> bool:
        """Whether there were few enough handshakes lately; then this is one more."""
        now, recent = trio.current_time(), self._handshakes
        if len(recent) == HANDSHAKES_MAX and now - recent[0] < HANDSHAKES_SECONDS:
            return False
        recent.append(now)
        return True


async def open_door(host: str, port: int) -> list[trio.SocketListener]:
    """Listen at a port of one address; 0: one that the system chooses. OSError."""
    return await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)


def port_of(listeners: list[trio.SocketListener]) -> int:
    """The port that it is."""
    port: int = listeners[0].socket.getsockname()[1]
    return port


def _address(stream: trio.SocketStream) -> str | None:
    """Where it comes from; None where it has gone again already."""
    try:
        return str(stream.socket.getpeername()[0])
    except OSError:
        return None
