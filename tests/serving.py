"""A real server for a test: its own process, port and data folder, and cheap password hashing.

    with running(tmp_path) as server:
        with server.connect() as alice:
            assert alice.read().startswith("*HELLO|")
            alice.send("PING|hi")
            assert alice.read() == "PING|SUCCESS|hi"

Nothing here waits by the clock: `PATIENCE_SECONDS` only ends a test that would hang.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

import pytest

PATIENCE_SECONDS = 60.0
SECRET = "correct horse battery"

_ROOT = Path(__file__).parents[1]
_ADDRESS = re.compile(r"listens on [\d.]+:(\d+)")
_CHEAP = {"argon2_memory_kib": 8, "argon2_passes": 1, "name": "test"}


def environment(**settings: object) -> dict[str, str]:
    """This process's environment with `settings` as CHATD_… variables, and no others of them."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CHATD_")}
    kept["PYTHONPATH"] = str(_ROOT)
    for name, value in {**_CHEAP, **settings}.items():
        kept[f"CHATD_{name.upper()}"] = str(value)
    return kept


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


class Process(Protocol):
    """What is asked of a process; `subprocess.Popen[str]` is one."""

    pid: int

    @property
    def stdout(self) -> IO[str] | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...

    def communicate(self) -> object: ...


class Server:
    """`python -m chatd run` on the data in `folder / "data"`, with CHATD_… from `settings`."""

    def __init__(self, folder: Path, *, host: object = "127.0.0.1", **settings: object) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self.host = str(host)
        self.settings = settings
        self.port = 0
        self.process: Process | None = None
        self._peers: list[Peer] = []

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id; only while it runs."""
        assert self.process is not None, "the server does not run"
        return self.process.pid

    def command(self) -> list[str]:
        """What is run."""
        where = ["--listen", f"{self.host}:0", "--data", str(self.data)]
        return [sys.executable, "-m", "chatd", "run", *where]

    def start(self) -> None:
        """Start it and wait until it listens; the log is appended to `self.log`."""
        assert self.process is None, "the server runs already"
        self.log.touch()
        self.process = self._process()
        self.port = self._listening()

    def _process(self) -> Process:
        with self.log.open("a") as log:
            return subprocess.Popen(
                self.command(),
                cwd=_ROOT,
                env=environment(**self.settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def _listening(self) -> int:
        assert self.process is not None and self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := _ADDRESS.search(line):
                return int(found[1])
        status = self.wait()
        raise AssertionError(f"no server (exit {status}):\n{''.join(said)}\n{self.log.read_text()}")

    def connect(self, receive_bytes: int | None = None, host: str = "127.0.0.1") -> Peer:
        """A new connection; `receive_bytes` sets how much the kernel takes in for a slow reader."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(sock)
        self._peers.append(peer)
        sock.connect((host, self.port))
        return peer

    def part(self) -> None:
        """Close all connections made here that are still open."""
        for peer in self._peers:
            peer.close()
        self._peers.clear()

    def join(self, *users: str) -> list[Peer]:
        """New accounts, each registered and logged in on a connection of its own."""
        return [self.login(user, register=True) for user in users]

    def login(self, user: str, register: bool = False) -> Peer:
        """A connection of `user`, whose secret is `SECRET`; what came before SUCCESS is read."""
        peer = self.connect()
        if register:
            assert peer.ask(f"REGISTER|{user}|{SECRET}") == "REGISTER|SUCCESS"
        assert peer.ask(f"AUTH|{user}|{SECRET}").startswith("AUTH|SUCCESS|")
        return peer

    def memory_kib(self, what: str) -> int:
        """A line of /proc/PID/status: VmRSS is what is resident, VmHWM its highest."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None, what
        return int(found[1])

    def complaints(self) -> list[str]:
        """What it has logged that should not be: errors, exceptions."""
        bad = re.compile(r'"level": "(error|critical)"|"exceptions"|Traceback')
        return [line for line in self.log.read_text().splitlines() if bad.search(line)]

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait until it ends; the exit status."""
        assert self.process is not None, "the server does not run"
        process, self.process = self.process, None
        try:
            return process.wait(seconds)
        finally:
            process.kill()
            process.communicate()


def own_address() -> str:
    """An address of this machine that is not loopback; no packet is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@contextmanager
def running(folder: Path, *, host: object = "127.0.0.1", **settings: object) -> Iterator[Server]:
    """A server that runs; killed afterwards, if it still does, and all connections closed."""
    server = Server(folder, host=host)
    server.settings |= settings
    server.start()
    try:
        yield server
    finally:
        server.part()
        if server.process is not None:
            server.kill()
