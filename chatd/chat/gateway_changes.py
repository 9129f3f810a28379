"""Changes to what goes through the gateway: registrations that wait, codes, and the queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

KEPT_MS = 86_400_000
"""A registration that is not activated is gone after a day, and so is a code that expired."""

CodeKind = Literal["activate", "recover"]
"""What a code is for: its subject is a pending registration, or an account."""


@dataclass(slots=True, frozen=True)
class PendingMade:
    """A registration that becomes an account when its code is given back."""

    pending: int
    name: str
    secret: str = field(repr=False)
    kdf: str
    contact: str = field(repr=False)
    time_ms: int


@dataclass(slots=True, frozen=True)
class PendingGone:
    """Its code goes with it."""

    pending: int


@dataclass(slots=True, frozen=True)
class ContactSet:
    account: int
    contact: str | None = field(repr=False)


@dataclass(slots=True, frozen=True)
class CodeMade:
    """Known only as its keyed hash; it replaces the one before."""

    kind: CodeKind
    subject: int
    code_hash: bytes = field(repr=False)
    time_ms: int
    expires_ms: int


@dataclass(slots=True, frozen=True)
class CodeTried:
    """`tries`: how many were wrong by now."""

    kind: CodeKind
    subject: int
    tries: int


@dataclass(slots=True, frozen=True)
class CodeGone:
    kind: CodeKind
    subject: int


@dataclass(slots=True, frozen=True)
class OutgoingQueued:
    """`message`: to whom and what, as JSON."""

    outgoing: int
    message: str = field(repr=False)
    time_ms: int


@dataclass(slots=True, frozen=True)
class OutgoingPostponed:
    outgoing: int
    tries: int
    next_ms: int


@dataclass(slots=True, frozen=True)
class OutgoingGone:
    """Carried, or given up."""

    outgoing: int


GatewayChange = (
    PendingMade
    | PendingGone
    | ContactSet
    | CodeMade
    | CodeTried
    | CodeGone
    | OutgoingQueued
    | OutgoingPostponed
    | OutgoingGone
)
