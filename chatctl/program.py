"""Runs a program that answers a call, and lets go of nothing: it is bounded in time and output, and
when it is given up all that it has started ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import trio

from chatd.protocol.fields import TEXT_BYTES_MAX

from .errors import ungrouped
from .harmless import harmless, sendable

COMPLAINT_BYTES_MAX = 4_096
SENTENCE_CHARACTERS_MAX = 500
READ_BYTES = 65_536


class Failed(Exception):
    """There is no result; `sentence` says why to whoever called."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(slots=True)
class _Output:
    """What a program has written; of too much only that it was too much."""

    out: bytes = b""
    err: bytes = b""
    too_much: bool = False


async def output_of(
    command: Sequence[str], stdin: bytes, environ: Mapping[str, str], seconds_max: float
) -> str:
    """What a program writes, as text that a line can carry, without its last new line.

    Raises Failed: it did not end with 0 (then with the last line of what it complained of), took
    too long, or wrote over 32,768 bytes. Its process group is killed at the end, however it comes.
    """
    output = _Output()
    process: trio.Process | None = None
    with trio.move_on_after(seconds_max) as scope:
        try:
            with ungrouped():
                process = await _run(command, stdin, environ, output)
        except OSError as error:
            raise Failed(f"The program cannot be started: {error.strerror}.") from None
    if output.too_much:
        raise Failed(f"The result is over {TEXT_BYTES_MAX} bytes.")
    if scope.cancelled_caught or process is None:
        raise Failed("It took too long.")
    if process.returncode:
        raise Failed(_complaint(output.err, process.returncode))
    return _text(output.out)


async def _run(
    command: Sequence[str], stdin: bytes, environ: Mapping[str, str], output: _Output
) -> trio.Process:
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            list(command),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            env=dict(environ),
            start_new_session=True,
            deliver_cancel=_kill,
        )
        process: trio.Process = await nursery.start(start)
        nursery.start_soon(_read_out, process, output)
        nursery.start_soon(_read_err, process, output)
        await process.wait()
        _kill_group(process)  # what it has left behind would keep its output open
    return process


async def _read_out(process: trio.Process, output: _Output) -> None:
    assert process.stdout is not None
    while data := await process.stdout.receive_some(READ_BYTES):
        output.out += data
        if len(output.out) > TEXT_BYTES_MAX + 1:  # a last new line does not count
            output.too_much = True
            _kill_group(process)
            return


async def _read_err(process: trio.Process, output: _Output) -> None:
    assert process.stderr is not None
    while data := await process.stderr.receive_some(READ_BYTES):
        output.err = (output.err + data)[-COMPLAINT_BYTES_MAX:]


async def _kill(process: trio.Process) -> None:
    _kill_group(process)


def _kill_group(process: trio.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _text(raw: bytes) -> str:
    text = sendable(raw.decode(errors="replace").removesuffix("\n"))
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise Failed(f"The result is over {TEXT_BYTES_MAX} bytes.")
    return text


def _complaint(err: bytes, status: int) -> str:
    """The last line of a program's complaints, harmless; else how it ended."""
    lines = [line for line in err.decode(errors="replace").splitlines() if line.strip()]
    if lines:
        return harmless(lines[-1].strip())[:SENTENCE_CHARACTERS_MAX]
    how = f"ended by signal {-status}" if status < 0 else f"exit status {status}"
    return f"It failed ({how})."
