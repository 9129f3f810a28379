"""The whole core against a plain reference, over commits that fail, evictions and crashes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, settings

from tests.chat.machine import ALL_HAPPENINGS, OPTIONS, ROLES, ROOMS, USERS, Core
from tests.chat.reference import JWE

WALK_STEPS = 300

TestCore = Core.TestCase
TestCore.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("seed", range(6))
def test_a_long_walk(seed: int) -> None:
    """Hypothesis likes to do few things often; here much happens, to the same reference."""
    chance, core = Random(seed), Core()
    try:
        core.people()
        for _ in range(WALK_STEPS):
            walk(core, chance)
        core.commit_now(0)
    finally:
        core.teardown()


def walk(core: Core, chance: Random) -> None:
    """One step."""
    number, room, user = chance.randrange(20), chance.choice(ROOMS), chance.choice(USERS)
    about, text = chance.choice(ROOMS + USERS), chance.choice(["hi", "ho", JWE])
    versions = [0, *(version for version, _ in core.mem.vaults.values())]
    match chance.randrange(10):
        case 0 | 1:
            core.happen(chance.choice(ALL_HAPPENINGS), number)
        case 2:
            core.read(number, about)
        case 3:
            core.see(number, about, chance.randrange(10))
        case 4 | 5:
            core.request(number, chance.choice([("JOIN", room), ("LEAVE", room), ("JOIN", room)]))
        case 6 | 7:
            sending = ("SEND", about, chance.choice(["i1", "i2", "i3", "i4"]), text)
            core.request(number, chance.choice([("MSG", about, text), sending]))
        case _:
            verb = chance.choice(
                ["INVITE", "KICK", "BAN", "UNBAN", "ROLE", "SET", "BLOCK", "UNBLOCK", "STORE"]
            )
            more = {
                "ROLE": (room, user, chance.choice(ROLES)),
                "SET": (room, chance.choice(OPTIONS)),
                "STORE": (str(chance.choice(versions)), text),
            }
            told = (user,) if "BLOCK" in verb else more.get(verb, (room, user))
            core.request(number, (verb, *told))
