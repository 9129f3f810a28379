"""One's own vault at a real server: nothing lost, nothing twice, whatever happens meanwhile."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from chatctl.e2e import Content, TooLong, seal_vault
from chatctl.own_vault import TRIES_MAX, OwnVault
from chatctl.problems import Problem
from tests.serving import Server

from .client_world import SteadyServer, mortal
from .sealed_world import content_of, entered, keyed, owner, wrapping_key

NOW = datetime.now(UTC)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SteadyServer]:
    async with mortal(tmp_path) as made:
        keyed(made, tmp_path, "ann")
        yield made


def held(server: Server) -> Content:
    """What is stored now."""
    with entered(server, "ann") as peer:
        return content_of(peer)


async def put(vault: OwnVault, *names: str) -> None:
    """Keep something under each name, one change each."""
    for name in names:
        await vault.change(partial(_put, name))


def _put(name: str, content: Content) -> None:
    content.data[name] = name


async def test_two_devices_take_turns(server: SteadyServer) -> None:
    async with owner(server, "ann") as (_, here), owner(server, "ann") as (_, there):
        await put(here, "a")
        await put(there, "b")
        await put(here, "c")
        assert there.content.data == {"a": "a", "b": "b"}
        await there.refresh()
        assert there.content.data == here.content.data == {"a": "a", "b": "b", "c": "c"}
    assert held(server).version == 4


async def test_many_changes_at_once(server: SteadyServer) -> None:
    async with (
        owner(server, "ann") as (_, here),
        owner(server, "ann") as (_, there),
        trio.open_nursery() as nursery,
    ):
        for number in range(40):
            nursery.start_soon(put, here, f"here {number}")
            nursery.start_soon(put, there, f"there {number}")
    expected = {f"{where} {number}" for where in ("here", "there") for number in range(40)}
    assert {*held(server).data} == expected
    assert held(server).version == 81


async def test_a_change_that_fails_leaves_nothing(server: SteadyServer) -> None:
    async with owner(server, "ann") as (_, vault):

        def fail(content: Content) -> None:
            content.data["half"] = "done"
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await vault.change(fail)
        with pytest.raises(TooLong):
            await vault.change(lambda content: content.data.update({"big": "x" * 49_152}))
        assert vault.content.data == {}
        await put(vault, "small")
    assert held(server).data == {"small": "small"}


async def test_it_gives_up_where_others_are_always_faster(server: SteadyServer) -> None:
    tries = 0

    def overtake(content: Content) -> None:
        nonlocal tries
        tries += 1
        content.data["late"] = "late"
        with entered(server, "ann") as peer:
            newest = content_of(peer)
            newest.data["other"] = str(tries)
            blob = _sealed(newest)
            assert peer.ask(f"STORE|{newest.version}|{blob}").startswith("STORE|SUCCESS|")

    async with owner(server, "ann") as (_, vault):
        with pytest.raises(Problem, match="too fast"):
            await vault.change(overtake)
        assert tries == TRIES_MAX
        assert vault.content.data == {"other": str(TRIES_MAX)}
    assert held(server).data == {"other": str(TRIES_MAX)}


def _sealed(content: Content) -> str:
    return seal_vault(content, wrapping_key(), content.version + 1)


async def test_killed_before_it_was_stored(server: SteadyServer) -> None:
    async with owner(server, "ann") as (_, vault):
        server.signal(signal.SIGSTOP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(put, vault, "once")
            await trio.testing.wait_all_tasks_blocked()
            await server.crash()
            await server.begin()
        assert vault.content.data == {"once": "once"}
    assert held(server).data == {"once": "once"}


@asynccontextmanager
async def losing_answers(server: SteadyServer, count: int) -> AsyncIterator[str]:
    """An address that leads to `server`; the first `count` times that something was stored, the
    connection breaks instead of saying so."""
    left = count

    async def carry(source: trio.SocketStream, target: trio.SocketStream) -> None:
        nonlocal left
        async for data in source:
            if left and b"STORE|SUCCESS" in data:
                left -= 1
                break
            await target.send_all(data)
        await source.aclose()
        await target.aclose()

    async def serve(near: trio.SocketStream) -> None:
        far = await trio.open_tcp_stream("127.0.0.1", server.port)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(carry, near, far)
                nursery.start_soon(carry, far, near)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the other way was closed

    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield f"127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_what_was_stored_unheard_is_not_done_again(server: SteadyServer) -> None:
    async with losing_answers(server, 2) as address, owner(server, "ann", address) as (_, vault):
        await vault.change(lambda content: content.rotate(NOW))
        await put(vault, "once")
        await put(vault, "then")
        assert len(vault.content.keys.signing) == 2
    stored = held(server)
    assert (len(stored.keys.signing), stored.version) == (2, 4)
    assert stored.data == {"once": "once", "then": "then"}


async def test_killed_again_and_again(server: SteadyServer) -> None:
    """Two devices change it all the while."""
    done = 0
    milestones, milestone = trio.open_memory_channel[None](100)

    async def write(vault: OwnVault, where: str) -> None:
        nonlocal done
        for number in range(60):
            await put(vault, f"{where} {number}")
            done += 1
            if done % 25 == 0:
                await milestones.send(None)

    async def write_all(here: OwnVault, there: OwnVault) -> None:
        async with milestones, trio.open_nursery() as nursery:
            nursery.start_soon(write, here, "here")
            nursery.start_soon(write, there, "there")

    async with (
        owner(server, "ann") as (_, here),
        owner(server, "ann") as (_, there),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(write_all, here, there)
        async for _ in milestone:
            await server.crash()
            await server.begin()
    expected = {f"{where} {number}" for where in ("here", "there") for number in range(60)}
    assert {*held(server).data} == expected
