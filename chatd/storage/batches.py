"""Reads in threads, many in one go: the way into a thread and back costs more than most reads.

Whoever asks while all readers are busy is asked for together with those who came before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from chatd.chat.ports import Unavailable

from .reads import Reader

T = TypeVar("T")

READS_MAX = 64
"""In one go; what is asked later waits for no more than these."""


@dataclass(slots=True, eq=False)
class _Batch:
    """Questions, and in the same places what came of them: a value, or an exception."""

    questions: list[tuple[Callable[..., Any], tuple[Any, ...]]] = field(default_factory=list)
    answers: list[tuple[Any, Exception | None]] = field(default_factory=list)
    done: trio.Event = field(default_factory=trio.Event)

    def answer(self, reader: Reader) -> None:
        with reader.snapshot():
            for how, arguments in self.questions:
                try:
                    self.answers.append((how(reader, *arguments), None))
                except Exception as error:  # noqa: BLE001
                    self.answers.append((None, error))


class Batches:
    """Carries out reads, each on one of the readers, which it owns."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._free = list(readers)
        self._turns = trio.Semaphore(len(readers))
        self._threads = trio.CapacityLimiter(len(readers))
        self._open = _Batch()

    async def ask(self, how: Callable[..., T], *arguments: Any) -> T:
        """What `how(reader, *arguments)` returns or raises."""
        batch, place = self._open, len(self._open.questions)
        batch.questions.append((how, arguments))
        if place + 1 == READS_MAX:
            self._open = _Batch()
        if place == 0:
            with trio.CancelScope(shield=True):  # others wait for it
                await self._carry_out(batch)
        else:
            await batch.done.wait()
        if place >= len(batch.answers):
            raise Unavailable("reading broke off")
        value, error = batch.answers[place]
        if error is not None:
            raise error
        answer: T = value
        return answer

    async def _carry_out(self, batch: _Batch) -> None:
        """As soon as a reader is free; until then it gathers."""
        async with self._turns:
            if self._open is batch:
                self._open = _Batch()
            reader = self._free.pop()
            try:
                await trio.to_thread.run_sync(batch.answer, reader, limiter=self._threads)
            except Exception as error:  # noqa: BLE001
                unanswered = len(batch.questions) - len(batch.answers)
                batch.answers += [(None, error)] * unanswered
            finally:
                self._free.append(reader)
                batch.done.set()
