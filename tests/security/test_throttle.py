"""Slowing down failed attempts, quotas, and what counts as one source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.throttle import Quota, Slowdown, address_block

MALLORY = ("203.0.113.9", "alice")
ALICE = ("198.51.100.7", "alice")


def slowdown(free: int = 5, keys_max: int = 100) -> Slowdown:
    return Slowdown(free, wait_seconds_min=1, wait_seconds_max=60, keys_max=keys_max)


def waits(slow: Slowdown, attempts: int, now: float = 0) -> list[float]:
    """The wait after each of some attempts, each made as soon as it may be."""
    found = []
    for _ in range(attempts):
        now += slow.wait(MALLORY, now)
        slow.fail(MALLORY, now)
        found.append(slow.wait(MALLORY, now))
    return found


def test_waits_double_after_the_free_attempts_up_to_the_longest() -> None:
    assert waits(slowdown(), 13) == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits(slowdown(free=0), 3) == [1, 2, 4]
    assert waits(slowdown(free=1), 3) == [1, 2, 4]


def test_a_wait_runs_off() -> None:
    slow = slowdown(free=1)
    slow.fail(MALLORY, 100)
    assert [slow.wait(MALLORY, now) for now in (100, 100.25, 101, 500)] == [1, 0.75, 0, 0]


def test_attempts_count_before_they_are_decided() -> None:
    slow = slowdown(free=3)
    for _ in range(3):
        assert slow.wait(MALLORY, 0) == 0
        slow.fail(MALLORY, 0)
    assert slow.wait(MALLORY, 0) > 0


def test_success_forgets() -> None:
    slow = slowdown()
    waits(slow, 8)
    slow.succeed(MALLORY)
    assert slow.wait(MALLORY, 0) == 0
    assert waits(slow, 5) == [0, 0, 0, 0, 1]
    slow.succeed(("192.0.2.1", "nobody"))


def test_the_victim_never_waits_at_another_address() -> None:
    slow = slowdown()
    waits(slow, 50)
    assert slow.wait(MALLORY, 0) > 0
    assert slow.wait(ALICE, 0) == 0
    assert slow.wait(("203.0.113.9", "bob"), 0) == 0


def test_failures_are_forgotten_one_by_one() -> None:
    slow = slowdown()
    waits(slow, 6)
    start = 1000.0
    slow.fail(MALLORY, start)
    assert slow.wait(MALLORY, start) == 0  # long ago, all forgotten
    for _ in range(5):
        slow.fail(MALLORY, start)
    assert slow.wait(MALLORY, start) == 2
    slow.fail(MALLORY, start + 119)  # one of six forgotten, one more
    assert slow.wait(MALLORY, start + 119) == 2
    slow.fail(MALLORY, start + 119 + 120)  # two forgotten
    assert slow.wait(MALLORY, start + 119 + 120) == 1


def test_who_goes_on_for_ever_gets_about_one_attempt_in_the_longest_wait() -> None:
    slow, now, attempts = slowdown(), 0.0, 0
    while now < 86_400:
        now += max(slow.wait(MALLORY, now), 0.001)
        slow.fail(MALLORY, now)
        attempts += 1
    assert attempts < 86_400 / 60 + 20


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("bsw"), st.floats(0, 90)), max_size=80)
)
def test_keys_stay_bounded_and_waits_too(steps: list[tuple[int, str, float]]) -> None:
    slow, now = slowdown(free=1, keys_max=7), 0.0
    for key, step, passed in steps:
        now += passed
        if step == "b":
            slow.fail(key, now)
            assert 0 < slow.wait(key, now) <= 60
        elif step == "s":
            slow.succeed(key)
        assert 0 <= slow.wait(key, now) <= 60
        assert len(slow) <= 7


def test_a_flood_of_names_does_not_free_who_waits() -> None:
    slow = slowdown(free=2, keys_max=10)
    waits(slow, 4)
    for at in range(1000):
        slow.fail(("203.0.113.9", f"user{at}"), 4)
    assert len(slow) == 10
    assert slow.wait(MALLORY, 4) == 3


def test_the_key_tried_longest_ago_makes_room() -> None:
    slow = slowdown(free=2, keys_max=2)
    for key, now in (("a", 0), ("b", 0), ("a", 1), ("c", 2)):
        slow.fail(key, now)
    assert slow.wait("a", 2) == 0
    slow.fail("a", 2)
    assert slow.wait("a", 2) == 2  # "a" was kept, with the two attempts before


def test_a_thousand_failures_are_forgotten_as_fast_as_those_that_matter() -> None:
    slow = slowdown()
    for _ in range(1000):
        slow.fail(MALLORY, 0)
    assert slow.wait(MALLORY, 0) == 60
    slow.fail(MALLORY, 12 * 60)
    assert slow.wait(MALLORY, 12 * 60) == 0


def test_where_all_wait_the_oldest_makes_room() -> None:
    slow = slowdown(free=0, keys_max=3)
    for at in range(4):
        slow.fail(at, 0)
    assert [slow.wait(at, 0) > 0 for at in range(4)] == [False, True, True, True]


@pytest.mark.parametrize(
    "wrong", [(-1, 1, 60, 1), (5, 0, 60, 1), (5, 61, 60, 1), (5, 1, 60, 0), (5, -1, -1, 1)]
)
def test_impossible_slowdowns_are_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="slowdown"):
        Slowdown(*wrong)


def test_a_quota_gives_so_many_in_any_span() -> None:
    quota = Quota(limit=3, per_seconds=600, keys_max=10)
    assert [quota.take("a", now) for now in (0, 10, 20)] == [0, 0, 0]
    assert [quota.take("a", now) for now in (20, 100, 599.5)] == [580, 500, 0.5]
    assert quota.take("a", 600) == 0
    assert quota.take("a", 600) == 10
    assert quota.take("b", 600) == 0


@given(st.lists(st.floats(0, 40), max_size=60), st.integers(1, 5))
def test_no_span_holds_more_than_the_limit(gaps: list[float], limit: int) -> None:
    quota, now = Quota(limit, 100, keys_max=1), 0.0
    taken: list[float] = []
    for gap in gaps:
        now += gap
        wait = quota.take("a", now)
        recent = [time for time in taken if time + 100 > now]
        assert (wait == 0) == (len(recent) < limit)
        if wait:
            assert wait == recent[0] + 100 - now
        else:
            taken.append(now)


def test_a_quota_forgets_the_key_that_took_longest_ago() -> None:
    quota = Quota(limit=1, per_seconds=600, keys_max=2)
    for key in ("a", "b", "c"):
        assert quota.take(key, 0) == 0
    assert len(quota) == 2
    assert [quota.take(key, 1) for key in ("b", "c")] == [599, 599]
    assert [quota.take(key, 600) for key in ("b", "d")] == [0, 0]
    assert [quota.take(key, 601) for key in ("b", "c")] == [599, 0]


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1)])
def test_impossible_quotas_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="quota"):
        Quota(*wrong)


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("", None),
        ("127.0.0.1", None),
        ("127.200.0.9", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_counts_as_one_source(address: str, block: str | None) -> None:
    assert address_block(address) == block


@pytest.mark.parametrize("nonsense", ["localhost", "1.2.3", "1.2.3.4:80", "[::1]", " ", "::1::"])
def test_what_is_no_address_raises(nonsense: str) -> None:
    with pytest.raises(ValueError, match=r"address"):
        address_block(nonsense)


@given(st.ip_addresses())
def test_every_address_has_a_block_or_is_this_machine(address: object) -> None:
    block = address_block(str(address))
    assert block is None or address_block(block.removesuffix("/64")) == block
