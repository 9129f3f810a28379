"""A real server for a test: its own process, port and data folder, and cheap password hashing.

with running(tmp_path) as server:
    with server.connect() as alice:
        assert alice.read().startswith("*HELLO|")
        alice.send("PING|hi")
        assert alice.read() == "PING|SUCCESS|hi"
"""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import pytest

from chatd.security.keys import ServerKey
from tests.peer import PATIENCE_SECONDS, Peer
from tests.sealed import Caller, SealedSocket
from tests.tls import TlsSocket, trusting

SECRET = "correct horse battery"

_ROOT = Path(__file__).parents[1]
_ADDRESS = re.compile(r"listens on (?:tls://)?[\d.]+:(\d+)")
_WEB = re.compile(r"listens on (http://\S+)")
Tls = tuple[Path, Path]
"""The files of a certificate and of its key."""

_CHEAP = {"argon2_memory_kib": 8, "argon2_passes": 1, "name": "test"}


def environment(**settings: object) -> dict[str, str]:
    """This process's environment with `settings` as CHATD_… variables, and no others of them."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CHATD_")}
    kept["PYTHONPATH"] = str(_ROOT)
    for name, value in {**_CHEAP, **settings}.items():
        kept[f"CHATD_{name.upper()}"] = str(value)
    return kept


class Process(Protocol):
    """What is asked of a process; `subprocess.Popen[str]` is one."""

    pid: int

    @property
    def stdout(self) -> IO[str] | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...

    def communicate(self) -> object: ...


class Server:
    """`python -m chatd run` on the data in `folder / "data"`, with CHATD_… from `settings`; all
    connections to it are made inside TLS where `tls` names the files of a certificate, or are
    sealed where `sealed` is set. `web`: the URL at which it answers HTTP, where it does."""

    def __init__(
        self,
        folder: Path,
        *,
        host: object = "127.0.0.1",
        tls: Tls | None = None,
        **settings: object,
    ) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self.host = str(host)
        self.tls = tls
        self.sealed = False
        self.settings = settings
        self.port = 0
        self.web = ""
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
        scheme = "" if self.tls is None else "tls://"
        where = ["--listen", f"{scheme}{self.host}:0", "--data", str(self.data)]
        if self.tls is not None:
            cert, key = self.tls
            where += ["--tls-cert", str(cert), "--tls-key", str(key)]
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
            if found := _WEB.search(line):
                self.web = found[1]
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
        if self.tls is not None:
            peer.sock = TlsSocket(sock, trusting(self.tls[0]))
        if self.sealed:
            peer.sock = SealedSocket(sock)
        return peer

    def connect_by(self, private: bytes) -> Peer:
        """A new connection that is sealed by the device with this private key."""
        sock = socket.create_connection(("127.0.0.1", self.port))
        peer = Peer(SealedSocket(sock, Caller("IK", self.key().channel_public(), private)))
        self._peers.append(peer)
        return peer

    def key(self) -> ServerKey:
        """The server's."""
        return ServerKey(base64.urlsafe_b64decode((self.data / "server.key").read_bytes() + b"="))

    def command_line(self, *words: str) -> str:
        """What `chatd WORD…` prints, run on the server's data. AssertionError where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "chatd", *words, "--data", str(self.data)],
            cwd=_ROOT,
            env=environment(**self.settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

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
def running(
    folder: Path, *, host: object = "127.0.0.1", tls: Tls | None = None, **settings: object
) -> Iterator[Server]:
    """A server that runs; killed afterwards, if it still does, and all connections closed."""
    server = Server(folder, host=host, tls=tls)
    server.settings |= settings
    with started(server):
        yield server


@contextmanager
def started(server: Server) -> Iterator[None]:
    """It runs; killed afterwards, if it still does, and all connections closed."""
    server.start()
    try:
        yield
    finally:
        server.part()
        if server.process is not None:
            server.kill()
