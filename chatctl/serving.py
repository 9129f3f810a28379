"""Provides a service: each call is answered with what a program writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from chatd.protocol.commands import Info
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lines import LINE_BYTES_MAX
from chatd.protocol.services import Answer, CallMade, Refuse, Serve
from chatd.protocol.wire import write_request

from .client import Client
from .desk import Desk
from .errors import ConnectionLost
from .happenings import Away, Back, Missed
from .harmless import harmless
from .output import event_fields, fields_of
from .problems import complain
from .program import Failed, output_of
from .telling import notice

SECONDS_MAX = 10.0
"""Of servers that do not tell how long a call may take."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done for a call: `command` with the call's arguments behind it, or, with `by_stdin`,
    with these as the lines of its input. `at_once_max` calls are carried out at a time."""

    command: Sequence[str]
    by_stdin: bool
    at_once_max: int


class Provider:
    """Provides one service until it is cancelled."""

    def __init__(self, desk: Desk, client: Client, offer: Serve, job: Job) -> None:
        self._desk = desk
        self._client = client
        self._offer = offer
        self._job = job
        self._places = trio.CapacityLimiter(job.at_once_max)
        self._seconds_max = SECONDS_MAX
        self._under_way: set[trio.CancelScope] = set()

    async def run(self) -> None:
        """Offer the service, also after each reconnection, and answer its calls. ChatError."""
        for item in await self._client.call(Info()):
            if item.name == "service seconds":
                self._seconds_max = float(item.value)
        await self._provide()
        async with trio.open_nursery() as nursery:
            async for event in self._client.events():
                self._take(event, nursery)

    async def _provide(self) -> None:
        await self._client.call(self._offer)
        told = {"event": "SERVE", **fields_of(self._offer)}
        shown = harmless(f"{self._offer.service} is provided; Ctrl-C ends it.")
        self._desk.out.show(shown, told)

    def _take(self, event: object, nursery: trio.Nursery) -> None:
        match event:
            case CallMade() if event.service == self._offer.service.lower():
                scope = trio.CancelScope()
                self._under_way.add(scope)
                nursery.start_soon(self._carry_out, event, scope)
            case Away():
                for scope in self._under_way:  # nobody waits for what was asked before
                    scope.cancel()
                complain(notice(event) or "")
            case Back():
                complain(notice(event) or "")
                nursery.start_soon(self._offer_again)
            case Missed():
                complain(notice(event) or "")
            case _:
                pass

    async def _offer_again(self) -> None:
        """The connection may be lost once more; then it is offered again after that."""
        try:
            await self._provide()
        except ConnectionLost as error:
            complain(error.sentence)

    async def _carry_out(self, call: CallMade, scope: trio.CancelScope) -> None:
        with scope:
            try:
                outcome = _fitting(Answer(call.id, await self._result(call)))
            except Failed as failed:
                await self._tell(call, Refuse(call.id, failed.sentence), failed.sentence)
            else:
                await self._tell(call, outcome, "")
        self._under_way.discard(scope)

    async def _result(self, call: CallMade) -> str:
        """What the program answers; the time in which it waits for its turn counts. Failed."""
        deadline = trio.current_time() + self._seconds_max
        with trio.move_on_at(deadline):
            async with self._places:
                left = deadline - trio.current_time()
                command, stdin = self._written(call)
                return await output_of(command, stdin, _environ(call), left)
        raise Failed("Too much is to be done already; try again.")

    def _written(self, call: CallMade) -> tuple[Sequence[str], bytes]:
        """The command line, and the input."""
        if not self._job.by_stdin:
            return [*self._job.command, *call.arguments], b""
        if any("\n" in argument for argument in call.arguments):
            raise Failed("An argument of this service is one line.")
        return self._job.command, "".join(f"{line}\n" for line in call.arguments).encode()

    async def _tell(self, call: CallMade, outcome: Answer | Refuse, refusal: str) -> None:
        """Say what came of the call, to the server and here."""
        try:
            await self._client.call(outcome)
        except ChatError as error:
            if error.code is not Code.EXPIRED:
                raise
            refusal = "too late"
        except ConnectionLost as error:
            refusal = error.sentence
        words = " ".join([call.service, *call.arguments])
        shown = harmless(f"{call.caller}: {words}{refusal and f' ({refusal})'}")
        self._desk.out.show(shown, {**event_fields(call), "refusal": refusal})


def _environ(call: CallMade) -> dict[str, str]:
    return {**os.environ, "CHATD_CALLER": call.caller, "CHATD_SERVICE": call.service}


def _fitting(answer: Answer) -> Answer:
    """What the server can read: a result grows by its escapes. Failed."""
    if len(write_request(answer)) > LINE_BYTES_MAX:
        raise Failed("The result is too long for a line.")
    return answer
