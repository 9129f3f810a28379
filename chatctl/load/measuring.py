"""One measurement, from the first account to the last, which is gone again whatever happens."""

from __future__ import annotations

import secrets
import signal
import sys
from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from math import inf

import trio

from chatd.protocol.commands import Info

from ..client import connect
from .crowd import Crowd, Person
from .engine import Engine
from .peer import Aim, Peer, aim_at
from .people import oneself, strangers
from .plan import Plan, Spread
from .progress import Meter
from .tally import Tally
from .watch import Watch

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TELL_SECONDS = 0.5
SWITCH_SECONDS = 0.000_1
"""How long the thread that draws may keep the one that measures from going on."""


@dataclass(slots=True)
class Outcome:
    """What came of it so far."""

    plan: Plan
    """With as many accounts as there were in the end."""
    accounts_wanted: int
    software: str = ""
    """What the server says it is."""
    tally: Tally | None = None
    """None: nothing was measured."""
    interrupted: bool = False
    left: list[str] = field(default_factory=list)
    """Accounts, or with an account that stays rooms, that are still there afterwards."""


class Measuring:
    """Measures the server at an address, with throw-away accounts or with one that stays."""

    def __init__(self, server: str, plan: Plan, own: Person | None, meter: Meter) -> None:
        self.outcome = Outcome(plan, plan.accounts)
        self._server = server
        self._own = own
        self._meter = meter
        self._mark = secrets.token_hex(3)

    async def run(self) -> None:
        """Measure. A signal ends it early, and one that comes while tidying up ends that too."""
        work, tidying = trio.CancelScope(), trio.CancelScope(shield=True)
        with trio.open_signal_receiver(*SIGNALS) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._heed, signals, work, tidying)
                with work:
                    await self._introduce()
                    async with self._people(tidying) as crowd:
                        await self._measure(crowd)
                nursery.cancel_scope.cancel()

    async def _heed(
        self, signals: AsyncIterable[int], work: trio.CancelScope, tidying: trio.CancelScope
    ) -> None:
        async for _ in signals:
            self.outcome.interrupted = True
            (work if tidying.deadline == inf else tidying).cancel()

    async def _introduce(self) -> None:
        """See whether there is a server, before anything is made."""
        async with connect(self._server, reconnect=False) as client:
            info = {item.name: item.value for item in await client.call(Info())}
        self.outcome.software = info.get("version", "")

    def _people(self, tidying: trio.CancelScope) -> AbstractAsyncContextManager[Crowd]:
        left = self.outcome.left
        if self._own is not None:
            return oneself(self._server, self._mark, self._own, left, tidying)
        count = self.outcome.plan.accounts
        return strangers(self._server, self._mark, count, self._meter, left, tidying)

    async def _measure(self, crowd: Crowd) -> None:
        plan = self.outcome.plan = replace(self.outcome.plan, accounts=len(crowd.people))
        spread = Spread(plan.connections, plan.accounts, plan.rooms)
        self._meter.begin("Making rooms", plan.rooms + plan.accounts)
        await crowd.settle(plan, spread, self._meter.tell)
        async with AsyncExitStack() as stack:
            watch = stack.enter_context(Watch())
            self._meter.begin("Connecting", plan.connections)
            sockets = await crowd.arrive(spread, stack, self._meter.tell)
            aims = self._aims(crowd, spread)
            peers = [
                Peer(sock, aims[spread.account_of(place)] if place < plan.senders else (), place)
                for place, sock in enumerate(sockets)
            ]
            engine = Engine(watch, peers, self._mark, plan.window, plan.rate, plan.seconds)
            await self._run(engine)

    def _aims(self, crowd: Crowd, spread: Spread) -> list[list[Aim]]:
        """By account, what its connections may send to."""
        payload_bytes = self.outcome.plan.payload_bytes
        by_room = [
            aim_at(name, self._mark, payload_bytes, spread.deliveries(room))
            for room, name in enumerate(crowd.rooms)
        ]
        return [[by_room[r] for r in spread.rooms_of(one)] for one in range(spread.accounts)]

    async def _run(self, engine: Engine) -> None:
        """Let the engine run in its thread, and tell how it goes."""
        self.outcome.tally = engine.tally
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell, engine)
                await trio.to_thread.run_sync(engine.run)
                nursery.cancel_scope.cancel()
        finally:
            sys.setswitchinterval(interval)

    async def _tell(self, engine: Engine) -> None:
        seconds, tally = self.outcome.plan.seconds, engine.tally
        self._meter.begin("Measuring", seconds)
        began, before = trio.current_time(), 0
        try:
            while True:
                gone = min(seconds, trio.current_time() - began)
                rate, before = (tally.acknowledged - before) / TELL_SECONDS, tally.acknowledged
                refused = f", {tally.refused.total():,} refused" if tally.refused else ""
                note = f"{gone:.0f}/{seconds:.0f} s, {rate:,.0f} msg/s{refused}"
                self._meter.tell(gone, note)
                await trio.sleep(TELL_SECONDS)
        finally:
            engine.stop()  # cancelled from outside, or it has ended by itself
