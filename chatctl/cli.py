"""Where `chatctl` begins and ends; each end is a `Status` and at most one line of complaint."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path


def main() -> None:
    """Run what was typed; ends the process."""
    try:
        _open_streams()
        status = _run()
    except KeyboardInterrupt:
        status = 130  # pressed before anything had begun
    _close_output()
    sys.exit(status)


def _run() -> int:
    # Loading takes a while; Ctrl-C must not show a traceback then either.
    from .app import app  # noqa: PLC0415
    from .problems import Status, complain, problem_of  # noqa: PLC0415

    try:
        app(prog_name="chatctl", standalone_mode=False)
    except SystemExit:
        raise  # the end of shell completion
    except BaseException as error:  # noqa: BLE001  whatever it is, no traceback
        problem = problem_of(error)
        if problem.sentence:
            complain(problem.sentence)
        return problem.status
    return Status.DONE


def _open_streams() -> None:
    """What was started with closed streams (`>&-`) works as with /dev/null."""
    nowhere = Path(os.devnull)
    sys.stdin = sys.stdin or nowhere.open()
    sys.stdout = sys.stdout or nowhere.open("w")
    sys.stderr = sys.stderr or nowhere.open("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _close_output() -> None:
    """Leave nothing in the buffer that Python would complain about at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
