"""Plays a dialog (script.py) against a real server, and is strict about it.

Each client must receive exactly the lines that are listed, in their order, and at the end nothing
else: a last PING is answered at once. Five ways to send give five plays of every dialog.
"""

from __future__ import annotations

import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

from tests.dialogs.devices import one_time_ids, private, public
from tests.dialogs.memory import Memory
from tests.dialogs.pieces import pieces, wait_until_received
from tests.dialogs.quick import QuickServer
from tests.dialogs.script import (
    Act,
    Expect,
    NoDialog,
    Send,
    Step,
    Way,
    block_at,
    read_dialog,
    settings,
)
from tests.dialogs.spool import Letters
from tests.peer import Peer
from tests.serving import SECRET, Server
from tests.tls import certificate

_SECRET = ("token", "once", "code")
_ABRUPT = struct.pack("ii", 1, 0)


class Sending(Enum):
    """How a client's lines leave it."""

    WHOLE = auto()
    BYTE_BY_BYTE = auto()
    ONE_PACKET = auto()
    TLS = auto()  # whole, inside TLS; SEALED likewise
    SEALED = auto()


class WrongPlay(AssertionError):
    """The server said something else than the dialog has it say."""


class Player:
    """One performance."""

    def __init__(self, folder: Path, sending: Sending) -> None:
        self._folder = folder
        self._sending = sending
        self._server: Server | None = None
        self._settings: dict[str, object] = {}
        self._peers: dict[str, Peer] = {}
        self._memory = Memory()
        self._letters = Letters()
        self._sent: set[int] = set()  # indices of the steps whose lines have left already

    def play(self, steps: list[Step]) -> None:
        """Play `steps`, then see that nothing is left over. Raises WrongPlay."""
        try:
            for index, step in enumerate(steps):
                self._play(steps, index, step)
            self._curtain()
        finally:
            self._part()
            if self._server is not None and self._server.process is not None:
                self._server.kill()

    def _play(self, steps: list[Step], index: int, step: Step) -> None:
        if isinstance(step, Act):
            self._act(step)
        elif isinstance(step, Send):
            if index not in self._sent:
                self._send(step.client, list(self._together(steps, index)))
        elif step.way is Way.ANY_ORDER:
            if not self._follows(steps, index, step):
                self._expect_any_order(block_at(steps, index))
        else:
            self._expect(step)

    # What leaves

    def _together(self, steps: list[Step], index: int) -> Iterator[bytes]:
        """The lines of the send at `index` and of those that leave with it."""
        first = steps[index]
        assert isinstance(first, Send)
        yield from self._lines(first)
        if self._sending is not Sending.ONE_PACKET:
            return
        for later in range(index + 1, len(steps)):
            step = steps[later]
            if isinstance(step, Act) or step.client != first.client:
                return
            if isinstance(step, Send):
                try:
                    lines = self._lines(step)
                except KeyError:  # it repeats what is yet to be received
                    return
                self._sent.add(later)
                yield from lines

    def _lines(self, step: Send) -> list[bytes]:
        line = self._memory.filled(step.line)
        if step.raw:
            return [line.encode("latin-1").decode("unicode_escape").encode("latin-1")] * step.times
        return [f"{line}\n".encode()] * step.times

    def _send(self, client: str, lines: list[bytes]) -> None:
        peer = self._peer(client)
        if self._sending is Sending.ONE_PACKET:
            lines = [b"".join(lines)]
        for line in lines:
            for piece in pieces(line) if self._sending is Sending.BYTE_BY_BYTE else [line]:
                peer.send_bytes(piece)

    # What comes

    def _expect(self, step: Expect) -> None:
        for _ in range(step.times):
            if not self._memory.matches(step.line, got := self._read(step)):
                raise _wrong(step, got)
        if step.way is Way.MANY:
            self._expect_more(step)

    def _expect_more(self, step: Expect) -> None:
        while self._memory.matches(step.line, got := self._read(step)):
            pass
        self._peer(step.client).put_back(got)

    def _expect_any_order(self, block: list[Expect]) -> None:
        left = list(block)
        while left:
            got = self._read(left[0])
            matching = [step for step in left if self._memory.matches(step.line, got)]
            if not matching:
                raise _wrong(left[0], got)
            left.remove(matching[0])

    def _read(self, step: Expect) -> str:
        try:
            return self._peer(step.client).read()
        except (EOFError, TimeoutError, ConnectionError) as gone:
            raise _wrong(step, repr(gone)) from None

    @staticmethod
    def _follows(steps: list[Step], index: int, step: Expect) -> bool:
        before = steps[index - 1]
        return isinstance(before, Expect) and (before.client, before.way) == (step.client, step.way)

    # What is done

    def _act(self, step: Act) -> None:
        if step.actor == "settings":
            self._settings = settings(step.what)
        elif step.actor == "check":
            self._check(step)
        elif step.actor == "server":
            self._act_server(step)
        elif step.actor == "spool":
            self._read_letter(*step.what.split(" "))
        else:
            self._act_client(step)

    def _act_client(self, step: Act) -> None:
        client, what = step.actor, step.what
        if what == "device":
            self._memory.held[f"{client}_device"] = public(client)
        elif what.startswith("connect"):
            self._connect(client, what)
        elif what == "half-close":
            self._peer(client).half_close()
        elif what in ("close", "reset"):
            with self._peers.pop(client) as peer:
                wait_until_received(peer.sock)
                if what == "reset":
                    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
        elif what == "closed":
            with self._peers.pop(client) as peer:
                if not peer.ended():
                    raise WrongPlay(f"{step.where}: {client} is not closed, but got {peer.read()}")
        else:
            raise NoDialog(f"{step.where}: {what}")

    def _connect(self, client: str, how: str) -> None:
        self._memory.held.pop(f"{client}_token", None)
        server = self._running()
        by_device = how == "connect by device"
        self._peers[client] = server.connect_by(private(client)) if by_device else server.connect()

    def _act_server(self, step: Act) -> None:
        if step.what == "kill -9":
            self._running().kill()
            self._part()
        elif step.what == "stop":
            self._running().signal(signal.SIGTERM)
        elif step.what.startswith("restart"):
            self._await_end(step.where)
            self._running().settings |= settings(step.what.removeprefix("restart"))
            self._running().start()
        elif (words := step.what.split())[0] in ("invite", "user"):
            said = self._running().command_line(*words)
            self._memory.held |= {f"{words[1]}_once": one for one in one_time_ids(said)}
        else:
            raise NoDialog(f"{step.where}: {step.what}")

    def _read_letter(self, user: str, name: str) -> None:
        """Remember the next code for `user`, which comes sooner or later."""
        with self._running().connect() as peer:
            spool, ask = self._running().data / "spool", lambda: peer.ask("PING")
            self._memory.held[name.strip("{}")] = self._letters.code(spool, user, ask)

    def _check(self, step: Act) -> None:
        less, sign, more = step.what.split(" ")
        one, two = self._memory.filled(less), self._memory.filled(more)
        so = one != two if sign == "!=" else sign == "<" and (len(one), one) < (len(two), two)
        if not so:
            raise WrongPlay(f"{step.where}: {one} {sign} {two} is not so")

    # Behind the stage

    def _running(self) -> Server:
        if self._server is None:
            tls = certificate() if self._sending is Sending.TLS else None
            self._server = QuickServer(self._folder, tls=tls, **self._settings)
            self._server.sealed = self._sending is Sending.SEALED
            self._server.start()
        return self._server

    def _peer(self, client: str) -> Peer:
        if client not in self._peers:
            raise WrongPlay(f"{client} has no connection here")
        return self._peers[client]

    def _part(self) -> None:
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()

    def _curtain(self) -> None:
        for client in self._peers:
            self._send(client, [f"PING|{client} leaves\n".encode()])
            self._expect(Expect("the end", client, f"PING|SUCCESS|{client} leaves"))
        self._part()
        server = self._running()
        if server.process is not None:
            server.signal(signal.SIGTERM)
            self._await_end("the end")
        self._judge_log(server)

    def _await_end(self, where: str) -> None:
        """After a stop it ends by itself, with 0."""
        server = self._running()
        if server.process is not None and (status := server.wait()) != 0:
            raise WrongPlay(f"{where}: the server's exit status is {status}")

    def _judge_log(self, server: Server) -> None:
        if complaints := server.complaints():
            raise WrongPlay("\n".join(["the server complains:", *complaints]))
        log = server.log.read_text()
        tokens = [text for name, text in self._memory.held.items() if name.endswith(_SECRET)]
        if any(secret in log for secret in [SECRET, *tokens]):
            raise WrongPlay("the log tells a secret")


def play(path: Path, folder: Path, sending: Sending) -> None:
    """Play the dialog in the file `path` with the server's data in `folder`. Raises WrongPlay."""
    with _told():
        Player(folder, sending).play(read_dialog(path))


@contextmanager
def _told() -> Iterator[None]:
    """Keep a wrong play's message and drop the player's own stack from the report."""
    try:
        yield
    except WrongPlay as wrong:
        raise WrongPlay(str(wrong)) from None


def _wrong(step: Expect, got: str) -> WrongPlay:
    return WrongPlay(
        f"{step.where}: {step.client} expects\n  {step.line[:300]}\nand got\n  {got[:300]}"
    )
