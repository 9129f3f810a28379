"""Sessions at the shell as the manual shows them, in blocks of ```console, played by real shells.

    alice$ chatctl send bob hello       what Alice types; lines that begin with `> ` go on with it
    …                                   what she sees; this stands for any lines

What differs each time (times, keys, ids, ports) is looked at for its form alone.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
from codecs import getincrementaldecoder
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.peer import PATIENCE_SECONDS, eventually

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"(\w+)\$ (.*)")
_READY, _GOES_ON = "<ready>", "> "
_ANY = "…"
LINE = re.compile(r"chat-enrol://[^\s']+")
_ASKS = re.compile(r"(?:^|\n)(?:Password(?: (?:for|of) profile '\w+')?|Once more): \Z")
_ASKS_WHETHER = re.compile(r"\[y/N\] \Z")
_FORMS = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "<clock>"),
    (LINE, "<enrolment line>"),
    (re.compile(r"\b[2-9A-Z]{4}(?:-[2-9A-Z]{4}){2}\b"), "<one-time ID>"),
    (re.compile(r"(?<=session )[a-z2-7]{12}|^[a-z2-7]{12}(?=  since )", re.MULTILINE), "<id>"),
    (re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])"), "<key>"),
    (re.compile(r'(?<="id":")[\w-]+'), "<id>"),
    (re.compile(r"(?:[0-9A-Z]{5}-){7}[0-9A-Z]{5}"), "<recovery key>"),
    (re.compile(r"\d{5}(?: \d{5}){3}"), "<digits>"),
    (re.compile(r"\d\d:\d\d:\d\d up .*"), "<uptime>"),
    (re.compile(r" --server [\d.:]+"), ""),
    (re.compile(r"(?<=127\.0\.0\.1[: ])\d+"), "<port>"),
    (re.compile(r"(?<=messages at port )\d+"), "<port>"),
]


@dataclass
class Step:
    """What one person types, and sees then."""

    user: str
    typed: str
    seen: list[str] = field(default_factory=list)


def steps(text: str) -> list[Step]:
    """All blocks of a document, or a part of it, one after the other."""
    found: list[Step] = []
    for line in "".join(_BLOCK.findall(text)).splitlines():
        if typed := _TYPED.fullmatch(line):
            found.append(Step(typed[1], typed[2]))
        elif line.startswith(_GOES_ON):
            found[-1].typed += "\n" + line.removeprefix(_GOES_ON)
        else:
            found[-1].seen.append(line)
    return found


def form(text: str) -> str:
    """The text without what differs each time."""
    for pattern, name in _FORMS:
        text = pattern.sub(name, text)
    return re.sub(" +$", "", text, flags=re.MULTILINE)


def agrees(seen: str, told: list[str]) -> bool:
    """Whether somebody saw what the manual tells."""
    parts = [".*" if line == _ANY else re.escape(form(line)) + "\n" for line in told]
    return re.fullmatch("".join(parts), form(seen), re.DOTALL) is not None


class Console:
    """Somebody's shell, at a terminal that shows nothing of what is typed; killed at the end."""

    def __init__(self, folder: Path, environ: dict[str, str], password: str) -> None:
        self._password = password
        self._decoder = getincrementaldecoder("utf-8")()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            _be_silent()
            prompts = {"PS1": _READY, "PS2": "", "TERM": "dumb"}
            argv = ["bash", "--noprofile", "--norc", "--noediting", "-i"]
            os.execvpe(argv[0], argv, {**environ, **prompts})
        self._until_ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def type(self, command: str) -> str:
        """Type a command; what was to be seen until it had ended."""
        self._keys(f"{command}\n")
        return self._until_ready()

    def watch(self, command: str, lines: int, settled: Callable[[], bool]) -> str:
        """Type a command that goes on for ever; stop it after so many lines, once it is settled."""
        self._keys(f"{command}\n")
        shown = ""
        while shown.count("\n") < lines:
            shown += self._read()
        assert eventually(settled)
        self._keys("\x03")
        self._until_ready()
        return shown

    def _until_ready(self) -> str:
        shown = ""
        while not shown.endswith(_READY):
            shown += self._read()
            if _ASKS.search(shown):
                self._keys(f"{self._password}\n")
            elif _ASKS_WHETHER.search(shown):
                self._keys("y\n")
                shown += "y\n"
        return shown.removesuffix(_READY)

    def _read(self) -> str:
        ready, _, _ = select.select([self._fd], [], [], PATIENCE_SECONDS)
        assert ready, "nothing more comes"
        return self._decoder.decode(os.read(self._fd, 65_536))

    def _keys(self, text: str) -> None:
        os.write(self._fd, text.encode())


def _be_silent() -> None:
    """Echo nothing, and end lines with LF alone."""
    mode = termios.tcgetattr(0)
    mode[1] &= ~termios.ONLCR
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(0, termios.TCSANOW, mode)
    termios.tcsetwinsize(0, (40, 100))
