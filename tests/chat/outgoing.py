"""Messages to people outside, in tests: a server that sends codes, and what it would send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from chatd.chat.gateway import Letter
from chatd.security.throttle import Slowdown
from tests.chat.harness import SECRET, Client, World, serving

CONTACT = "mailto:alice@example.org"
VALID_MS = 900_000


@asynccontextmanager
async def asking(folder: Path, registration: str = "gateway") -> AsyncIterator[World]:
    """A server that asks for codes, and slows nobody down."""
    async with serving(folder) as world:
        world.chat.rules = replace(world.chat.rules, registration=registration)  # type: ignore[arg-type]
        world.chat.slowdown = Slowdown(10_000, 1, 60, 1_000)
        yield world


def later(world: World, ms: int) -> None:
    """So much time goes by: the clock is put forward, and never goes back."""
    world.chat.clock._latest_ms = world.chat.clock.now_ms() + ms


async def letters(world: World) -> list[Letter]:
    """What is to be sent, the oldest first; what is for nobody is left out."""
    found = await world.store.outgoing(1_000)
    read = [msgspec.json.decode(one.message, type=Letter) for one in found]
    return [letter for letter in read if letter.contact is not None]


async def code(world: World) -> str:
    """The latest that was sent."""
    return (await letters(world))[-1].code


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


async def registers(world: World, user: str, contact: str = CONTACT) -> Client:
    client = world.connect()
    answer = await world.ask(client, f"REGISTER|{user}|{SECRET}|contact={contact}")
    assert answer == ["REGISTER|SUCCESS|pending"]
    return client


async def says(world: World, client: Client, line: str, answer: str) -> None:
    """One line, and how its answer begins."""
    [got] = await world.ask(client, line)
    assert got.startswith(answer), got


async def people(world: World) -> dict[str, Client]:
    """One of each kind, by name; a name that nobody has is among them."""
    world.chat.rules = replace(world.chat.rules, registration="open")
    bare = await world.login("bare")
    gone = world.connect()
    for user in ("gone", "known"):
        line = f"REGISTER|{user}|{SECRET}|contact={CONTACT}"
        assert await world.ask(gone, line) == ["REGISTER|SUCCESS"]
    await says(world, gone, f"AUTH|gone|{SECRET}", "AUTH|SUCCESS")
    await says(world, gone, f"ERASE|{SECRET}", "ERASE|SUCCESS")
    world.chat.rules = replace(world.chat.rules, registration="gateway")
    waits = await registers(world, "waits")
    return {"bare": bare, "gone": gone, "known": gone, "waits": waits, "nobody": gone}
