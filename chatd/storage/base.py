"""What a store must do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chatd.chat.changes import Change
from chatd.chat.ports import Archive

from .thread import Done


@dataclass(frozen=True, slots=True)
class Highest:
    """The highest ids that are in use; of conversations, that were ever given out."""

    account: int
    conversation: int
    session: int
    device: int
    enrolment: int
    pending: int
    outgoing: int


class Store(Archive, Protocol):
    """Reads are those of `Archive`; they see what was committed before."""

    highest: Highest

    def commit_soon(self, changes: Sequence[Change], done: Done) -> None:
        """Keep all changes, in order, or none; then they survive a power cut, and `done` is called
        in another thread, with None, or with `Unavailable`, or whatever broke."""

    def probe_soon(self, done: Done) -> None:
        """As `commit_soon`, of something that changes nothing: whether it could be kept."""

    async def tidy(self, now_ms: int) -> None:
        """Throw away some of what has had its time; cheap, to be called now and then."""

    async def aclose(self) -> None:
        """Finish and close the files."""
