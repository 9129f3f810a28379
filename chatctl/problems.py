"""What can go wrong for the one who typed a command: an exit status and one sentence."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from enum import IntEnum

import typer

from chatd.protocol.errors import ChatError, Code

from . import e2e
from .errors import ConnectionFailed, NotVerified
from .harmless import harmless
from .wording import at_shell


class Status(IntEnum):
    """The exit status of `chatctl`."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    LOGGED_OUT = 4
    NOT_VERIFIED = 5
    NOT_OPENED = 6
    NOT_ENCRYPTED = 7
    FAULT = 70
    INTERRUPTED = 130


class Problem(Exception):
    """Ends a command with `status`; `sentence` says what to do, `code` is the server's if it is."""

    def __init__(self, status: Status, sentence: str, code: Code | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.code = code


def closed() -> Problem:
    """Nobody reads our output any more: end quietly."""
    return Problem(Status.DONE, "")


def usage(sentence: str) -> Problem:
    """What was typed cannot be carried out."""
    return Problem(Status.USAGE, sentence)


def logged_out(sentence: str = "Not logged in", where: str = "") -> Problem:
    """There is no session, or none any more; `where` holds the options to log in with."""
    return Problem(Status.LOGGED_OUT, f"{sentence}; log in with: chatctl {where}login NAME")


def not_encrypted(sentence: str) -> Problem:
    """Nothing was sent, because the server could have read it."""
    return Problem(Status.NOT_ENCRYPTED, f"{sentence}; nothing was sent")


def refused(error: ChatError) -> Problem:
    """What the server said no to."""
    if error.code is Code.NOT_AUTHENTICATED:
        return logged_out()
    return Problem(Status.REFUSED, f"{error.code}: {at_shell(error)}", error.code)


def problem_of(error: BaseException) -> Problem:
    """Any exception as a `Problem`; of a group its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case Problem():
            return error
        case ChatError():
            return refused(error)
        case NotVerified():
            return Problem(Status.NOT_VERIFIED, error.sentence)
        case ConnectionFailed():
            return Problem(Status.UNREACHABLE, error.sentence)
        case e2e.E2eError():
            return Problem(_status_of(error), error.sentence)
        case KeyboardInterrupt() | EOFError() | typer.Abort():
            return Problem(Status.INTERRUPTED, "Interrupted")
        case _:
            return _local(error)


def _status_of(error: e2e.E2eError) -> Status:
    match error:
        case e2e.BadPassword() | e2e.BadRecoveryKey() | e2e.TooLong():
            return Status.USAGE
        case e2e.KeyChanged() | e2e.Forged() | e2e.OldVault() | e2e.BadKdf():
            return Status.NOT_VERIFIED
        case _:
            return Status.NOT_OPENED


def _local(error: BaseException) -> Problem:
    """What went wrong on this side."""
    match error:
        case typer.TyperException():
            return usage(_typed_wrong(error))
        case OSError():
            return usage(_about(error))
        case UnicodeEncodeError():
            return usage("What was typed is not UTF-8")
        case _:
            return _fault(error)


def complain(sentence: str) -> None:
    """One line on standard error, if anybody can still be told."""
    with suppress(OSError):
        print(f"chatctl: {harmless(sentence)}", file=sys.stderr, flush=True)  # noqa: T201


def _typed_wrong(error: typer.TyperException) -> str:
    sentence = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "chatctl"
    return f"{sentence}; see: {path} --help"


def _about(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _fault(error: BaseException) -> Problem:
    if os.environ.get("CHATCTL_DEBUG"):
        traceback.print_exception(error)
    kind = type(error).__name__
    sentence = f"A fault of chatctl itself ({kind}: {error}); CHATCTL_DEBUG=1 shows where"
    return Problem(Status.FAULT, sentence)
