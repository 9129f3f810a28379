"""What the clock demands, in a few slow loops: time-outs, dead peers, housekeeping."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

import structlog
import trio

from chatd.chat.changes import SessionUsed
from chatd.chat.chat import Chat
from chatd.chat.ports import Unavailable
from chatd.protocol.errors import Code
from chatd.protocol.lifecycle import State
from chatd.storage.base import Store

from .connection import Connection
from .reactor import Reactor
from .sealing import Sealed

SWEEP_SECONDS = 1
PEERS_SWEEP_SECONDS = 15
TIDY_SECONDS = 10
SESSIONS_SWEEP_SECONDS = 3_600
LINGER_SECONDS_MAX = 2
GOODBYE_SECONDS_MAX = 10
HANDSHAKE_SECONDS_MAX = 10
UNANSWERED_SECONDS_MAX = 90
PEERS_PER_YIELD = 500
_HOUR_MS = 3_600_000

_TCP_INFO = struct.Struct("=8B5I")  # linux/tcp.h, struct tcp_info, as far as we read it
_RETRANSMITS, _UNACKED = 2, 8 + 4

_log = structlog.get_logger()


@dataclass(slots=True)
class Sweeper:
    """The loops; `run` starts them in a nursery of its own."""

    chat: Chat
    reactor: Reactor
    store: Store
    idle_login_seconds_max: float
    login_seconds_max: float
    idle_sealed_seconds_max: float

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._time_outs)
            nursery.start_soon(self._peers)
            nursery.start_soon(self._sessions)
            nursery.start_soon(self._tidy)

    async def _time_outs(self) -> None:
        ending: dict[tuple[Connection, State, int], float] = {}  # since when nothing leaves
        while True:
            await trio.sleep(SWEEP_SECONDS)
            now = self.reactor.now()
            for connection in list(self.reactor.connections.values()):
                if connection.state in (State.CLOSING, State.LINGERING):
                    self._end(connection, now - ending.setdefault(_progress(connection), now))
                elif connection.session is None and not connection.busy:
                    self._log_in_sooner(connection, now)
            for key in [key for key in ending if _progress(key[0]) != key]:
                del ending[key]
            await self.reactor.flush()

    def _end(self, connection: Connection, seconds: float) -> None:
        lingering = connection.state is State.LINGERING
        if seconds >= (LINGER_SECONDS_MAX if lingering else GOODBYE_SECONDS_MAX):
            self.reactor.close(connection)

    def _log_in_sooner(self, connection: Connection, now: float) -> None:
        if connection.codec.opening:
            if now - connection.opened_seconds >= HANDSHAKE_SECONDS_MAX:
                self.reactor.close(connection)
        elif now - connection.quiet_since_seconds >= self._idle_seconds_max(connection):
            connection.goodbye(Code.TIMEOUT, "No line came for too long; log in sooner.")
        elif now - connection.opened_seconds >= self.login_seconds_max:
            connection.goodbye(Code.TIMEOUT, "You did not log in; connect again when ready.")

    def _idle_seconds_max(self, connection: Connection) -> float:
        sealed = isinstance(connection.codec, Sealed)
        return self.idle_sealed_seconds_max if sealed else self.idle_login_seconds_max

    async def _peers(self) -> None:
        """Keep-alive finds dead peers that owe us nothing; these are those that do: the kernel
        would try for a quarter of an hour. A living one acknowledges, even if it does not read."""
        suspects: dict[Connection, float] = {}  # since when
        while True:
            await trio.sleep(PEERS_SWEEP_SECONDS)
            now, before = self.reactor.now(), suspects
            suspects = {}
            for number, connection in enumerate(list(self.reactor.connections.values())):
                if number % PEERS_PER_YIELD == PEERS_PER_YIELD - 1:
                    await trio.lowlevel.checkpoint()
                if connection.state is State.CLOSED or not unanswered(connection.sock):
                    continue
                suspects[connection] = before.get(connection, now)
                if now - suspects[connection] >= UNANSWERED_SECONDS_MAX:
                    self.reactor.close(connection)

    async def _sessions(self) -> None:
        """A session that is connected is in use, however quiet."""
        while True:
            await trio.sleep(SESSIONS_SWEEP_SECONDS)
            now_ms = self.chat.clock.now_ms()
            for connection in self.reactor.connections.values():
                session = connection.session
                if session is not None and now_ms - session.used_ms > _HOUR_MS:
                    session.used_ms = now_ms
                    self.chat.ledger.store(SessionUsed(session.id, connection.address, now_ms))

    async def _tidy(self) -> None:
        while True:
            await trio.sleep(TIDY_SECONDS)
            try:
                await self.store.tidy(self.chat.clock.now_ms())
            except Unavailable as error:
                _log.warning("cannot tidy", problem=str(error))


def _progress(connection: Connection) -> tuple[Connection, State, int]:
    return connection, connection.state, connection.outbox.bytes


def unanswered(sock: socket.socket) -> bool:
    """Whether data was sent, and sent again, and is not acknowledged."""
    if sock.family == socket.AF_UNIX:
        return False
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    if len(raw) < _TCP_INFO.size:
        return False
    info = _TCP_INFO.unpack(raw)
    return bool(info[_UNACKED]) and bool(info[_RETRANSMITS])
