"""Who listens where for others: in memory alone, as long as the connection that said so is there
and logged in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count

from .ports import Client


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client listens; `key` is its X25519 public key."""

    address: str = field(repr=False)
    port: int
    key: bytes


class Whereabouts:
    """At most one place for each connection."""

    def __init__(self) -> None:
        self._places: dict[Client, tuple[int, Place]] = {}
        self._count = count()

    def __len__(self) -> int:
        return len(self._places)

    def listen(self, client: Client, place: Place | None) -> None:
        """From now on it listens there, or no more."""
        self._places.pop(client, None)
        if place is not None:
            self._places[client] = next(self._count), place

    def newest(self, clients: Collection[Client]) -> Place | None:
        """The place told last by one of these."""
        found = [self._places[client] for client in clients if client in self._places]
        return max(found)[1] if found else None
