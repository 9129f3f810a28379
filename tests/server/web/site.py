"""A web listener in this process, with small applications behind it, and its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from starlette.types import ASGIApp, Receive, Scope, Send
from trio.testing import wait_all_tasks_blocked

from chatd.server.listeners import listen_tcp
from chatd.server.web.app import Guard
from chatd.server.web.listener import Listener

PATIENCE_SECONDS = 30
CUSHION_SECONDS = 0.01
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
UNSENDABLE_BYTES = 64 << 20


async def answer(send: Send, body: bytes) -> None:
    length = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers, and reads no body."""
    await answer(send, b"hello")


async def reader(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body to its end, then says how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await answer(send, b"%d" % size)


async def huge(scope: Scope, receive: Receive, send: Send) -> None:
    """More than the kernel takes in for one that does not read."""
    await answer(send, bytes(UNSENDABLE_BYTES))


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the code is 12345678")


class Site:
    """A listener, and connections to it."""

    def __init__(self, listener: Listener, host: str) -> None:
        self.listener = listener
        self.host = host
        self.port: int = listener.sockets[0].getsockname()[1]
        self.streams: list[trio.SocketStream] = []

    async def connect(self, *data: bytes) -> trio.SocketStream:
        """A new connection that has sent something."""
        stream = await trio.open_tcp_stream(self.host, self.port)
        self.streams.append(stream)
        for piece in data:
            await stream.send_all(piece)
        return stream

    async def ask(self, *data: bytes) -> bytes:
        """All that is answered, up to the end of the connection."""
        async with await self.connect(*data) as stream:
            return await rest(stream)


async def rest(stream: trio.SocketStream) -> bytes:
    """All that comes until the connection is closed, or reset."""
    said = b""
    try:
        while piece := await stream.receive_some():
            said += piece
    except trio.BrokenResourceError:
        said += b"(reset)"
    return said


@asynccontextmanager
async def listening(app: ASGIApp, host: str = "127.0.0.1", **limits: Any) -> AsyncIterator[Site]:
    """An application behind the listener, guarded as ours is; cancelled at the end."""
    listener = Listener(Guard(app), listen_tcp(host, 0), **limits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.run)
        site = Site(listener, host)
        try:
            yield site
        finally:
            nursery.cancel_scope.cancel()
            for stream in site.streams:
                stream.socket.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so that another task sees to."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not true():
            await trio.lowlevel.checkpoint()


async def settle(site: Site, connections: int) -> None:
    """Until so many connections are served, and all they have sent is taken in."""
    while site.listener.connections != connections:
        await wait_all_tasks_blocked(CUSHION_SECONDS)
    await wait_all_tasks_blocked(CUSHION_SECONDS)


def status(said: bytes) -> int:
    assert said.startswith(b"HTTP/1.1 "), said
    return int(said[9:12])
