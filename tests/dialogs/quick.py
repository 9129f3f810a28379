"""A server that starts fast, since there are many dialogs and each is played five times.

It is forked from a process that has imported chatd already, and otherwise like any other: a process
with its own port and data, that can be killed.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from tests.peer import PATIENCE_SECONDS
from tests.serving import Process, Server, environment

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["chatd.server.cli"])


class Fork:
    """A forked process, to be used like a `subprocess.Popen[str]`."""

    def __init__(self, words: list[str], environ: dict[str, str], log: Path) -> None:
        reader, writer = _FORKS.Pipe(duplex=False)
        with reader, writer:
            self._process = _FORKS.Process(target=_run, args=(words, environ, log, writer))
            self._process.start()
            self.stdout = os.fdopen(os.dup(reader.fileno()))
        assert self._process.pid is not None
        self.pid = self._process.pid

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("chatd", timeout or 0)
        return status

    def kill(self) -> None:
        """kill -9, harmless where it has ended."""
        self._process.kill()

    def communicate(self) -> None:
        """Wait for the end, and let go of everything."""
        self.stdout.close()
        self._process.join()
        self._process.close()


class QuickServer(Server):
    """As `Server`, but quicker to start."""

    def _process(self) -> Process:
        return Fork(self.command()[3:], environment(**self.settings), self.log)

    def command_line(self, *words: str) -> str:
        words = (*words, "--data", str(self.data))
        fork = Fork(list(words), environment(**self.settings), self.log)
        said = fork.stdout.read()
        assert fork.wait(PATIENCE_SECONDS) == 0, self.log.read_text()
        fork.communicate()
        return said


def _run(words: list[str], environ: dict[str, str], log: Path, output: Connection) -> None:
    """In the fork: be `chatd WORD…` with that environment, output and log."""
    from chatd.server.cli import main  # noqa: PLC0415  (here it has been imported already)

    os.environ.clear()
    os.environ.update(environ)
    os.dup2(output.fileno(), 1)
    with log.open("a") as file:
        os.dup2(file.fileno(), 2)
    sys.argv = ["chatd", *words]
    main()
