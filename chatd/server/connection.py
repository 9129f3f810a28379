"""One connection: its socket, its place in life (`lifecycle`), and what waits in and out."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import structlog

from chatd.chat.model import Session
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import Bye, Lag
from chatd.protocol.lifecycle import State, Step, after
from chatd.protocol.lines import Line, LineReader
from chatd.protocol.wire import write_event
from chatd.security.channel import Channel

from .codecs import PLAIN, Codec
from .outbox import Outbox
from .sealing import Sealed

if TYPE_CHECKING:
    from .reactor import Reactor

READ_BYTES_MAX = 65_536
REPLY_BYTES_MAX = 262_144
"""While more than this waits to be sent, the connection's requests wait too."""

CODEC_BYTES_MAX = 65_536
"""So much of a codec's own may wait, for a peer that does not read."""

_log = structlog.get_logger()
_LIVE = frozenset({State.OPEN, State.DRAINING})
_SCRATCH = memoryview(bytearray(READ_BYTES_MAX))
"""What was read last, of any connection: room made anew for each read costs more than to copy."""


class Connection:
    """A `chat.ports.Client` on a socket. The reactor reads, carries out and flushes it."""

    __slots__ = (
        "address",
        "alive",
        "busy",
        "choked",
        "codec",
        "deaf",
        "deliver",
        "fd",
        "hears_after",
        "hung_up",
        "input_ended",
        "lines",
        "next_codec",
        "next_line",
        "opened_seconds",
        "outbox",
        "pending",
        "queued",
        "quiet_since_seconds",
        "reactor",
        "readable",
        "reader",
        "session",
        "sock",
        "state",
        "unwelcomed",
        "writable",
    )

    def __init__(
        self, reactor: Reactor, sock: socket.socket, address: str, codec: Codec, bytes_max: int
    ) -> None:
        self.reactor = reactor
        self.sock = sock
        self.fd = sock.fileno()
        self.address = address
        self.codec = codec
        self.next_codec: Codec | None = None  # once its request is answered
        self.state = State.OPEN
        self.alive = True  # may still be told something
        self.session: Session | None = None
        self.pending = 0
        self.unwelcomed = False
        self.hears_after = 0
        self.outbox = Outbox(bytes_max, self, reactor.dirty, self._later)
        self.deliver = self.outbox.deliver  # as it is: each line to each listener passes here
        self.reader = LineReader()
        self.lines: list[Line] = []  # received, from next_line on not yet carried out
        self.next_line = 0
        self.busy = False  # a request is being carried out in a task
        self.choked = False  # its requests wait until its replies have left
        self.deaf = False  # it has said goodbye
        self.queued = False  # the reactor will go on with it in its next turn
        self.readable = False  # the socket may have input; it is registered edge-triggered
        self.hung_up = False  # the input has an end or an error to be read
        self.input_ended = False
        self.writable = True
        self.opened_seconds = self.quiet_since_seconds = reactor.now()

    @property
    def held(self) -> bool:
        """Whether its requests wait: for one that is under way, for its replies to leave, or for
        ever."""
        return self.busy or self.choked or self.deaf

    @property
    def cut(self) -> bool:
        """Whether somebody else may have ended its input."""
        return self.codec.guarded and self.codec.ended is None

    @property
    def encrypted(self) -> bool:
        return self.codec is not PLAIN

    @property
    def behind(self) -> bool:
        return self.outbox.bytes > REPLY_BYTES_MAX

    @property
    def device_key(self) -> bytes | None:
        """The static key of the client's device, which it has proved to have, inside IK."""
        return self.codec.peer_key

    @property
    def has_more(self) -> bool:
        return self.next_line < len(self.lines) or self.reader.partial

    def seal(self, channel: Channel) -> None:
        self.next_codec = Sealed(channel)

    def change_codec(self) -> None:
        """Go over to the next codec; what waits to be sent is of the time before."""
        if self.next_codec is None or not self.alive:
            return
        unsent = bytes(self.outbox.unsent or b"") + self._encoded()
        self.outbox.unsent = memoryview(unsent) if unsent else None
        self.codec, self.next_codec = self.next_codec, None
        self.reactor.chat.ledger.counts.sealed_handshakes += 1

    def put(self, line: bytes) -> None:
        if self.alive:
            self.outbox.put(line)

    def put_later(self, line: bytes) -> None:
        if self.alive:
            self.outbox.put_later(line)

    def goodbye(self, code: Code, sentence: str) -> None:
        if not self.alive:
            return
        self._tell_missed(self.outbox.missed())
        self.outbox.put(write_event(Bye(code, sentence)))
        self.drop_input()
        self.step(Step.GOODBYE)
        self.reactor.leave(self)
        self.session = None  # a request that still waits for memory must not be carried out

    def stop_listening(self) -> None:
        """Carry out nothing more; a goodbye is on its way."""
        self.deaf = True
        self.drop_input()

    def step(self, step: Step) -> None:
        """Move on in life."""
        self.state = after(self.state, step)
        self.alive = self.state in _LIVE
        self.outbox.closed = not self.alive

    def drop_input(self) -> None:
        """Forget what was received and not carried out."""
        self.lines, self.next_line = [], 0

    def receive(self) -> bytes:
        """Read once; b"" where there is nothing now. OSError, EOFError, ChatError."""
        if self.codec is not PLAIN:
            self._demand_open()
        try:
            count = self.sock.recv_into(_SCRATCH)
        except BlockingIOError:
            self.readable = False
            return b""
        if not count:
            raise EOFError
        # A short read has emptied the socket, unless an end or an error stands behind it.
        if count < READ_BYTES_MAX and not self.hung_up:
            self.readable = False
        data = bytes(_SCRATCH[:count])
        return data if self.codec is PLAIN else self._decoded(data)

    def _demand_open(self) -> None:
        """EOFError, OSError, ChatError where nothing more can come, or is wanted."""
        ended = self.codec.ended
        past_telling = self.deaf or not self.alive
        if ended is not None and not (past_telling and isinstance(ended, ChatError)):
            raise ended
        if self.codec.waiting > CODEC_BYTES_MAX:
            raise ConnectionAbortedError("it asks for answers that it does not read")

    def _decoded(self, data: bytes) -> bytes:
        opening = self.codec.opening
        plain = self.codec.receive(data)
        if opening and not self.codec.opening:
            self.reactor.chat.ledger.counts.tls_handshakes += 1
        if isinstance(self.codec.ended, OSError):
            self._complain()
        elif self.codec.waiting:
            self.outbox.put(b"")
        if self.codec.ended is not None:
            self.readable = True  # to come to the end, once what came before is carried out
        return plain

    def _complain(self) -> None:
        """Tell what was wrong, as the last we say, and if it is heard."""
        try:
            self.sock.send(self.codec.send(b""))
        except OSError as error:
            _log.debug("complaint not sent", problem=error.strerror)

    def flush(self) -> bool:
        """Send what waits, as far as the kernel takes it; whether all has left. OSError."""
        outbox = self.outbox
        data: bytes | memoryview | None = outbox.unsent or self._encoded()
        while data:
            try:
                sent = self.sock.send(data)
            except BlockingIOError:
                sent = 0
            outbox.bytes -= sent
            if sent < len(data):
                outbox.unsent = memoryview(data)[sent:]
                self.writable = False
                return False
            outbox.unsent = None
            if outbox.lagged is not None:
                self._tell_missed(outbox.caught_up())
            data = self._encoded() if outbox.chunks else None
        return True

    def _encoded(self) -> bytes:
        """What is to be sent next."""
        plain = self.outbox.take()
        if self.codec is PLAIN:
            return plain
        coded = self.codec.send(plain)
        if self.state is State.CLOSING:
            coded += self.codec.end()
        self.outbox.bytes += len(coded) - len(plain)
        return coded

    def close(self) -> None:
        """Close the socket, whatever waits, and let go of all keys."""
        self.state = State.CLOSED
        self.alive = False
        self._count_missed(0)
        self.outbox.clear()
        self.drop_input()
        self.codec, self.next_codec = PLAIN, None
        self.sock.close()

    def _tell_missed(self, lagged: dict[str, int]) -> None:
        self._count_missed(len(lagged))
        for conversation, seq in lagged.items():
            self.outbox.put(write_event(Lag(conversation, seq)))

    def _count_missed(self, lags: int) -> None:
        counts = self.reactor.chat.ledger.counts
        counts.lags += lags
        counts.dropped += self.outbox.dropped
        self.outbox.dropped = 0

    def _later(self) -> None:
        self.reactor.later.append(self)
        self.reactor.wakeups.rouse()
