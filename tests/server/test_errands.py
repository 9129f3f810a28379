"""Requests without a connection: they are judged, stored and answered like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from chatd.protocol.commands import Passwd, Ping, Register, Whoami
from chatd.protocol.errors import ChatError, Code
from chatd.server.errands import Errands
from tests.chat.harness import SECRET, World, serving


def errands(world: World) -> Errands:
    return Errands(world.chat, world.committer)


async def refusal(world: World, request: Register) -> Code:
    with pytest.raises(ChatError) as caught:
        await errands(world).carry_out(request, "")
    return caught.value.code


async def test_it_is_carried_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        await errands(world).carry_out(Register("alice", SECRET), "")
        await world.login("alice", register=False)
        await errands(world).carry_out(Ping(), "")


async def test_it_is_answered_once_it_is_on_disk(tmp_path: Path) -> None:
    async with serving(tmp_path) as world, trio.open_nursery() as nursery:
        world.store.hold()
        done = trio.Event()

        async def carry_out() -> None:
            await errands(world).carry_out(Register("alice", SECRET), "")
            done.set()

        nursery.start_soon(carry_out)
        while not world.store.held:
            await world.rest()
        assert not done.is_set()
        world.store.let_go()
        await done.wait()


async def test_what_is_refused_is_counted(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        await world.login("alice")
        assert await refusal(world, Register("alice", SECRET)) is Code.TAKEN
        assert await refusal(world, Register("bob", "12345")) is Code.WEAK_PASSWORD
        refusals = world.chat.ledger.counts.refusals
        assert (refusals[Code.TAKEN], refusals[Code.WEAK_PASSWORD]) == (1, 1)


async def test_what_cannot_be_stored_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as world, trio.open_nursery() as nursery:
        world.store.hold()
        codes: list[Code] = []

        async def carry_out() -> None:
            codes.append(await refusal(world, Register("alice", SECRET)))

        nursery.start_soon(carry_out)
        while not world.store.held:
            await world.rest()
        world.store.fail()
        await world.rest()
        while not codes:
            await world.rest()
        assert codes == [Code.UNAVAILABLE]
        assert world.chat.ledger.counts.refusals[Code.UNAVAILABLE] == 1


@pytest.mark.parametrize("request_", [Whoami(), Passwd(SECRET, SECRET)], ids=["now", "later"])
async def test_a_defect_of_ours_is_told_and_nothing_else_breaks(
    tmp_path: Path, request_: Whoami | Passwd
) -> None:
    """A request that needs a session is none for here."""
    async with serving(tmp_path) as world:
        with pytest.raises(ChatError) as caught:
            await errands(world).carry_out(request_, "")
        assert caught.value.code in (Code.UNAVAILABLE, Code.NOT_AUTHENTICATED)
        await world.rest()
        await errands(world).carry_out(Register("alice", SECRET), "")
