"""Pins: the first key is believed, a changed one stops everything until a person says otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chatctl.e2e import KeyChanged, Standing, demand_unchanged, first_pin, standing_of

from .e2e_world import NOW

FIRST, SECOND, THIRD = "1" * 43, "2" * 43, "3" * 43
LATER = NOW + timedelta(hours=1)
PIN = first_pin(FIRST, NOW)


def test_somebody_new() -> None:
    assert standing_of(FIRST, None) is Standing.UNSEEN
    assert standing_of(FIRST, PIN) is Standing.PINNED
    demand_unchanged("bob", None, FIRST)
    demand_unchanged("bob", PIN, FIRST)
    assert PIN.first == "2026-11-21T04:05:06.789Z"


def test_a_changed_key_stops_sending_and_says_since_when() -> None:
    pin = PIN.shown(SECOND, LATER)
    assert standing_of(SECOND, pin) is Standing.CHANGED
    assert standing_of(FIRST, pin) is Standing.PINNED
    with pytest.raises(KeyChanged, match=r"changed on 2026-11-21T05:05:06.789Z.*trust bob"):
        demand_unchanged("bob", pin, SECOND)
    with pytest.raises(KeyChanged, match="bob's key changed; nothing was sent"):
        demand_unchanged("bob", PIN, SECOND)


def test_the_time_of_a_change_is_when_it_was_first_seen() -> None:
    pin = PIN.shown(SECOND, NOW)
    assert pin.shown(SECOND, LATER) == pin
    assert pin.shown(THIRD, LATER).changed == "2026-11-21T05:05:06.789Z"


def test_the_pinned_key_may_come_back() -> None:
    pin = PIN.shown(SECOND, LATER).shown(FIRST, LATER)
    demand_unchanged("bob", pin, FIRST)
    assert (pin.offered, pin.changed) == (None, "2026-11-21T05:05:06.789Z")


def test_a_person_trusts_a_new_key() -> None:
    pin = PIN.verifying(FIRST, NOW).shown(SECOND, LATER).trusting(SECOND, LATER)
    assert standing_of(SECOND, pin) is Standing.PINNED
    assert standing_of(FIRST, pin) is Standing.EARLIER
    assert standing_of(THIRD, pin) is Standing.CHANGED
    assert pin.verified is None
    assert pin.trusting(FIRST, LATER).earlier == [SECOND, FIRST][:1]


def test_trusting_what_is_trusted_changes_nothing() -> None:
    assert PIN.verifying(FIRST, NOW).trusting(FIRST, LATER) == PIN.verifying(FIRST, NOW)


def test_a_person_verifies() -> None:
    pin = PIN.verifying(FIRST, LATER)
    assert standing_of(FIRST, pin) is Standing.VERIFIED
    assert pin.verified == "2026-11-21T05:05:06.789Z"
    assert standing_of(SECOND, PIN.verifying(SECOND, LATER)) is Standing.VERIFIED


def test_earlier_keys_are_bounded() -> None:
    pin = PIN
    for number in range(50):
        pin = pin.trusting(f"{number:043d}", LATER)
    assert len(pin.earlier) == 20


def test_ones_own_messages() -> None:
    assert standing_of(FIRST, None, own=[SECOND, FIRST]) is Standing.OWN
    assert standing_of(THIRD, None, own=[FIRST]) is Standing.CHANGED
