"""One connection of a test, as lines; blocking.

Nothing here waits by the clock: `PATIENCE_SECONDS` only ends a test that would hang.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 60.0


def eventually(so: Callable[[], bool]) -> bool:
    """Whether something becomes so that somebody else sees to; looks again and again."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := so()) and time.monotonic() < until:
        pass
    return found


@contextmanager
def nowhere() -> Iterator[int]:
    """A port at which nobody listens, and nobody will meanwhile."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield int(sock.getsockname()[1])


class Peer:
    """One connection, as lines; blocking."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_SECONDS)
        self.sock = sock
        self._unread = bytearray()
        self._scanned = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def send(self, *lines: str) -> None:
        """Send `lines` in one call, an LF after each."""
        self.send_bytes("".join(f"{line}\n" for line in lines).encode())

    def send_bytes(self, data: bytes) -> None:
        """Send `data` as it is."""
        self.sock.sendall(data)

    def read(self) -> str:
        """The next line without its LF. Raises EOFError at the end of input."""
        while (end := self._unread.find(b"\n", self._scanned)) < 0:
            self._scanned = len(self._unread)
            if not (data := self.sock.recv(262_144)):
                raise EOFError(f"the server closed; unfinished: {bytes(self._unread)!r}")
            self._unread += data
        line = self._unread[:end].decode()
        del self._unread[: end + 1]
        self._scanned = 0
        return line

    def put_back(self, line: str) -> None:
        """Make `line` the next that is read."""
        self._unread[:0] = f"{line}\n".encode()

    def ask(self, line: str) -> str:
        """Send `line` and return the next line that is no event."""
        self.send(line)
        while (got := self.read()).startswith("*"):
            pass
        return got

    def items(self, line: str) -> list[list[str]]:
        """Send `line`; the fields of each ITEM that answers it. Events are passed over."""
        self.send(line)
        items: list[list[str]] = []
        while True:
            fields = self.read().split("|")
            if fields[1] == "ITEM":
                items.append(fields[2:])
            elif not fields[0].startswith("*"):
                assert fields[1:] == ["SUCCESS", str(len(items))], fields
                return items

    def ended(self) -> bool:
        """Whether the input ends here; waits for the end or for more."""
        try:
            return not self._unread and not self.sock.recv(1, socket.MSG_PEEK)
        except ConnectionResetError:
            return True

    def rest(self) -> list[str]:
        """Every line up to the end of input."""
        lines = []
        while not self.ended():
            lines.append(self.read())
        return lines

    def half_close(self) -> None:
        """Say that no more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close at once."""
        self.sock.close()
