"""What is to be measured, and who hears whom."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from chatd.protocol.fields import TEXT_BYTES_MAX

CONNECTIONS_MAX = 10_000
ACCOUNTS_MAX = 1_000
ROOMS = 10
"""Where not asked for; fewer where connections are few, so that each hears another."""
ROOMS_MAX = 1_000
WINDOW_MAX = 4_096
RATE_MAX = 1_000_000.0
SECONDS_MIN = 0.1
SECONDS_MAX = 3_600.0
PAYLOAD_BYTES_MIN = 16
PAYLOAD_BYTES_MAX = TEXT_BYTES_MAX
IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024
"""All windows together, full."""

ACCOUNTS_USUAL = 20
"""A server lets one address register 30 in ten minutes; it is not for one measurement to use up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement. `rate` is in messages a second from all senders; None: as they can."""

    connections: int
    rooms: int
    senders: int
    accounts: int
    window: int
    rate: float | None
    payload_bytes: int
    seconds: float
    history: bool

    def complaint(self) -> str | None:
        """Why this cannot be measured, as a sentence; None if it can."""
        for name in ("rooms", "senders", "accounts"):
            if getattr(self, name) > self.connections:
                return f"There are more {name} than connections"
        if isnan(self.seconds) or isnan(self.rate or 0):
            return "Neither --duration nor --rate can be nan"
        if self.senders * self.window * self.payload_bytes > IN_FLIGHT_BYTES_MAX:
            mebibytes = IN_FLIGHT_BYTES_MAX // 1_048_576
            return f"Senders, window and payload make over {mebibytes} MiB under way; take less"
        return None


def accounts_for(connections: int, rooms: int) -> int:
    """How many accounts to make unless told: about 20, and as many for each room."""
    return min(connections, max(rooms, ACCOUNTS_USUAL // rooms * rooms))


@dataclass(frozen=True, slots=True)
class Spread:
    """Who is in which room.

    Connections are dealt to the accounts in turn, and accounts to the rooms. Where there are fewer
    accounts than rooms, an account is in several. A member's connections all hear its rooms.
    """

    connections: int
    accounts: int
    rooms: int

    def account_of(self, connection: int) -> int:
        """Whose connection it is."""
        return connection % self.accounts

    def rooms_of(self, account: int) -> list[int]:
        """The rooms that it is a member of; at least one."""
        if self.accounts >= self.rooms:
            return [account % self.rooms]
        return list(range(account, self.rooms, self.accounts))

    def members(self, room: int) -> list[int]:
        """The accounts in it, at least one; the first makes it."""
        if self.accounts >= self.rooms:
            return list(range(room, self.accounts, self.rooms))
        return [room % self.accounts]

    def listeners(self, room: int) -> int:
        """How many connections hear it."""
        return sum(len(range(one, self.connections, self.accounts)) for one in self.members(room))

    def deliveries(self, room: int) -> int:
        """How often a message to it is delivered: to all connections but the one that sent it."""
        return self.listeners(room) - 1
