"""Where passwords come from: the terminal, standard input or a file; never an argument.

Standard input and a file hold a password on a line each: for `passwd` the old, then the new one.
What opens a profile, commands without such options take from the file that CHATCTL_PASSWORD_FILE
names, else from the terminal, and where there is none from the first line of standard input.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from chatd.protocol.lines import LINE_BYTES_MAX

from .harmless import sendable
from .problems import usage

TERMINAL = "/dev/tty"
PASSWORD_FILE = "CHATCTL_PASSWORD_FILE"  # noqa: S105  the name of a variable


class Passwords:
    """Hands out the passwords of one command, in the order asked for."""

    def __init__(self, from_stdin: bool, file: Path | None) -> None:
        if from_stdin and file is not None:
            raise usage("Take --password-stdin or --password-file, not both")
        self._asks = not from_stdin and file is None
        self._lines = _lines(file)

    def take(self, what: str, *, twice: bool = False) -> str:
        """The next password; `what` names it to a person. Raises Problem (usage), OSError."""
        secret = self.take_or_none(what, twice=twice)
        if secret is None:
            hint = "write it on a line of its own, after what is asked for before it"
            raise usage(f"The {what} is missing: {hint}")
        if not secret:
            raise usage(f"The {what} is empty")
        return secret

    def take_or_none(self, what: str, *, twice: bool = False) -> str | None:
        """The same, though it may be empty, or None where input ends before it."""
        secret = _asked(what, twice) if self._asks else next(self._lines, None)
        if secret is not None and sendable(secret) != secret:
            raise usage(f"The {what} holds a control character, which no line can carry")
        return secret


def profile_passwords(from_stdin: bool = False, file: Path | None = None) -> Passwords:
    """Where what opens a profile comes from. Raises Problem (usage)."""
    if not from_stdin and file is None:
        named = os.environ.get(PASSWORD_FILE)
        file = Path(named) if named else None
        from_stdin = file is None and not _has_terminal()
    return Passwords(from_stdin, file)


def typed_line() -> str | None:
    """The next line of standard input; None at its end. Raises Problem (usage)."""
    return next(_lines(None), None)


def _lines(file: Path | None) -> Iterator[str]:
    for raw in _typed() if file is None else _in_file(file):
        try:
            yield raw.rstrip(b"\r\n").decode()
        except UnicodeDecodeError:
            raise usage("The password is not UTF-8") from None


def _in_file(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while raw := source.readline(LINE_BYTES_MAX):
            yield raw


def _typed() -> Iterator[bytes]:
    """The lines of standard input, and not a byte beyond, for there may be a text behind them."""
    # One read is one byte: a pipe cannot be looked into without taking.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as source:
        while raw := source.readline(LINE_BYTES_MAX):
            yield raw


def _asked(what: str, twice: bool) -> str:
    _demand_terminal()
    secret = getpass.getpass(f"{what[0].upper()}{what[1:]}: ")
    if twice and secret and getpass.getpass("Once more: ") != secret:
        raise usage("The two differ; nothing was done")
    return secret


def _demand_terminal() -> None:
    # Without one, getpass would read standard input and let the password be seen.
    if not _has_terminal():
        hint = "use --password-stdin or --password-file"
        raise usage(f"There is no terminal to ask for a password at; {hint}")


def _has_terminal() -> bool:
    try:
        Path(TERMINAL).open("rb").close()
    except OSError:
        return False
    return True
