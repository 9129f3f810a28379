"""Sealed connections to a server in this process."""

from __future__ import annotations

from trio.testing import MockClock, wait_all_tasks_blocked

from chatd.security.channel import Acceptor
from chatd.security.keys import CHANNEL
from chatd.server.dispatch import DENIED_DELAY_SECONDS
from tests.chat.harness import KEY, Client, World
from tests.sealed import Caller, raw

ACCEPTOR = Acceptor(KEY.derive(CHANNEL))
DEVICE = bytes(range(101, 133))
"""The private key of a client's device."""
ELSEWHERE = "192.0.2.7"


async def seal(world: World, address: str = "", pattern: str = "NX") -> tuple[Client, Caller]:
    """A connection that is sealed."""
    key = Caller.public(KEY.derive(CHANNEL))
    caller = Caller(pattern, key, DEVICE if pattern == "IK" else None)
    client = world.connect(address)
    (line,) = await world.ask(client, caller.line)
    assert line.startswith("SEAL|SUCCESS|"), line
    caller.hear(raw(line.split("|")[2]))
    return client, caller


async def tell(world: World, client: Client, caller: Caller, plain: bytes) -> list[str]:
    """What is answered, opened, when something is said sealed."""
    client.sock.sendall(caller.sealed(plain))
    await world.rest()
    return hear(client, caller)


def hear(client: Client, caller: Caller) -> list[str]:
    return b"".join(map(caller.opened, client.news())).decode().splitlines()


async def after_the_delay(world: World, clock: MockClock) -> None:
    await wait_all_tasks_blocked(0.01)
    clock.jump(DENIED_DELAY_SECONDS)
    await world.rest()
