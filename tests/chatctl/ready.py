"""A process that has loaded chatctl and forks for each command: a real one, in a tenth of the time.

Half of what a short command takes is Python loading; hundreds of tests need not wait for that.
`Ready.run` is `subprocess.run` with pipes; the other side of its socket is `main`, below.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from tests.peer import PATIENCE_SECONDS
from tests.sources import ROOT

LOADED = ("chatctl.app", "typer._adapters", "joserfc.jwe", "joserfc.jws", "argon2", "zxcvbn")
REQUEST_BYTES_MAX = 1_000_000


class Ready:
    """The loaded process, which ends when this one does: its standard input is a pipe of ours."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._address = str(Path(self._folder.name) / "s")
        command = [sys.executable, "-m", "tests.chatctl.ready", self._address]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, env=environ, cwd=ROOT, stdin=pipe, stdout=pipe, start_new_session=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"loaded\n"

    def run(
        self, words: list[str], given: bytes, environ: dict[str, str], folder: Path
    ) -> tuple[int, bytes, bytes]:
        """Exit status, standard output and standard error of one command, in its own session."""
        request = json.dumps([words, environ, str(folder)]).encode()
        pipes = [os.pipe() for _ in range(3)]
        (there_in, here_in), (here_out, there_out), (here_err, there_err) = pipes
        with socket.socket(socket.AF_UNIX) as sock, ThreadPoolExecutor(3) as pool:
            sock.settimeout(PATIENCE_SECONDS)
            sock.connect(self._address)
            theirs = [there_in, there_out, there_err]
            socket.send_fds(sock, [request + b"\n"], theirs)
            for handle in theirs:
                os.close(handle)
            fed = pool.submit(_feed, here_in, given)
            out, err = pool.submit(_drained, here_out), pool.submit(_drained, here_err)
            status = int(sock.makefile().readline())
            fed.result()
            return status, out.result(), err.result()


@cache
def ready() -> Ready:
    """One for all tests of this process."""
    return Ready()


def _feed(handle: int, given: bytes) -> None:
    with os.fdopen(handle, "wb", buffering=0) as pipe:
        try:
            rest = memoryview(given)
            while rest:
                rest = rest[pipe.write(rest) :]
        except BrokenPipeError:
            return  # a command need not read all that it is given


def _drained(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as pipe:
        return pipe.read()


def main() -> None:
    """Fork for each connection, until standard input ends."""
    for module in LOADED:
        import_module(module)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen()
        sys.stdout.write("loaded\n")
        sys.stdout.flush()
        if os.fork():
            sys.stdin.read()
            os.killpg(0, signal.SIGKILL)
        while True:
            sock, _ = door.accept()
            if not os.fork():
                door.close()
                _serve(sock)
            sock.close()


def _serve(sock: socket.socket) -> NoReturn:
    """Start one command, and tell how it ended."""
    line, handles, _, _ = socket.recv_fds(sock, REQUEST_BYTES_MAX, 3)
    while not line.endswith(b"\n"):
        line += sock.recv(REQUEST_BYTES_MAX)
    words, environ, folder = json.loads(line)
    child = os.fork()
    if not child:
        sock.close()
        _become(words, environ, folder, handles)
    for handle in handles:
        os.close(handle)
    _, ended = os.waitpid(child, 0)
    sock.sendall(b"%d\n" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def _become(words: list[str], environ: dict[str, str], folder: str, handles: list[int]) -> NoReturn:
    """What was typed, with its own streams, environment, folder and session."""
    os.setsid()
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["chatctl", *words]
    # The streams of before may have read ahead, and think of other files.
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, closefd=False)
    command = import_module("chatctl.cli")
    command.main()
    sys.exit()


if __name__ == "__main__":
    main()
