"""A wire between chatctl and a real server that keeps what was said, and can lie in between.

with wire(server) as tapped:
    shell.address = tapped.address
    tapped.lie = instead("SALT", "SALT|SUCCESS|none")
    shell.type("login", "ann", "--password-stdin", stdin=SECRET)
    assert not tapped.said("AUTH")
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Condition, Thread

from tests.peer import PATIENCE_SECONDS
from tests.serving import Server

LOOK_SECONDS = 0.05


class Wire(ThreadingTCPServer):
    """Listens on a port of its own and passes lines on, both ways."""

    daemon_threads = True

    def __init__(self, server: Server, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Connection)
        self.there = "127.0.0.1", server.port
        self.sent: list[str] = []
        """What clients sent."""
        self.answered: list[str] = []
        """What the server sent, before any lie."""
        self.lie: Callable[[str], str] = str
        """What the client is told in place of a line of the server."""
        self.cut: str | None = None
        """A request with this verb is not passed on: the connection ends instead."""
        self._news = Condition()
        self._sealed_passed = 0
        self.answers_max: int | None = None
        """So many sealed lines of the server are passed on; then connections end instead."""

    @property
    def address(self) -> str:
        """`HOST:PORT`."""
        return f"{self.server_address[0]!s}:{self.server_address[1]}"

    def said(self, verb: str) -> list[str]:
        """The requests that clients made with this verb."""
        return [line for line in self.sent if line.partition("|")[0] == verb]

    def last(self, verb: str) -> str:
        """How the server answered the last request with this verb, or its last such event."""
        return [line for line in self.answered if line.partition("|")[0] == verb][-1]

    def is_over(self) -> bool:
        """Whether the server's last line is not to be passed on."""
        sealed = [line for line in self.answered if line.startswith("=")]
        return self.answers_max is not None and len(sealed) > self.answers_max

    def passed(self, lines: int, ended: Callable[[], object]) -> None:
        """Wait until so many sealed lines of the server have been passed on, or it has `ended`."""
        with self._news:
            while self._sealed_passed < lines and ended() is None:
                self._news.wait(LOOK_SECONDS)

    def pass_on(self, line: str) -> None:
        """A line of the server was."""
        with self._news:
            self._sealed_passed += line.startswith("=")
            self._news.notify_all()

    def forget(self) -> None:
        """Begin to listen anew."""
        self._sealed_passed = 0
        self.sent.clear()
        self.answered.clear()


class _Connection(StreamRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(self.server.there, PATIENCE_SECONDS) as upstream:
            back = Thread(target=self._back, args=(upstream,))
            back.start()
            with suppress(ConnectionResetError):  # a client may be killed
                self._forth(upstream)
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            back.join()

    def _forth(self, upstream: socket.socket) -> None:
        for raw in self.rfile:
            line = raw.decode().removesuffix("\n")
            self.server.sent.append(line)
            if line.partition("|")[0] == self.server.cut:
                return
            upstream.sendall(raw)

    def _back(self, upstream: socket.socket) -> None:
        # Either end may go at any time, and the other is then told.
        with suppress(OSError), upstream.makefile("rb") as lines:
            for raw in lines:
                line = raw.decode().removesuffix("\n")
                self.server.answered.append(line)
                if self.server.is_over():
                    break
                self.wfile.write(f"{self.server.lie(line)}\n".encode())
                self.server.pass_on(line)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def instead(verb: str, told: str) -> Callable[[str], str]:
    """The lie that answers every request with this verb by `told`."""
    return lambda line: told if line.startswith(f"{verb}|") else line


@contextmanager
def wire(server: Server, host: str = "127.0.0.1") -> Iterator[Wire]:
    """A wire to `server`, at an address of this machine, until the end."""
    with Wire(server, host) as made:
        listening = Thread(target=made.serve_forever)
        listening.start()
        try:
            yield made
        finally:
            made.shutdown()
            listening.join()
