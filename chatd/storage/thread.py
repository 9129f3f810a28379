"""The thread that writes: jobs one after the other, with no more between them than a queue."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

import trio

T = TypeVar("T")

Job = Callable[[], object]
Done = Callable[[BaseException | None], None]
"""Called in the writer's thread, with what went wrong."""


class WriterThread:
    """Carries out jobs in order. A hop to it costs a quarter of one to trio's threads."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Job, Done] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="chatd writer", daemon=True)
        self._thread.start()

    def soon(self, job: Job, done: Done) -> None:
        """Carry out a job after those before it."""
        self._jobs.put((job, done))

    async def run(self, job: Callable[[], T]) -> T:
        """Carry out a job and wait for it; once begun it is finished, and so waited for."""
        token, event = trio.lowlevel.current_trio_token(), trio.Event()
        wrong: list[BaseException | None] = []
        found: list[T] = []

        def done(error: BaseException | None) -> None:
            wrong.append(error)
            with suppress(trio.RunFinishedError):  # nobody is left to wait
                token.run_sync_soon(event.set)

        self.soon(lambda: found.append(job()), done)
        with trio.CancelScope(shield=True):
            await event.wait()
        if wrong[0] is not None:
            raise wrong[0]
        return found[0]

    def close(self) -> None:
        """Finish what was asked for, and end."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (next_ := self._jobs.get()) is not None:
            job, done = next_
            wrong: BaseException | None = None
            try:
                job()
            except BaseException as error:  # noqa: BLE001
                wrong = error
            done(wrong)
            del next_, job, done, wrong  # what was stored is not kept until the next job
