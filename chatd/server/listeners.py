"""The doors: listening sockets, and who comes in."""

from __future__ import annotations

import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from chatd.protocol.errors import Code
from chatd.protocol.events import PROTOCOL, Bye, Hello
from chatd.protocol.wire import write_event

from .addresses import Listen
from .codecs import PLAIN, Codec
from .connection import Connection
from .reactor import Reactor
from .tls import Certificate

BACKLOG = 4_096
ACCEPTS_PER_TURN = 64
KEEPALIVE_IDLE_SECONDS = 60
KEEPALIVE_INTERVAL_SECONDS = 15
KEEPALIVE_PROBES = 3
"""A dead peer that owes us nothing is noticed within 60 + 3 * 15 seconds."""
UNSENT_BYTES_MAX = 131_072  # in the kernel, of a reader that has stopped reading

_log = structlog.get_logger()


class ListenError(Exception):
    """An address cannot be listened on; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket, and what it speaks: `scheme` as people write it, `codec` for each
    connection."""

    sock: socket.socket
    scheme: str = ""
    codec: Callable[[], Codec] = lambda: PLAIN


@contextmanager
def listening(addresses: Iterable[Listen], certificate: Certificate | None) -> Iterator[list[Door]]:
    """Doors at all of them, closed at the end; `certificate` is for those that speak TLS.
    ListenError."""
    doors: list[Door] = []
    with ExitStack() as stack:
        for address in addresses:
            if address.kind == "unix":
                doors.append(Door(stack.enter_context(listen_unix(Path(address.path)))))
                continue
            for sock in listen_tcp(address.host, address.port):
                stack.enter_context(sock)
                doors.append(_door(sock, certificate if address.kind == "tls" else None))
        yield doors


def _door(sock: socket.socket, certificate: Certificate | None) -> Door:
    return Door(sock) if certificate is None else Door(sock, "tls://", certificate.codec)


def listen_tcp(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address of `host`. ListenError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return [_listening(family, address) for family, _, _, _, address in found]
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


@contextmanager
def listen_unix(path: Path) -> Iterator[socket.socket]:
    """A Unix socket, 0600, removed at the end. ListenError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {path}: {error.strerror or error}") from None
    try:
        yield sock
    finally:
        sock.close()
        path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove what a killed server left behind; a socket that answers, or a file, stays."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


@dataclass(slots=True)
class Doors:
    """Lets connections in, up to `connections_max`, and greets them."""

    reactor: Reactor
    server_name: str
    fingerprint: str
    outbox_bytes_max: int
    connections_max: int
    paused: Callable[[], None]
    doors: list[Door]

    def addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports where people come in without TLS."""
        names = [door.sock.getsockname() for door in self.doors if not door.scheme]
        return [(name[0], name[1]) for name in names if isinstance(name, tuple)]

    def open(self) -> None:
        """Take connections."""
        for door in self.doors:
            self.reactor.wakeups.watch(door.sock.fileno(), partial(self._accept, door))

    def shut(self) -> None:
        """Take no more connections, for now."""
        for door in self.doors:
            self.reactor.wakeups.unwatch(door.sock.fileno())

    def close(self) -> None:
        """Take no more connections."""
        self.shut()
        for door in self.doors:
            door.sock.close()
        self.doors = []

    def _accept(self, door: Door) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, address = door.sock.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # it left before we came to it
            except OSError as error:  # out of descriptors or memory: let go for a moment
                _log.warning("cannot accept", problem=error.strerror)
                self.shut()
                self.paused()
                return
            self._welcome(sock, address, door.codec())

    def _welcome(self, sock: socket.socket, address: object, codec: Codec) -> None:
        sock.setblocking(False)
        if len(self.reactor.connections) >= self.connections_max and not self._make_room():
            self.reactor.chat.ledger.counts.turned_away += 1
            self._refuse(sock, codec)
            return
        if sock.family != socket.AF_UNIX:
            _tune(sock)
        source = str(address[0]) if isinstance(address, tuple) else ""
        connection = Connection(self.reactor, sock, source, codec, self.outbox_bytes_max)
        self.reactor.wakeups.admit(connection)
        self.reactor.chat.ledger.counts.connections += 1
        connection.put(self._hello())

    def _hello(self) -> bytes:
        return write_event(Hello(PROTOCOL, self.server_name, self.fingerprint))

    def _refuse(self, sock: socket.socket, codec: Codec) -> None:
        """Say goodbye to somebody who is not let in; they may miss it, and where there is a
        handshake first, they do."""
        bye = write_event(Bye(Code.UNAVAILABLE, "The server is full; try again later."))
        try:
            sock.send(codec.send(self._hello() + bye))
        except OSError as error:
            _log.debug("refusal not sent", problem=error.strerror)
        sock.close()

    def _make_room(self) -> bool:
        """Whoever has not logged in for longest gives way, so that they cannot lock others out."""
        for connection in self.reactor.connections.values():
            if connection.session is None and not connection.busy and connection.alive:
                connection.goodbye(Code.UNAVAILABLE, "The server is full; log in sooner.")
                return len(self.reactor.connections) < self.connections_max * 1.1
        return False


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
