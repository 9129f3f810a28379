"""A program that answers a call: what is its result, and that nothing of it is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from chatctl.program import Failed, output_of
from chatd.protocol.fields import TEXT_BYTES_MAX

PATIENCE_SECONDS = 30


async def run(*command: str, stdin: bytes = b"", seconds_max: float = PATIENCE_SECONDS) -> str:
    return await output_of(command, stdin, os.environ, seconds_max)


async def refusal(*command: str, seconds_max: float = PATIENCE_SECONDS) -> str:
    with pytest.raises(Failed) as failed:
        await run(*command, seconds_max=seconds_max)
    return failed.value.sentence


async def gone(pid: int) -> bool:
    """Whether a process ends, or is but a zombie that somebody else must collect."""
    with trio.move_on_after(PATIENCE_SECONDS):
        while runs(pid):
            await trio.lowlevel.checkpoint()
        return True
    return False


def runs(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ("echo one; echo two", "one\ntwo"),
        ("printf 'no new line'", "no new line"),
        ("printf 'two\\n\\n'", "two\n"),
        ("true", ""),
        ("printf '\\033[31mred\\033[0m\\a'", "␛[31mred␛[0m␇"),
        ("printf '\\377bytes'", "\ufffdbytes"),
        ("printf 'a\\tb\\r\\nc'", "a\tb\r\nc"),
        ("cat", ""),
        ("echo warned >&2; echo done", "done"),
    ],
)
async def test_what_it_writes_is_the_result(script: str, result: str) -> None:
    assert await run("sh", "-c", script) == result


async def test_arguments_pass_no_shell() -> None:
    words = ["$(id)", "; id", "`id`", "*", "", "two\nlines", "-n", "'", '"']
    assert await run("printf", "<%s>", *words) == "".join(f"<{word}>" for word in words)


async def test_input_is_given_and_need_not_be_read() -> None:
    assert await run("tr", "a-z", "A-Z", stdin=b"one\ntwo\n") == "ONE\nTWO"
    assert await run("true", stdin=b"x" * 1_000_000) == ""


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo first >&2; echo ' last line ' >&2; echo >&2; exit 3", "last line"),
        ("printf '\\033]0;title\\a' >&2; exit 1", "␛]0;title␇"),
        ("exit 7", "It failed (exit status 7)."),
        ("kill -9 $$", "It failed (ended by signal 9)."),
        ("yes complaint | head -c 100000 >&2; exit 1", "complaint"),
    ],
)
async def test_what_fails_says_why(script: str, sentence: str) -> None:
    assert await refusal("sh", "-c", script) == sentence


async def test_a_sentence_is_short() -> None:
    assert len(await refusal("sh", "-c", "head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1")) == 500


async def test_what_cannot_be_started() -> None:
    assert (await refusal("/no/such/program")).startswith("The program cannot be started: No such")
    assert (await refusal("/")).startswith("The program cannot be started: ")


async def test_a_result_is_bounded() -> None:
    most = f"head -c {TEXT_BYTES_MAX} /dev/zero | tr '\\0' x"
    assert await run("sh", "-c", f"{most}; echo") == "x" * TEXT_BYTES_MAX
    too_big = f"The result is over {TEXT_BYTES_MAX} bytes."
    assert await refusal("sh", "-c", f"{most}; echo xx") == too_big
    assert await refusal("yes") == too_big
    wide = f"head -c {TEXT_BYTES_MAX - 1} /dev/zero | tr '\\0' '\\377'"
    assert await refusal("sh", "-c", wide) == too_big


async def test_what_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    fifo, child = tmp_path / "fifo", tmp_path / "child"
    os.mkfifo(fifo)
    script = f"sleep 1000 & echo $! >{child}; trap '' TERM; echo >{fifo}; wait"
    said: list[str] = []

    async def ask() -> None:
        said.append(await refusal("sh", "-c", script))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.to_thread.run_sync(fifo.read_text)
        mock_clock.jump(PATIENCE_SECONDS + 1)
    assert said == ["It took too long."]
    assert await gone(int(child.read_text()))


async def test_what_it_leaves_behind_is_killed_and_not_waited_for(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! >{tmp_path}/child; echo done"
    assert await run("sh", "-c", script) == "done"
    assert await gone(int((tmp_path / "child").read_text()))


async def test_what_is_given_up_is_killed(tmp_path: Path) -> None:
    fifo, pid = tmp_path / "fifo", tmp_path / "pid"
    os.mkfifo(fifo)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "sh", "-c", f"echo $$ >{pid}; echo >{fifo}; sleep 1000")
        await trio.to_thread.run_sync(fifo.read_text)
        nursery.cancel_scope.cancel()
    assert await gone(int(pid.read_text()))
