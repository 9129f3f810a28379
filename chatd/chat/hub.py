"""Who is connected, and who hears what: the published state, changed only by releases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from chatd.protocol.errors import Code

from .ports import Client
from .whereabouts import Whereabouts


class Hub:
    """Connections by account, and by room for those whose accounts are members."""

    def __init__(self) -> None:
        self._accounts: dict[int, tuple[Client] | dict[Client, None]] = {}  # most have one
        self._rooms: defaultdict[int, dict[Client, None]] = defaultdict(dict)
        self._subscribed: dict[Client, set[int] | None] = {}  # None: to nothing
        self.whereabouts = Whereabouts()

    def attach(self, client: Client, account: int, rooms: Iterable[int]) -> None:
        """A connection has logged in."""
        held = self._accounts.get(account)
        if held is None:
            self._accounts[account] = (client,)
        elif isinstance(held, tuple):
            self._accounts[account] = {held[0]: None, client: None}
        else:
            held[client] = None
        self._subscribed[client] = subscribed = set(rooms) or None
        for room in subscribed or ():
            self._rooms[room][client] = None

    def detach(self, client: Client, account: int) -> None:
        """A connection has logged out or is gone; harmless where it was not attached."""
        if client not in self._subscribed:
            return
        self.whereabouts.listen(client, None)
        for room in self._subscribed.pop(client) or ():
            self._forget(room, client)
        held = self._accounts[account]
        if isinstance(held, dict) and len(held) > 1:
            del held[client]
        else:
            del self._accounts[account]

    def subscribe(self, account: int, room: int) -> None:
        """The account's connections hear the room from now on."""
        for client in self.clients(account):
            if (subscribed := self._subscribed[client]) is None:
                subscribed = self._subscribed[client] = set()
            subscribed.add(room)
            self._rooms[room][client] = None

    def unsubscribe(self, account: int, room: int) -> None:
        """The account's connections no longer hear the room."""
        for client in self.clients(account):
            if (subscribed := self._subscribed[client]) is not None:
                subscribed.discard(room)
            self._forget(room, client)

    def clients(self, account: int) -> Collection[Client]:
        """The account's connections; copy them before any may go."""
        return self._accounts.get(account, ())

    def listeners(self, room: int) -> dict[Client, None]:
        """The connections that hear the room; do not change it."""
        return self._rooms.get(room, {})

    def online(self, account: int) -> bool:
        """Whether the account has a connection."""
        return account in self._accounts

    def online_count(self) -> int:
        """How many accounts have one."""
        return len(self._accounts)

    def to_room(
        self, room: int, name: str, seq: int, lines: bytes, but: Client | None = None
    ) -> None:
        """Events of a room, the first at `seq`, to all that hear it."""
        for client in self.listeners(room):
            if client is not but:
                client.deliver(lines, name, seq)

    def to_account(
        self, account: int, conversation: str, seq: int, lines: bytes, but: Client | None = None
    ) -> None:
        """Events of a conversation to an account's connections."""
        for client in self._accounts.get(account, ()):
            if client is not but:
                client.deliver(lines, conversation, seq)

    def to_all(
        self, rooms: Iterable[int], accounts: Iterable[int], line: bytes, but: Client | None = None
    ) -> None:
        """An event, once to each connection that hears one of the rooms or is of an account."""
        heard: dict[Client, None] = {}
        for room in rooms:
            heard |= self.listeners(room)
        for account in accounts:
            heard |= dict.fromkeys(self.clients(account))
        for client in heard:
            if client is not but:
                client.deliver(line, "", 0)

    def end(
        self, account: int, sentence: str, session: int | None = None, keep: int | None = None
    ) -> None:
        """Close the account's connections: those of `session`, or all but those of `keep`."""
        for client in list(self.clients(account)):
            held = client.session.id if client.session is not None else None
            if held != keep and session in (None, held):
                client.goodbye(Code.DENIED, sentence)

    def end_device(self, account: int, device: int, sentence: str) -> None:
        """Close the connections that logged in from a device, or went on with its sessions."""
        for client in list(self.clients(account)):
            if client.session is not None and client.session.device == device:
                client.goodbye(Code.DENIED, sentence)

    def _forget(self, room: int, client: Client) -> None:
        listeners = self._rooms[room]
        listeners.pop(client, None)
        if not listeners:
            del self._rooms[room]
