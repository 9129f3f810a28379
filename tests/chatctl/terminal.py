"""A terminal with a program in it, for tests: keys go in, and what appears is waited for."""

from __future__ import annotations

import os
import pty
import select
import signal
import termios
from types import TracebackType
from typing import Self

import pyte

from tests.peer import PATIENCE_SECONDS

from .shell import Shell

COLUMNS = 100
LINES = 40


class _Display(pyte.HistoryScreen):
    """A screen with its scrollback, which answers what the program asks of the terminal."""

    def __init__(self, answer: int) -> None:
        super().__init__(COLUMNS, LINES, history=10_000, ratio=0.5)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        """Where the cursor is, for one."""
        os.write(self._answer, data.encode())

    def text(self) -> str:
        """All lines, also those that have scrolled away, without the blanks at their ends."""
        gone = ["".join(line[x].data for x in range(COLUMNS)) for line in self.history.top]
        return "\n".join(line.rstrip() for line in [*gone, *self.display])


class Terminal:
    """One program, with a terminal of its own; killed at the end if it still runs."""

    def __init__(self, shell: Shell, *words: str) -> None:
        argv = shell.argv(*words)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (LINES, COLUMNS))
            os.execve(argv[0], argv, shell.environ)
        self._display = _Display(self._fd)
        self._stream = pyte.ByteStream(self._display)
        self._status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    @property
    def shown(self) -> str:
        """What a person sees, the scrollback included."""
        return self._display.text()

    def keys(self, text: str) -> None:
        """Press keys; `\\r` is Enter."""
        os.write(self._fd, text.encode())

    def until(self, text: str, times: int = 1) -> None:
        """Wait until `text` is shown so many times."""
        while self.shown.count(text) < times:
            assert self._read(), f"ended without {text!r}:\n{self.shown}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        os.kill(self.pid, number)

    @property
    def is_cooked(self) -> bool:
        """Whether the terminal edits lines and shows what is typed, as a shell expects it."""
        flags = termios.tcgetattr(self._fd)[3]
        return bool(flags & termios.ICANON and flags & termios.ECHO)

    def status(self) -> int:
        """Wait for its end; the exit status, or minus the number of the signal."""
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def _read(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], PATIENCE_SECONDS)
        assert ready, f"nothing more appears after:\n{self.shown}"
        try:
            data = os.read(self._fd, 65_536)
        except OSError:  # EIO: Linux's way to tell that nobody writes any more
            return False
        self._stream.feed(data)
        return bool(data)
