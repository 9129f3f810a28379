"""Sends and receives on all connections, in one loop of one thread.

It has a thread of its own, because trio wakes at whole milliseconds, while a server on the same
machine answers in some tenths of one. A message carries the time at which it was due; whoever
receives it subtracts. With a rate, messages fall due by the clock, however slow the answers are, so
that a server that stalls is charged for all that should have been sent meanwhile. Without one, a
message is due when it is sent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from chatd.protocol.errors import ChatError
from chatd.protocol.events import Bye
from chatd.protocol.wire import read_answer, read_event

from .peer import DUE_DIGITS, Peer
from .tally import Tally
from .watch import WRITE, Watch

DRAIN_SECONDS_MAX = 10.0
"""How long to wait, after the last message, for answers and deliveries."""
FENCES = 2
"""How often each connection is asked whether all has come; a *LAG may follow the first answer."""

_LOOK_SECONDS = 0.1  # how long it sleeps at most, so that `stop` is soon obeyed
_ALWAYS = 1 << 62
_ACK = b"MSG|SUCCESS|"


class Engine:
    """One measurement. `run` blocks; meanwhile other threads may `stop` it and read `tally`."""

    def __init__(
        self,
        watch: Watch,
        peers: Sequence[Peer],
        mark: str,
        window: int,
        rate: float | None,
        seconds: float,
    ) -> None:
        self.tally = Tally()
        self._watch = watch
        self._peers = {peer.fd: peer for peer in peers}
        self._senders = [peer for peer in peers if peer.aims]
        self._mark = f"|{mark}".encode()
        self._window = window
        self._gap_us = None if rate is None else 1e6 / rate
        self._end_us = int(seconds * 1e6)
        self._fallen_due = 0
        self._sending = False
        self._stopped = False
        self._awaited: set[int] = set()  # descriptors where a PING is under way
        self._choked: set[int] = set()  # descriptors whose kernel takes no more
        self._epoch_ns = 0

    def stop(self) -> None:
        """Send no more; what is under way is waited for."""
        self._stopped = True

    def run(self) -> Tally:
        """Send for as long as was planned, then wait until all has come, or can come no more."""
        for peer in self._peers.values():
            self._watch.add(peer.fd)
        self._send_all()
        self._drain()
        if self._gap_us is not None:
            self.tally.unsent = sum(peer.due for peer in self._senders)
        self.tally.unanswered = sum(len(peer.in_flight) for peer in self._senders)
        return self.tally

    def _now(self) -> int:
        """µs since the measuring began."""
        return (time.monotonic_ns() - self._epoch_ns) // 1000

    def _send_all(self) -> None:
        cpu_ns = time.process_time_ns()
        self._epoch_ns = time.monotonic_ns()
        self._sending = True
        if self._gap_us is None:
            self._let_go()
        while not self._stopped and (now := self._now()) < self._end_us:
            next_us = self._end_us if self._gap_us is None else self._fall_due(now)
            self._turn((min(next_us, self._end_us) - self._now()) / 1e6)
        self._sending = False
        if self._gap_us is not None:  # what it had no time to look at has fallen due all the same
            self._fall_due(min(self._now(), self._end_us - 1))
        self.tally.sending_us = self._now()
        self.tally.cpu_share = (time.process_time_ns() - cpu_ns) / 1e3 / self.tally.sending_us

    def _let_go(self) -> None:
        """Without a rate, every sender always has something to send."""
        for peer in self._senders:
            peer.due = _ALWAYS
            self._send(peer)

    def _fall_due(self, now_us: int) -> int:
        """Send what is due by now; when the next message will be."""
        stirred: dict[Peer, None] = {}
        while (next_us := self._due_us(self._fallen_due)) <= now_us:
            peer = self._senders[self._fallen_due % len(self._senders)]
            peer.due += 1
            stirred[peer] = None
            self._fallen_due += 1
        for peer in stirred:
            self._send(peer)
        return next_us

    def _due_us(self, number: int) -> int:
        """When a message is due by the clock, counted over all senders."""
        assert self._gap_us is not None
        return int(number * self._gap_us)

    def _send(self, peer: Peer) -> None:
        """Send what is due and fits in the window."""
        count = min(peer.due, self._window - len(peer.in_flight))
        if count <= 0 or not self._sending or peer.fd not in self._peers:
            return
        if self._gap_us is None:
            dues_us = [self._now()] * count
        else:
            # They are dealt to the senders in turn.
            numbers = range(peer.number, peer.number + count)
            dues_us = [self._due_us(n * len(self._senders) + peer.place) for n in numbers]
        peer.due -= count
        self.tally.sent += count
        self._try(peer, lambda peer: peer.post(dues_us))

    def _drain(self) -> None:
        """Wait for the answers, then for all that stands before the answer to a PING."""
        deadline_us = self._now() + int(DRAIN_SECONDS_MAX * 1e6)
        self._until(deadline_us, lambda: not any(peer.in_flight for peer in self._senders))
        for _ in range(FENCES):
            self._awaited = set(self._peers)
            for peer in list(self._peers.values()):
                self._try(peer, _ping)
            self._until(deadline_us, lambda: not self._awaited)
        self.tally.overdue = bool(self._awaited)

    def _until(self, deadline_us: int, done: Callable[[], bool]) -> None:
        while self._peers and not done() and (left_us := deadline_us - self._now()) > 0:
            self._turn(left_us / 1e6)

    def _turn(self, seconds_max: float) -> None:
        """Receive what has come; wait for something if nothing has."""
        for descriptor, mask in self._watch.ready(min(seconds_max, _LOOK_SECONDS)):
            peer = self._peers.get(descriptor)
            if peer is not None and mask & WRITE:
                self._try(peer, Peer.send)
            if peer is not None and mask & ~WRITE:
                self._try(peer, self._receive)

    def _try(self, peer: Peer, action: Callable[[Peer], None]) -> None:
        """Do something with a connection, which may end it."""
        try:
            action(peer)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else "The server closed the connection"
            self._lose(peer, f"{why}.")
        except (ChatError, ValueError):
            self._lose(peer, "The server sent a line that cannot be read.")
        if bool(peer.unsent) != (peer.fd in self._choked) and peer.fd in self._peers:
            self._choked ^= {peer.fd}
            self._watch.writing(peer.fd, bool(peer.unsent))

    def _lose(self, peer: Peer, why: str) -> None:
        """A connection has ended: what it would have heard cannot be counted any more."""
        if self._peers.pop(peer.fd, None) is not None:
            self._watch.remove(peer.fd)
            self._awaited.discard(peer.fd)
            self.tally.lost.append(why)
            self.stop()

    def _receive(self, peer: Peer) -> None:
        data = peer.receive()
        now_us = self._now()
        _, *texts = data.split(self._mark)
        acks = data.count(_ACK) if peer.in_flight else 0
        if texts:
            self.tally.last_us = now_us
            self.tally.delivered += len(texts)
            self.tally.delivery.add([now_us - int(text[:DUE_DIGITS]) for text in texts])
        if acks <= len(peer.in_flight) and acks + len(texts) == data.count(b"\n"):
            self._acknowledge(peer, acks, now_us)
        else:
            self._read_lines(peer, data, now_us)
        self._send(peer)

    def _acknowledge(self, peer: Peer, count: int, now_us: int) -> None:
        """The oldest messages under way were posted."""
        oldest = [peer.in_flight.popleft() for _ in range(count)]
        if oldest:
            self.tally.last_us = now_us
        self.tally.acknowledged += count
        self.tally.ack.add([now_us - due_us for due_us, _ in oldest])
        self.tally.expected += sum(deliveries for _, deliveries in oldest)

    def _read_lines(self, peer: Peer, data: bytes, now_us: int) -> None:
        """The long way, for lines that are neither messages nor acknowledgements alone."""
        for line in data.decode(errors="replace").split("\n")[:-1]:
            if line.startswith("*BYE|") and isinstance(bye := read_event(line), Bye):
                self._lose(peer, f"{bye.code}: {bye.sentence}")
            elif line.startswith("*"):
                self.tally.lags += line.startswith("*LAG|")
            elif line.startswith("PING|"):
                self._awaited.discard(peer.fd)
            elif peer.in_flight:
                self._answer(peer, line, now_us)

    def _answer(self, peer: Peer, line: str, now_us: int) -> None:
        answer = read_answer(line)
        if answer.outcome == "SUCCESS":
            self._acknowledge(peer, 1, now_us)
        else:
            peer.in_flight.popleft()
            self.tally.refused[answer.error().code] += 1


def _ping(peer: Peer) -> None:
    peer.send(b"PING\n")
