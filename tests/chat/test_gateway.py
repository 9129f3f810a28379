"""Bounds for who asks for codes, and that nobody learns who has an account."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatd.chat.gateway import CODES_MAX, RESETS_MAX, WAITING_MAX
from tests.chat.harness import SECRET, World, heads
from tests.chat.outgoing import (
    CONTACT,
    asking,
    letters,
    people,
    says,
)


async def steps(world: World, user: str, line: str) -> tuple[list[str], str]:
    """What a server does for a request that begins with nothing in memory, and its answer."""
    stranger = world.connect()
    world.forget()
    world.store.steps.clear()
    [answer] = await world.ask(stranger, line)
    return list(world.store.steps), answer


async def test_a_reset_takes_the_same_steps_whoever_it_is_for(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        done = [await steps(world, one, f"RESET|{one}") for one in await people(world)]
        assert done == [(["reach", "CodeMade", "OutgoingQueued"], "RESET|SUCCESS")] * 5
        sent = [letter.user for letter in await letters(world)]
        assert sent == ["waits", "known", "waits"]


@pytest.mark.parametrize("reset_before", [False, True])
async def test_a_wrong_code_takes_the_same_steps_whoever_it_is_for(
    tmp_path: Path, reset_before: bool
) -> None:
    async with asking(tmp_path) as world:
        names = await people(world)
        for one in names if reset_before else ():
            await steps(world, one, f"RESET|{one}")
        line = "RECOVER|{}|12345678|staple tiger seven"
        done = [await steps(world, one, line.format(one)) for one in names]
        assert len({answer for _, answer in done}) == 1
        assert done[0][1].startswith("RECOVER|FAILURE|DENIED")
        stored = ["CodeTried"] if reset_before else ["CodeMade"]
        if reset_before:  # what waits has a code of another kind
            assert done.pop(3)[0] == ["reach", "code", "CodeMade"]
        assert [taken for taken, _ in done] == [["reach", "code", *stored]] * len(done)


async def test_a_limit_is_the_same_whoever_it_is_for(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        for user in await people(world):
            asked = [f"RESET|{user.upper()}"] * (CODES_MAX + 1)
            *granted, last = await world.ask(world.connect(), *asked)
            assert granted == ["RESET|SUCCESS"] * CODES_MAX
            assert heads([last], 3) == ["RESET|FAILURE|RATE_LIMITED"]


async def test_one_address_gets_so_many(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        asked = [f"RESET|user{number}" for number in range(RESETS_MAX + 1)]
        here, near = world.connect("192.0.2.7"), world.connect("192.0.2.8")
        answers = await world.ask(here, *asked)
        assert heads(answers, 3)[-2:] == ["RESET|SUCCESS", "RESET|FAILURE|RATE_LIMITED"]
        assert await world.ask(near, "RESET|user99") == ["RESET|SUCCESS"]


async def test_one_contact_gets_so_many(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        eve = world.connect()
        lines = [
            f"REGISTER|user{number}|{SECRET}|contact=mailto:{spelt}"
            for number, spelt in enumerate(["bob@example.org", "bob@EXAMPLE.org"] * 3)
        ]
        answers = await world.ask(eve, *lines)
        assert answers[:-1] == ["REGISTER|SUCCESS|pending"] * CODES_MAX
        assert heads(answers[-1:], 3) == ["REGISTER|FAILURE|RATE_LIMITED"]


async def test_too_many_on_their_way_are_no_more(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        await people(world)
        world.chat.gateway.waiting = WAITING_MAX
        eve = world.connect()
        lines = ["RESET|known", "RESET|nobody", f"REGISTER|eve|{SECRET}|contact={CONTACT}"]
        answers = heads(await world.ask(eve, *lines), 3)
        verbs = ("RESET", "RESET", "REGISTER")
        assert answers == [f"{verb}|FAILURE|UNAVAILABLE" for verb in verbs]
        world.chat.gateway.waiting = 0
        await says(world, eve, lines[-1], "REGISTER|SUCCESS|pending")
