"""Nothing is left lying while the reactor makes way for others, and nobody acts after goodbye."""

from __future__ import annotations

import gc
from pathlib import Path

import apsw
import trio
from trio.testing import wait_all_tasks_blocked

from chatd.chat.directory import Key
from chatd.chat.model import Room
from chatd.security.keys import ServerKey
from chatd.storage.batches import Batches
from chatd.storage.codec import Codec
from chatd.storage.reads import Reader
from chatd.storage.recent import Recent
from tests.chat.harness import World, heads, in_ops, serving

PATIENCE_SECONDS = 20
CROWD = 800  # a few times as many as are flushed at one time


async def during_a_flush(world: World) -> None:
    """Returns while the reactor makes way in the middle of a flush."""
    crowd = [world.connect() for _ in range(CROWD)]
    await world.rest()
    for client in crowd:
        client.connection.put(b"*X\n")
    world.reactor.wakeups.rouse()
    with trio.fail_after(PATIENCE_SECONDS):
        while len(world.reactor.dirty) == CROWD:
            await trio.lowlevel.checkpoint()
    assert 0 < len(world.reactor.dirty) < CROWD


async def test_what_comes_into_the_ledger_during_a_flush_is_released(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        done = trio.Event()
        await during_a_flush(world)
        world.chat.ledger.then(done.set)
        with trio.fail_after(PATIENCE_SECONDS):
            await done.wait()


async def test_a_reply_that_may_wait_leaves_though_it_comes_during_a_flush(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")
        await during_a_flush(world)
        alice.connection.put_later(b"MSG|SUCCESS|1|now\n")
        await world.rest()
        assert alice.news() == ["MSG|SUCCESS|1|now"]


async def test_a_session_that_was_ended_posts_nothing_that_waited_for_memory(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        twin = await world.login("alice", register=False)
        sessions = await world.ask(twin, "SESSIONS")
        (session,) = (line.split("|")[2] for line in sessions if line.endswith("|this"))
        load, go = world.chat.directory.load, trio.Event()

        async def held(key: Key) -> None:
            await load(key)
            if key[0] == "#":
                await go.wait()

        world.chat.directory.load = held  # type: ignore[method-assign]
        world.forget()
        twin.send("MSG|#ops|ghost", "MSG|#ops|ghost")
        await wait_all_tasks_blocked(0.01)
        alice.news()
        alice.send(f"FORGET|{session}")
        while not alice.news():
            await wait_all_tasks_blocked(0.01)
        go.set()
        await world.rest()
        assert heads(bob.news()) == []


async def test_after_a_failure_no_room_is_kept_that_is_not_in_memory(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        for client in await in_ops(world, "alice", "bob", "carol"):
            await world.ask(client, "MSG|#ops|hi")
            world.forget()
        gc.collect()
        assert sum(type(thing) is Room for thing in gc.get_objects()) <= 1


async def test_when_a_batch_of_reads_breaks_off_all_who_asked_are_told() -> None:
    codec = Codec(ServerKey(bytes(32)))
    batches = Batches([Reader(apsw.Connection(":memory:"), codec, Recent())])
    told: list[str] = []

    class Broken(BaseException):
        """Not what a read may raise."""

    def breaks(_reader: object) -> None:
        raise Broken

    async def ask() -> None:
        try:
            await batches.ask(breaks)
        except (Broken, Exception) as error:  # noqa: BLE001
            told.append(type(error).__name__)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
    assert sorted(told) == ["Broken", "Unavailable", "Unavailable"]
