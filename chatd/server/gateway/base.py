"""What all gateways have in common: what they carry, and how they say that it did not work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from chatd.chat.gateway_changes import CodeKind


@dataclass(slots=True, frozen=True)
class Message:
    """A code on its way to a person. `id` is the same however often it is sent. `address`: a mail
    address, or a telephone number as E.164; `text` is a whole letter for the one and short for the
    other."""

    id: str
    kind: CodeKind
    contact: str = field(repr=False)
    user: str = field(repr=False)
    code: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    created_ms: int
    expires_ms: int

    @property
    def by_mail(self) -> bool:
        """Or else by text message."""
        return self.contact.startswith("mailto:")

    @property
    def address(self) -> str:
        """Where it goes, without the scheme."""
        return self.contact.partition(":")[2]


class Retry(Exception):
    """It did not work this time. `why` is for the log: it quotes neither message nor address."""

    def __init__(self, why: str, after_seconds: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.after_seconds = after_seconds


class GaveUp(Exception):
    """It will never work. `why` as of `Retry`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Carrier(Protocol):
    """A gateway."""

    async def carry(self, message: Message) -> None:
        """Hand the message on. Where that is cut short it may have been handed on nevertheless.
        Retry, GaveUp."""
