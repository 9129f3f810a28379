"""A terminal with a program in it, for tests: keys go in, and what appears is waited for."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
from types import TracebackType
from typing import Self

from tests.serving import PATIENCE_SECONDS

from .shell import Shell

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])")


class Terminal:
    """One program, with a terminal of its own; killed at the end if it still runs."""

    def __init__(self, shell: Shell, *words: str) -> None:
        argv = shell.argv(*words)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execve(argv[0], argv, shell.environ)
        termios.tcsetwinsize(self._fd, (40, 100))
        self._raw = b""
        self._looked = 0  # how much of `shown` was waited for
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
        """All that was ever written to it, without the escape sequences that place and colour."""
        return _ESCAPES.sub("", self._raw.decode(errors="replace"))

    @property
    def raw(self) -> bytes:
        """All that was ever written to it."""
        return self._raw

    def keys(self, text: str) -> None:
        """Press keys; `\\r` is Enter."""
        os.write(self._fd, text.encode())

    def until(self, text: str) -> str:
        """Wait for `text` to appear; what stood before it since the last call is returned."""
        while (found := self.shown.find(text, self._looked)) < 0:
            assert self._read(), f"ended without {text!r}:\n{self.shown}"
        before = self.shown[self._looked : found]
        self._looked = found + len(text)
        return before

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
        self._raw += data
        return bool(data)
