"""Whether the server works: something is read and something is stored, for real.

That the loop runs is shown by an answer at all. However often it is asked, the disk is bothered
once a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio

from chatd.chat.ports import Unavailable
from chatd.server.committer import Committer
from chatd.storage.base import Store

FRESH_SECONDS = 1
PROBE_SECONDS_MAX = 5
TROUBLE_SECONDS = 60
"""A batch that could not be stored is told for so long, unless a later one could: where a disk is
full, what is small may still find room."""


class Health:
    """Asks the store. `now` is the reactor's clock, in seconds."""

    def __init__(self, store: Store, committer: Committer, now: Callable[[], float]) -> None:
        self._store = store
        self._committer = committer
        self._now = now
        self._asking = trio.Lock()
        self._asked_seconds = -math.inf
        self._found: str | None = None
        self._storing: _Storing | None = None

    async def problem(self) -> str | None:
        """What is wrong, in a few words; None if nothing is."""
        async with self._asking:
            if self._now() - self._asked_seconds >= FRESH_SECONDS:
                self._found = await self._ask()
                self._asked_seconds = self._now()
        return self._found

    async def _ask(self) -> str | None:
        committer = self._committer
        failed_for_seconds = self._now() - committer.failed_seconds
        if committer.problem is not None and failed_for_seconds < TROUBLE_SECONDS:
            return f"cannot store: {committer.problem}"
        with trio.move_on_after(PROBE_SECONDS_MAX):
            return await self._store_something() or await self._read()
        return f"the disk takes longer than {PROBE_SECONDS_MAX} seconds"

    async def _read(self) -> str | None:
        try:
            await self._store.invites(0)
        except Unavailable as error:
            return f"cannot read: {error}"
        return None

    async def _store_something(self) -> str | None:
        """Nothing may be kept waiting by a disk that hangs: the one probe is waited for again."""
        if self._storing is None:
            self._storing = _Storing(self._store)
        await self._storing.done.wait()
        error, self._storing = self._storing.error, None
        if error is None:
            return None
        told = str(error) if isinstance(error, Unavailable) else type(error).__name__
        return f"cannot store: {told}"


class _Storing:
    """A probe that the writer's thread carries out in its turn."""

    def __init__(self, store: Store) -> None:
        self.done = trio.Event()
        self.error: BaseException | None = None
        token = trio.lowlevel.current_trio_token()
        store.probe_soon(partial(self._told, token))

    def _told(self, token: trio.lowlevel.TrioToken, error: BaseException | None) -> None:
        self.error = error
        with suppress(trio.RunFinishedError):  # nobody is left to wait
            token.run_sync_soon(self.done.set)
