"""Where the web listener listens, and where others find it; apart from what it takes to serve."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .addresses import listen_address, written
from .listeners import listen_tcp
from .settings import Settings


@contextmanager
def listening_web(address: str | None) -> Iterator[list[socket.socket]]:
    """Sockets at `HOST:PORT`, closed at the end; none where there is no address. ListenError."""
    with ExitStack() as stack:
        sockets = []
        if address is not None:
            where = listen_address(address)
            sockets = [stack.enter_context(s) for s in listen_tcp(where.host, where.port)]
        yield sockets


def announce_web(sockets: list[socket.socket]) -> None:
    """Say on standard output where."""
    for sock in sockets:
        print(f"chatd listens on http://{written(*sock.getsockname()[:2])}")  # noqa: T201


def web_url(settings: Settings, sockets: list[socket.socket]) -> str | None:
    """What links begin with: `http_url`, else where we listen, by our name if that is everywhere;
    None where nothing is."""
    if settings.http_url is not None or not sockets:
        return settings.http_url
    host, port = sockets[0].getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return f"http://{settings.server_name}:{port}"
    return f"http://{written(host, port)}"
