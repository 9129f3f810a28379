"""One connection: opened up to its `*HELLO`, then read and written until it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from chatd.protocol.errors import ChatError
from chatd.protocol.events import PROTOCOL, Bye, Hello
from chatd.protocol.wire import read_event

from .address import Address
from .errors import CannotConnect, ConnectionLost
from .session import Session
from .transport import Transport, dial

HELLO_SECONDS_MAX = 20.0


class Link:
    """A connection whose server has said hello."""

    def __init__(
        self, transport: Transport, hello: Hello, early: list[str], key: bytes | None = None
    ) -> None:
        self.hello = hello
        self.server_key = key
        """Where the connection was sealed with it."""
        self.why: Exception = ConnectionLost("The client was closed.")
        self.transport = transport
        self._early = early  # lines that came together with the hello
        self._scope = trio.CancelScope()

    def end(self, why: Exception) -> None:
        """Stop serving; the first reason stays."""
        if not self._scope.cancel_called:
            self.why = why
            self._scope.cancel()

    async def serve(self, session: Session, welcome: Callable[[Link], Awaitable[None]]) -> None:
        """Carry lines both ways, with `welcome` beside, until the end, of which `why` tells."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, session)
                    nursery.start_soon(self._write, session)
                    nursery.start_soon(welcome, self)
        finally:
            await self.transport.aclose()

    async def _read(self, session: Session) -> None:
        lines = self._early
        try:
            while True:
                for line in filter(None, lines):
                    session.line(line)
                session.stir()
                lines = await self.transport.receive()
        except (ConnectionLost, ChatError) as why:
            session.stir()
            self.end(why)

    async def _write(self, session: Session) -> None:
        while True:
            data = session.pending.take()
            if not data:
                await session.to_send.park()
                continue
            try:
                await self.transport.send(data)
            except ConnectionLost:
                return  # what the server said last is still there to read; then reading ends too


async def open_link(address: Address) -> Link:
    """Connect and wait for the hello. CannotConnect."""
    with trio.move_on_after(HELLO_SECONDS_MAX):
        transport = await dial(address)
        try:
            return await _greeted(transport, address)
        except BaseException:
            await transport.aclose()
            raise
    raise CannotConnect(f"The server at {address} does not answer.")


async def _greeted(transport: Transport, address: Address) -> Link:
    try:
        while not (lines := await transport.receive()):
            pass
        event = read_event(lines[0])
    except (ConnectionLost, ChatError):
        event = None
        lines = []
    if isinstance(event, Bye):
        raise CannotConnect(f"The server at {address} says: {event.sentence}")
    if not isinstance(event, Hello) or event.protocol != PROTOCOL:
        raise CannotConnect(f"What answers at {address} does not speak {PROTOCOL}.")
    if not address.seals:
        return Link(transport, event, lines[1:])
    return Link(transport, event, [], await _sealed(transport, event, address, lines[1:]))


async def _sealed(transport: Transport, hello: Hello, address: Address, early: list[str]) -> bytes:
    """Seal the connection; the key that the server has. CannotConnect, NotVerified."""
    from .sealing import Handshake, SealedStream  # noqa: PLC0415  the cryptography takes a while

    address.trust.check_told(hello.server_key_fingerprint, str(address))
    handshake = Handshake(str(address), address.trust)
    line = await _answer(transport, handshake.request, address, early)
    server_key, channel = handshake.finish(line)
    address.trust.check_key(server_key, hello.server_key_fingerprint, str(address))
    transport.wrap(lambda outer: SealedStream(outer, channel))
    return server_key


async def _answer(transport: Transport, request: bytes, address: Address, early: list[str]) -> str:
    """The line that answers `request`, with nothing behind it. CannotConnect."""
    try:
        await transport.send(request)
        while not early:
            early = await transport.receive()
    except ConnectionLost as lost:
        why = f"{address} was lost while it was being sealed: {lost.sentence}"
        raise CannotConnect(why) from None
    if early[0].startswith("*BYE|"):
        raise CannotConnect(f"The server at {address} says: {early[0]}")
    if len(early) > 1:
        raise CannotConnect(f"{address} sent more than its answer before sealing.")
    return early[0]
