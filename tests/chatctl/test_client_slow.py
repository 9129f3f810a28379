"""`chatctl` where more is said than is listened to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from chatctl.client import Client
from chatctl.session import Session
from chatd.protocol.commands import (
    History,
    Join,
    Msg,
)
from tests.chatctl.client_world import SteadyServer, mortal, person, texts


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SteadyServer]:
    async with mortal(tmp_path) as made:
        yield made


async def test_a_client_that_was_too_slow_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop stands still while far more is posted than sockets and outbox hold."""
    count, size = 500, 30_000
    lines: list[str] = []
    take = Session.line

    def noting(self: Session, line: str) -> None:
        lines.append(line)
        take(self, line)

    monkeypatch.setattr(Session, "line", noting)
    async with (
        mortal(tmp_path, outbox_bytes_max=262_144) as server,
        person(server, "ann", "#ops") as ann,
    ):
        events = ann.events()
        with server.login("ben", register=True) as ben:
            ben.ask("JOIN|#ops")
            for number in range(count):
                assert ben.ask(f"MSG|#ops|{number} {'x' * size}").startswith("MSG|SUCCESS|")
        found = [text.split()[0] for text in await texts(events, count)]
    assert found == list(map(str, range(count)))
    assert any(line.startswith("*LAG|#ops|") for line in lines)


async def test_a_client_that_nobody_reads_goes_on_and_shows_all_later(
    server: SteadyServer,
) -> None:
    count = 2_500
    async with person(server, "ann", "#ops") as ann, person(server, "ben", "#ops") as ben:
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(ben.call, Msg("#ops", str(number)))
        await ann.call(Join("#other"))
        shown = await texts(ann.events(), count)
        history = await server_order(ben, count)
    assert shown == history


async def server_order(client: Client, count: int) -> list[str]:
    """The texts of a room as the server has them."""
    found: list[str] = []
    after = 0
    while len(found) < count:
        page = await client.call(History("#ops", after=after, limit=1_000))
        found += [item.text for item in page]
        after = page[-1].seq
    return found
