"""Being found: a door of one's own, of which the server tells those whom one knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from chatd.protocol.direct import Listen
from chatd.security.channel import Acceptor

from ..address import Address
from ..client import Client
from ..desk import Desk
from ..device import device_key
from ..device_key import DeviceKey
from ..errors import ConnectionLost
from ..locallog import Keeper
from ..opener import Read
from ..privacy import Privacy
from ..problems import complain, not_encrypted, usage
from .door import Door, open_door, port_of
from .guest import Host
from .standing import Acquaintances
from .wire import PROLOGUE

LOCAL_HOST = "127.0.0.1"


class Reception:
    """Made by `receive`."""

    def __init__(self, client: Client, port: int, key: DeviceKey) -> None:
        self.port = port
        self._client = client
        self._key = key

    async def announce(self) -> None:
        """Tell the server, which forgets it with each connection. ChatError."""
        try:
            await self._client.call(Listen(self.port, key=self._key.public))
        except ConnectionLost:
            return  # the next connection says it again


async def receive(
    nursery: trio.Nursery,
    desk: Desk,
    client: Client,
    secrets: Privacy,
    keeper: Keeper,
    place: tuple[str | None, int],
    wants: Callable[[str], bool],
    show: Callable[[Read], Awaitable[None]],
) -> Reception:
    """Listen at `place`, an address (else that of the way to the server) and a port (0: any), and
    take messages in `nursery`. Raises Problem, ChatError, OSError."""
    people = secrets.people
    if people is None:
        raise not_encrypted("You have no keys yet, so nobody could be sure of you: chatctl secure")
    key = device_key(desk)
    host = Host(
        lambda: client.me,
        lambda: people.vault.content.keys,
        Acceptor(key.private, PROLOGUE),
        Acquaintances(client, people),
        secrets.opener,
        keeper,
        wants,
        show,
    )
    address, port = place[0] or client.local_host or LOCAL_HOST, place[1]
    try:
        listeners = await open_door(address, port)
    except OSError as error:
        raise usage(f"Cannot listen at {Address(address, port)}: {error.strerror}") from None
    nursery.start_soon(Door(host).serve, listeners, complain)
    reception = Reception(client, port_of(listeners), key)
    await reception.announce()
    return reception
