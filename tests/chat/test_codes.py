"""Codes: how often, how long and by whom they can be given back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatd.chat.codes import TRIES_MAX
from chatd.chat.gateway import Letter
from chatd.chat.gateway_changes import KEPT_MS
from tests.chat.harness import SECRET, heads
from tests.chat.outgoing import (
    CONTACT,
    VALID_MS,
    asking,
    code,
    later,
    other_than,
    people,
    registers,
    says,
)


async def test_a_wrong_try_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        alice = await registers(world, "alice")
        right = await code(world)
        world.store.hold()
        alice.send(*[f"ACTIVATE|alice|{other_than(right)}"] * TRIES_MAX)
        await world.rest()
        assert alice.news() == []
        world.store.let_go()
        await world.rest()
        assert heads(alice.news(), 3) == ["ACTIVATE|FAILURE|DENIED"] * TRIES_MAX
        world.forget()
        await says(world, alice, f"ACTIVATE|alice|{right}", "ACTIVATE|FAILURE|DENIED")


async def test_many_connections_have_no_more_tries(tmp_path: Path) -> None:
    async with asking(tmp_path) as world:
        await registers(world, "alice")
        right = await code(world)
        guessers = [world.connect() for _ in range(TRIES_MAX)]
        for guesser in guessers:
            guesser.send(f"ACTIVATE|alice|{other_than(right)}")
        await world.rest()
        await says(world, guessers[0], f"ACTIVATE|alice|{right}", "ACTIVATE|FAILURE|DENIED")


async def test_nobody_has_a_code(tmp_path: Path) -> None:
    """Nor who has no contact: what is stored for them is the hash of nothing."""
    async with asking(tmp_path, "open") as world:
        await people(world)
        for user in ("bare", "nobody"):
            stranger = world.connect()
            await says(world, stranger, f"RESET|{user}", "RESET|SUCCESS")
            reach = await world.store.reach(user, 0)
            kept = await world.store.code("recover", reach.account or reach.nobody)
            message = (await world.store.outgoing(100))[-1].message
            typed = msgspec.json.decode(message, type=Letter).code
            assert kept is not None
            hashed = world.store.code_hash("recover", kept.subject, kept.expires_ms, typed)
            assert hashed != kept.code_hash


ACTS = st.lists(
    st.sampled_from(["right", "wrong", "wrong", "old", "reset", "wait", "forget", "expire"]),
    max_size=20,
)


@given(acts=ACTS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_a_code_is_good_once_in_time_for_so_many_tries(acts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        trio.run(follow, Path(folder), acts)


async def follow(folder: Path, acts: Iterable[str]) -> None:
    """Hold the server against what should be."""
    async with asking(folder, "open") as world:
        alice = world.connect()
        await world.ask(alice, f"REGISTER|alice|{SECRET}|contact={CONTACT}")
        right, old, tries, age_ms, used = "", "", 0, 0, True
        for act in acts:
            if act == "reset":
                world.chat.gateway.names._taken.clear()
                await says(world, alice, "RESET|alice", "RESET|SUCCESS")
                old, right = right, await code(world)
                tries, age_ms, used = 0, 0, False
            elif act in ("wait", "expire"):
                age_ms += VALID_MS if act == "expire" else 60_000
                later(world, VALID_MS if act == "expire" else 60_000)
            elif act == "forget":
                world.forget()
            else:
                wrong = other_than(right) if right else "00000000"
                typed = {"right": right or wrong, "old": old or wrong, "wrong": wrong}[act]
                good = typed == right and not used and tries < TRIES_MAX
                in_time = age_ms < VALID_MS - 30_000
                expected = "SUCCESS" if good and in_time else "FAILURE|DENIED"
                if good and not in_time and age_ms < KEPT_MS:
                    expected = "FAILURE|EXPIRED"
                line = f"RECOVER|alice|{typed}|staple tiger seven"
                await says(world, alice, line, f"RECOVER|{expected}")
                used = used or expected == "SUCCESS"
                tries += expected != "SUCCESS"
