"""A malicious server: a real one behind a proxy that passes lines on, or lies.

with lying(server) as liar:
    with liar.tells(instead("SALT|SUCCESS|", "SALT|SUCCESS|none")):
        ...  # a client that connects to `liar.address`

A rule takes a line, without its LF, and gives the lines that go on in its place: none, one or many,
without an end if it likes. `liar.heard` is all that either side has sent, before any rule.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from tests.peer import PATIENCE_SECONDS
from tests.serving import Server

Rule = Callable[[str], Iterable[str]]
Edit = Callable[[list[str]], list[str]]


class Liar:
    """Made by `lying`."""

    def __init__(self, server: Server) -> None:
        self.heard = bytearray()
        self._server = server
        self._tells: list[Rule] = []
        self._asks: list[Rule] = []
        self._faults: list[Exception] = []
        self._lock = Lock()
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self._threads: list[Thread] = []
        self._begin(self._welcome)

    @property
    def address(self) -> str:
        """Where the clients are to connect to."""
        return f"127.0.0.1:{self._sockets[0].getsockname()[1]}"

    @contextmanager
    def tells(self, *rules: Rule) -> Iterator[None]:
        """Within, `rules` change what the server says, one after the other."""
        with _within(self._tells, rules):
            yield

    @contextmanager
    def asks(self, *rules: Rule) -> Iterator[None]:
        """Within, `rules` change what the clients say."""
        with _within(self._asks, rules):
            yield

    def close(self) -> None:
        """End all connections; raises what went wrong in a rule."""
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        for sock in self._sockets:
            sock.close()
        if self._faults:
            raise self._faults[0]

    def _begin(self, task: Callable[..., None], *args: object) -> None:
        thread = Thread(target=task, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _welcome(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._sockets[0].accept()
                server = socket.create_connection(("127.0.0.1", self._server.port))
                self._sockets += [client, server]
                self._begin(self._carry, client, server, self._asks)
                self._begin(self._carry, server, client, self._tells)

    def _carry(self, source: socket.socket, sink: socket.socket, rules: list[Rule]) -> None:
        try:
            with suppress(OSError), source.makefile("rb") as lines:
                for line in lines:
                    self.heard += line
                    for told in self._ruled([line.rstrip(b"\n").decode()], tuple(rules)):
                        sink.sendall(told.encode() + b"\n")
        except Exception as fault:  # noqa: BLE001 - the test's own; `close` raises it
            self._faults.append(fault)
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _ruled(self, lines: Iterable[str], rules: Sequence[Rule]) -> Iterator[str]:
        if not rules:
            yield from lines
            return
        for line in lines:
            with self._lock:  # a rule may remember things
                told = rules[0](line)
            yield from self._ruled(told, rules[1:])


@contextmanager
def lying(server: Server) -> Iterator[Liar]:
    """A liar before `server`, which tells the truth until it has rules."""
    liar = Liar(server)
    try:
        yield liar
    finally:
        liar.close()


@contextmanager
def _within(rules: list[Rule], more: Iterable[Rule]) -> Iterator[None]:
    before = [*rules]
    rules.extend(more)
    try:
        yield
    finally:
        rules[:] = before


def instead(begin: str, *lines: str) -> Rule:
    """These in place of a line that begins so; none at all: it is kept back."""
    return lambda line: lines if line.startswith(begin) else [line]


def after(begin: str, *lines: str) -> Rule:
    """These behind a line that begins so."""
    return lambda line: [line, *lines] if line.startswith(begin) else [line]


def edited(begin: str, edit: Edit) -> Rule:
    """The line's fields changed; text that ends a line may be several of them."""

    def rule(line: str) -> list[str]:
        return ["|".join(edit(line.split("|")))] if line.startswith(begin) else [line]

    return rule


def listing(verb: str, *items: str) -> Rule:
    """These items as the answer to `verb`, which is a list; they may be of any form."""
    lines = [f"{verb}|ITEM|{item}" for item in items]
    dropped = instead(f"{verb}|ITEM|")
    ended = instead(f"{verb}|SUCCESS|", *lines, f"{verb}|SUCCESS|{len(lines)}")
    return lambda line: [told for kept in dropped(line) for told in ended(kept)]
