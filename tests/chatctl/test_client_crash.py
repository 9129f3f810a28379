"""A server that is killed under load: every message once, in order, and no call left behind."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from chatctl.client import Client
from chatctl.errors import ConnectionLost
from chatd.protocol.commands import (
    Msg,
    Ping,
    Rooms,
    Send,
)
from chatd.protocol.events import Message
from chatd.protocol.replies import Ponged, Posted
from tests.chatctl.client_world import SteadyServer, mortal, person


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SteadyServer]:
    async with mortal(tmp_path) as made:
        yield made


Shown = dict[str, list[tuple[int, str]]]


class Traffic:
    """People who write numbered messages into two rooms, readers, and a server that is killed."""

    ROOMS = ("#a", "#b")

    def __init__(self, each: int, crash_every: int) -> None:
        self.each = each
        self.posted: Shown = {room: [] for room in self.ROOMS}
        self._crash_every = crash_every
        self._count = 0
        self._milestones, self._milestone = trio.open_memory_channel[None](100)

    async def write(self, client: Client) -> None:
        for number in range(self.each):
            room, text = self.ROOMS[number % 2], f"{client.user} {number}"
            posted = await client.send_once(room, text)
            self.posted[room].append((posted.seq, text))
            self._count += 1
            if self._count % self._crash_every == 0:
                await self._milestones.send(None)

    async def write_all(self, *clients: Client) -> None:
        async with self._milestones, trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(self.write, client)

    async def crash_often(self, server: SteadyServer) -> None:
        async for _ in self._milestone:
            await server.crash()
            await server.begin()

    async def read(self, client: Client, count: int, shown: Shown) -> None:
        events = client.events()
        while sum(map(len, shown.values())) < count:
            if isinstance(event := await anext(events), Message):
                shown.setdefault(event.conversation, []).append((event.seq, event.text))

    def of_others(self, user: str) -> Shown:
        return {
            room: [(seq, text) for seq, text in sorted(posted) if text.split()[0] != user]
            for room, posted in self.posted.items()
        }


async def test_every_message_comes_once_and_in_order_over_crashes(server: SteadyServer) -> None:
    """Three write while the server is killed again and again; one of them reads, and one more."""
    traffic = Traffic(each=150, crash_every=90)
    shown_to_ann: Shown = {}
    shown_to_dora: Shown = {}
    async with (
        person(server, "ann", *traffic.ROOMS) as ann,
        person(server, "ben", *traffic.ROOMS) as ben,
        person(server, "cleo", *traffic.ROOMS) as cleo,
        person(server, "dora", *traffic.ROOMS) as dora,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(traffic.write_all, ann, ben, cleo)
        nursery.start_soon(traffic.crash_often, server)
        nursery.start_soon(traffic.read, ann, 2 * traffic.each, shown_to_ann)
        nursery.start_soon(traffic.read, dora, 3 * traffic.each, shown_to_dora)
    assert shown_to_ann == traffic.of_others("ann")
    assert shown_to_dora == traffic.of_others("dora")


async def test_what_was_under_way_is_repeated_or_fails(server: SteadyServer) -> None:
    outcomes: dict[str, object] = {}

    async def note(name: str, client: Client, request: Send | Msg | Ping | Rooms) -> None:
        try:
            outcomes[name] = await client.call(request)
        except ConnectionLost as error:
            outcomes[name] = type(error)

    async with person(server, "ann", "#ops") as ann:
        server.signal(signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(note, "msg", ann, Msg("#ops", "perhaps"))
            nursery.start_soon(note, "send", ann, Send("#ops", "1", "once"))
            nursery.start_soon(note, "ping", ann, Ping("hi"))
            nursery.start_soon(note, "rooms", ann, Rooms())
            await trio.testing.wait_all_tasks_blocked()
            await server.crash()
            await server.begin()
    assert outcomes["msg"] is ConnectionLost
    assert isinstance(outcomes["send"], Posted)
    assert outcomes["ping"] == Ponged("hi")
    assert isinstance(outcomes["rooms"], list)
