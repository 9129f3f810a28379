"""The one task that reads all connections, and the one place that writes to them.

All sockets are registered once, edge-triggered, with an epoll descriptor of our own; trio waits for
that descriptor. A turn reads every ready socket, carries out what it brought, then flushes every
outbox that was written to: one `send` each, however many lines. Compared with a task for each
connection this halves the price of a message and costs a sixth of the memory at rest.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from chatd.chat.changes import SessionUsed
from chatd.chat.chat import Chat
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lifecycle import State, Step, after

from .connection import REPLY_BYTES_MAX, Connection
from .outbox import LATER
from .wakeups import ENDS, GONE, Wakeups

if TYPE_CHECKING:
    from .committer import Committer

TURNS_MAX = 8
GATHER_MAX = 128
FLUSHES_PER_YIELD = 256
CROWD = 8
"""Where so many are served at once, what may wait does: soon it leaves with more."""
LATER_SECONDS_MAX = 0.004
_USED_MS_FRESH = 60_000
_OUT = select.EPOLLOUT


class Reactor:
    """All connections. `carry_on` carries out some of a connection's lines; `reject` ends one that
    sent what it must not."""

    def __init__(self, chat: Chat, now: Callable[[], float]) -> None:
        self.chat = chat
        self.now = now
        self.wakeups = Wakeups()
        self.connections = self.wakeups.connections
        self.dirty: list[Connection] = []  # their outboxes were written to
        self.later: list[Connection] = []  # theirs may wait
        self._later_until = 0.0  # so long, on the clock of `now`; 0: nothing waits
        self.reading = True
        self.carry_on: Callable[[Connection], None]
        self.reject: Callable[[Connection, ChatError], None]
        self.committer: Committer
        self._ready: list[Connection] = []  # have input to go on with
        self._drained: dict[Connection, trio.Event] = {}
        chat.ledger.wake = self.wakeups.rouse

    async def run(self) -> None:
        """Read, carry out and flush, for ever."""
        while True:
            if self._at_rest():
                await self.wakeups.sleep(self._later_until)
            else:
                await trio.lowlevel.checkpoint()
            crowd = self._gather()
            crowd += self.committer.step()
            if self.later:
                self.hurry(crowd)
            await self.flush()

    def go_on_later(self, connection: Connection) -> None:
        """In the next turn, go on with a connection's input."""
        self._queue(connection)
        self.wakeups.rouse()

    async def flush(self) -> None:
        """Send what waits in every outbox that was written to."""
        while self.dirty:
            some = self.dirty[:FLUSHES_PER_YIELD]
            del self.dirty[:FLUSHES_PER_YIELD]
            for connection in some:
                if connection.writable:
                    self._flush_one(connection)
            if self.dirty:
                await trio.lowlevel.checkpoint()

    async def drained(self, connection: Connection) -> None:
        """Wait until little waits in a connection's outbox, or nobody reads it."""
        while connection.alive and connection.outbox.bytes > REPLY_BYTES_MAX:
            await self._drained.setdefault(connection, trio.Event()).wait()

    def leave(self, connection: Connection) -> None:
        """A connection no longer takes part in the chat."""
        self.chat.epoch.routes.pop(connection, None)
        self.chat.services.leave(connection)
        session = connection.session
        if session is None:
            return
        chat = self.chat
        chat.hub.detach(connection, session.account)
        now_ms = chat.clock.now_ms()
        if now_ms - session.used_ms > _USED_MS_FRESH:
            session.used_ms = now_ms
            chat.ledger.store(SessionUsed(session.id, connection.address, now_ms))

    def close(self, connection: Connection) -> None:
        """Close a connection, whatever waits."""
        if connection.state is State.CLOSED:
            return
        self.leave(connection)
        connection.close()
        del self.connections[connection.fd]
        self._release_waiters(connection)

    def hurry(self, crowd: int) -> None:
        """Let what may wait wait no longer, unless it began to just now, in a crowd."""
        now = self.now()
        if crowd >= CROWD and not self._later_until:
            self._later_until = now + LATER_SECONDS_MAX
        if now >= self._later_until:
            self._later_until = 0.0
            self.dirty += [c for c in self.later if c.outbox.due == LATER]
            self.later.clear()

    def _at_rest(self) -> bool:
        if self.dirty or self.committer.due or (self.later and not self._later_until):
            return False  # a task may have left something while the last flush made way for it
        return self.committer.overfull or not self._ready

    def _gather(self) -> int:
        """Take turns until nobody is ready, or somebody has more, or it was many; how many had
        input."""
        crowd = 0
        for _ in range(TURNS_MAX):
            had_input = self._turn()
            crowd += had_input
            if had_input == 0 or self._ready or crowd >= GATHER_MAX:
                break
        return crowd

    def _turn(self) -> int:
        """Mark what happened, go on with whoever has input, then let new ones in: a descriptor
        that is closed on the way is not taken for a new one. Returns how many had input."""
        opened = []
        connections = self.connections
        for descriptor, mask in self.wakeups.happened():
            connection = connections.get(descriptor)
            if connection is not None:
                self._note(connection, mask)
            elif descriptor in self.wakeups.doors:
                opened.append(descriptor)
        ready: list[Connection] = []
        if not self.committer.overfull:
            ready, self._ready = self._ready, ready
        for connection in ready:
            connection.queued = False
            self._go_on(connection)
        for descriptor in opened:
            if (door := self.wakeups.doors.get(descriptor)) is not None:
                door()
        return len(ready)

    def _note(self, connection: Connection, mask: int) -> None:
        if mask & ~_OUT:
            connection.readable = True
            if mask & ENDS:
                connection.hung_up = True
                if mask & GONE and connection.busy:
                    self.chat.services.leave(connection)  # it is not read before its call ends
            self._queue(connection)
        if mask & _OUT and not connection.writable:
            connection.writable = True
            self.dirty.append(connection)

    def _queue(self, connection: Connection) -> None:
        if not connection.queued:
            connection.queued = True
            self._ready.append(connection)

    def _go_on(self, connection: Connection) -> None:
        """Carry out some of a connection's lines, reading more where there are none."""
        if (not connection.alive and self._ends(connection)) or connection.held:
            return
        if connection.readable and not connection.lines:
            self._read(connection)
        if connection.lines:
            self.carry_on(connection)
        if (
            connection.lines
            or connection.readable
            or connection.input_ended
            or not connection.alive
        ):
            self._go_on_further(connection)

    def _ends(self, connection: Connection) -> bool:
        """Whether nothing more is to be carried out for one that is told nothing any more."""
        if connection.state in (State.CLOSING, State.LINGERING):
            self._discard(connection)
            return True
        if connection.state is State.LOST and connection.deaf:
            self.close(connection)
        return connection.state is State.CLOSED

    def _go_on_further(self, connection: Connection) -> None:
        """Some lines were carried out: take the next in another turn, or see whether it was all."""
        if connection.held:
            return
        if connection.lines or (connection.readable and self.reading):
            self._queue(connection)
        elif connection.input_ended or (not connection.alive and connection.state is State.LOST):
            self._finish(connection)

    def _read(self, connection: Connection) -> None:
        if not self.reading:
            return
        try:
            connection.lines = connection.reader.receive(connection.receive())
        except EOFError:
            self._input_ended(connection, Step.INPUT_ENDED)
        except OSError:
            self._input_ended(connection, Step.PEER_LOST)
        except ChatError as error:
            self.reject(connection, error)

    def _input_ended(self, connection: Connection, step: Step) -> None:
        connection.readable = False
        connection.input_ended = True
        connection.step(step)
        if connection.state is State.LOST:
            connection.outbox.clear()  # and half a line is none: its end may be what was lost
        else:
            connection.lines = connection.reader.end(connection.cut)

    def _finish(self, connection: Connection) -> None:
        """All that was received is carried out, and no more will come."""
        if connection.state is State.LOST:
            self.close(connection)
        elif connection.pending:
            self.chat.ledger.anyway(connection.goodbye, Code.EOF, "You ended your input. Goodbye.")
        else:
            connection.goodbye(Code.EOF, "You ended your input. Goodbye.")

    def _discard(self, connection: Connection) -> None:
        """After the goodbye: read on for a while, so that closing does not destroy it."""
        if not connection.readable:
            return
        try:
            connection.receive()
            self._queue(connection)
        except EOFError:
            connection.readable, connection.input_ended = False, True
            if after(connection.state, Step.INPUT_ENDED) is State.CLOSED:
                self.close(connection)
        except OSError:
            self.close(connection)

    def _flush_one(self, connection: Connection) -> None:
        try:
            done = connection.flush()
        except OSError:
            self._lost(connection)
            return
        waited_for = connection.choked or self._drained
        if waited_for and connection.outbox.bytes <= REPLY_BYTES_MAX:
            self._release_waiters(connection)
        if done and not connection.alive and connection.state is State.CLOSING:
            self._said_goodbye(connection)

    def _release_waiters(self, connection: Connection) -> None:
        if connection.choked:
            connection.choked = False
            self.go_on_later(connection)
        if (event := self._drained.pop(connection, None)) is not None:
            event.set()

    def _lost(self, connection: Connection) -> None:
        """Nobody reads any more; what was received is still carried out."""
        if after(connection.state, Step.PEER_LOST) is State.CLOSED:
            self.close(connection)
            return
        connection.step(Step.PEER_LOST)
        connection.outbox.clear()
        self._release_waiters(connection)
        connection.readable = connection.hung_up = True
        self.go_on_later(connection)

    def _said_goodbye(self, connection: Connection) -> None:
        connection.step(Step.FLUSHED)
        if connection.input_ended:
            self.close(connection)
            return
        try:
            connection.sock.shutdown(1)
        except OSError:
            self.close(connection)
            return
        self.go_on_later(connection)
