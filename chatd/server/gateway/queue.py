"""The queue of the gateway: sends what is to be sent, and sends again what did not get through.

It stands in the database, so that nothing is lost: a message leaves it once it was handed on. Where
the server dies between the two it is sent twice, but for that once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import structlog
import trio

from chatd.chat.chat import Chat
from chatd.chat.gateway import Letter
from chatd.chat.gateway_changes import OutgoingGone, OutgoingPostponed
from chatd.chat.ports import StoredOutgoing, Unavailable

from .base import Carrier, GaveUp, Message, Retry
from .letters import message

SENDS_MAX = 4
"""At a time."""
SEND_SECONDS_MAX = 30
TRIES_MAX = 30
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 4, 300
LOOK_SECONDS_MAX = 60
"""However long nothing is due: clocks are set, and settings change."""

_log = structlog.get_logger()
_Change = OutgoingGone | OutgoingPostponed


@dataclass(slots=True, frozen=True)
class Carriers:
    """How messages leave, and what stands in them."""

    mail: Carrier
    text: Carrier
    server: str
    http_url: str | None = None

    def of(self, found: Message) -> Carrier:
        """The gateway for a message."""
        return self.mail if found.by_mail else self.text


@dataclass(slots=True)
class Queue:
    """`run` is its one task, which owns those that send. `jitter`: a number from 0.5 to 1.5, so
    that what failed together is not tried again together. `pause_seconds`: before what came of a
    try is stored once more."""

    chat: Chat
    carriers: Carriers
    jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5)  # noqa: S311
    pause_seconds: float = RETRY_SECONDS_MIN
    _busy: set[int] = field(default_factory=set)
    _settled: set[int] = field(default_factory=set)  # of the busy; what is read now may show them
    _woken: trio.Event = field(default_factory=trio.Event)

    def wake(self) -> None:
        """Something is to be sent, or something else may be now."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled."""
        self.chat.gateway.wake = self.wake
        async with trio.open_nursery() as nursery:
            while True:
                self._woken = trio.Event()
                seconds = await self._look(nursery)
                with trio.move_on_after(seconds):
                    await self._woken.wait()

    async def _look(self, nursery: trio.Nursery) -> float:
        """Begin to send what is due; the seconds until there is something else to do."""
        self._busy -= self._settled
        self._settled.clear()
        try:
            self.chat.gateway.waiting = await self.chat.archive.outgoing_count()
            found = await self.chat.archive.outgoing(len(self._busy) + SENDS_MAX + 1)
        except Unavailable as error:
            _log.warning("the gateway's queue cannot be read", problem=str(error))
            return LOOK_SECONDS_MAX
        now_ms = self.chat.clock.now_ms()
        for one in found:
            if one.id in self._busy:
                continue
            if one.next_ms > now_ms:
                return min((one.next_ms - now_ms) / 1000, LOOK_SECONDS_MAX)
            if len(self._busy) >= SENDS_MAX:
                break
            self._busy.add(one.id)
            nursery.start_soon(self._carry, one)
        return LOOK_SECONDS_MAX

    async def _carry(self, one: StoredOutgoing) -> None:
        """Try once; it is nobody else's until what came of it is stored."""
        change = await self._tried(one)
        while not await self._stored(change):  # noqa: ASYNC110
            await trio.sleep(self.pause_seconds)
        self._settled.add(one.id)
        self.wake()

    async def _tried(self, one: StoredOutgoing) -> _Change:
        try:
            letter = msgspec.json.decode(one.message, type=Letter)
            if letter.contact is not None:  # or else it is for nobody
                await self._send(one, letter)
        except Retry as retry:
            return self._again(one, retry)
        except (GaveUp, msgspec.MsgspecError) as error:
            self._give_up(one, error.why if isinstance(error, GaveUp) else "it cannot be read")
        return OutgoingGone(one.id)

    async def _send(self, one: StoredOutgoing, letter: Letter) -> None:
        if self.chat.clock.now_ms() >= letter.expires_ms:
            raise GaveUp("its code has expired")
        carriers = self.carriers
        try:
            made = message(letter, one.id, one.created_ms, carriers.server, carriers.http_url)
            with trio.fail_after(SEND_SECONDS_MAX):
                await carriers.of(made).carry(made)
        except trio.TooSlowError:
            raise Retry("it took too long") from None
        except (Retry, GaveUp):
            raise
        except Exception:  # noqa: BLE001
            _log.exception("a gateway broke", outgoing=one.id)
            raise Retry("a defect of ours") from None
        _log.info("sent through the gateway", outgoing=one.id, by_mail=made.by_mail)

    def _again(self, one: StoredOutgoing, retry: Retry) -> _Change:
        tries = one.tries + 1
        if tries >= TRIES_MAX:
            self._give_up(one, retry.why)
            return OutgoingGone(one.id)
        seconds = min(RETRY_SECONDS_MIN * 2.0**one.tries, RETRY_SECONDS_MAX) * self.jitter()
        seconds = max(seconds, retry.after_seconds or 0)
        _log.warning(
            "not sent yet", outgoing=one.id, tries=tries, problem=retry.why, again=round(seconds)
        )
        next_ms = self.chat.clock.now_ms() + round(seconds * 1000)
        return OutgoingPostponed(one.id, tries, next_ms)

    def _give_up(self, one: StoredOutgoing, why: str) -> None:
        _log.error("given up, and not sent", outgoing=one.id, tries=one.tries + 1, problem=why)

    async def _stored(self, change: _Change) -> bool:
        """Whether it could be stored."""
        ended, stored = trio.Event(), trio.Event()
        self.chat.ledger.store(change)
        self.chat.ledger.then(stored.set)
        self.chat.ledger.anyway(ended.set)
        await ended.wait()
        return stored.is_set()
