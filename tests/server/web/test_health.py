"""`/health`: that it is well where it is, and what it says where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event as ThreadEvent

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from chatd.server.web.health import FRESH_SECONDS, PROBE_SECONDS_MAX, TROUBLE_SECONDS, Health
from tests.chat.harness import Client, World, serving
from tests.peer import Peer
from tests.server.test_full_disk import TEXT, disk
from tests.server.web.world import get, head, post, web_server
from tests.serving import Server

__all__ = ["disk"]


def health(world: World) -> Health:
    return Health(world.store, world.committer, trio.current_time)


async def test_a_server_that_works(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        assert await health(world).problem() is None


async def test_a_probe_stores_for_real(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        before = (tmp_path / "chatd.db-wal").stat()
        assert await health(world).problem() is None
        after = (tmp_path / "chatd.db-wal").stat()
        assert (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns)


async def test_the_disk_is_bothered_once_a_second(tmp_path: Path, mock_clock: MockClock) -> None:
    async with serving(tmp_path) as world:
        asked = health(world)
        wal = tmp_path / "chatd.db-wal"
        assert await asked.problem() is None
        first = wal.stat().st_mtime_ns, wal.stat().st_size
        for _ in range(20):
            assert await asked.problem() is None
        assert (wal.stat().st_mtime_ns, wal.stat().st_size) == first
        mock_clock.jump(FRESH_SECONDS)
        assert await asked.problem() is None
        assert (wal.stat().st_mtime_ns, wal.stat().st_size) != first


async def a_batch_fails(world: World) -> Client:
    """Somebody's request could not be stored."""
    alice = await world.login("alice")
    world.store.hold()
    alice.send("JOIN|#ops")
    await world.rest()
    world.store.fail()
    await world.rest()
    return alice


async def test_a_batch_that_failed_is_told_until_one_does_not(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with serving(tmp_path) as world:
        alice = await a_batch_fails(world)
        assert "disk is full" in str(await health(world).problem())
        assert world.committer.failures == 1
        assert (await world.ask(alice, "JOIN|#ops"))[0].startswith("JOIN|SUCCESS|")
        assert await health(world).problem() is None


async def test_a_batch_that_failed_is_told_for_a_minute(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with serving(tmp_path) as world:
        await a_batch_fails(world)
        asked = health(world)
        mock_clock.jump(TROUBLE_SECONDS - 1)
        assert await asked.problem() is not None
        mock_clock.jump(2)
        assert await asked.problem() is None


async def test_a_disk_that_hangs_is_told_and_asked_no_further(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with serving(tmp_path) as world:
        asked, go_on = health(world), ThreadEvent()
        world.store._thread.soon(go_on.wait, lambda _: None)
        found: list[str | None] = []

        async def ask() -> None:
            found.append(await asked.problem())

        for times in (1, 2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                while asked._storing is None:
                    await wait_all_tasks_blocked(0.001)
                await wait_all_tasks_blocked(0.001)
                mock_clock.jump(PROBE_SECONDS_MAX + FRESH_SECONDS)
            assert found == [f"the disk takes longer than {PROBE_SECONDS_MAX} seconds"] * times
        go_on.set()
        mock_clock.jump(FRESH_SECONDS)
        while (problem := await asked.problem()) is not None:
            assert problem in found
            mock_clock.jump(FRESH_SECONDS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with web_server(tmp_path, registration="open") as server:
        yield server


def test_it_is_told_in_json_and_without_anything_else(server: Server) -> None:
    said = get(f"{server.web}/health")
    assert said.status_code == 200
    assert said.json() == {"status": "ok"}
    assert head(f"{server.web}/health").status_code == 200
    assert post(f"{server.web}/health").status_code == 405


def fill(peer: Peer) -> None:
    while (said := peer.ask(f"MSG|alice|{TEXT}")).startswith("MSG|SUCCESS|"):
        pass
    assert said.startswith("MSG|FAILURE|UNAVAILABLE|")


def test_a_full_disk(disk: Path) -> None:
    with web_server(disk, registration="open") as server:
        (disk / "ballast").write_bytes(bytes(3_000_000))
        (alice,) = server.join("alice")
        fill(alice)
        said = get(f"{server.web}/health")
        assert said.status_code == 503
        assert said.json()["status"] == "failing"
        assert said.json()["problem"].startswith("cannot store: FullError: ")
        assert str(disk) not in said.text
        (disk / "ballast").unlink()
        assert alice.ask("JOIN|#ops").startswith("JOIN|SUCCESS|")
        while get(f"{server.web}/health").status_code != 200:
            assert alice.ask("PING") == "PING|SUCCESS"
