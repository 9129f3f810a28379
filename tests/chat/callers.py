"""Who provides and calls services, as the registry of services sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from chatd.chat.calls import Asked
from chatd.chat.model import Account, Session
from chatd.chat.services import Services
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.services import CallMade, Serve
from chatd.protocol.wire import read_event
from chatd.services import Call, Service


@dataclass(eq=False)
class Line:
    """The far end of a connection: what it was sent."""

    account: Account
    address: str = ""
    session: Session | None = None
    pending: int = 0
    unwelcomed: bool = False
    hears_after: int = 0
    alive: bool = True
    behind: bool = False
    calls: list[CallMade] = field(default_factory=list)

    def put(self, line: bytes) -> None:
        event = read_event(line.decode().removesuffix("\n"))
        assert isinstance(event, CallMade)
        self.calls.append(event)

    def put_later(self, line: bytes) -> None:
        raise AssertionError("a call must leave at once")

    def deliver(self, lines: bytes, conversation: str, seq: int) -> None:
        raise AssertionError("a call must not be missed")

    def stop_listening(self) -> None:
        raise AssertionError("a registry ends no connection")

    def goodbye(self, code: Code, sentence: str) -> None:
        raise AssertionError("a registry ends no connection")


async def noon(call: Call) -> str:
    return "noon"


TIME = Service("time", 1, "", "", noon)


def person(number: int, level: int = 0) -> Account:
    return Account(number, f"user{number}", "", level)


def line(number: int = 1, level: int = 0) -> Line:
    return Line(person(number, level))


def serve(services: Services, client: Line, name: str = "dice", level: int = 0) -> None:
    services.serve(client, client.account, Serve(name, level, "sides", "Rolls."))


def ask(services: Services, client: Line, name: str = "dice", *arguments: str) -> Asked:
    return services.ask(client, client.account, name, arguments)


def code_from(act: Callable[..., None], *arguments: object) -> Code | None:
    """Why it is refused, if it is."""
    try:
        act(*arguments)
    except ChatError as error:
        return error.code
    return None


def code_of(asked: Asked) -> Code:
    with pytest.raises(ChatError) as refused:
        asked.result()
    return refused.value.code
