"""Recovery keys: typed by people, so any way of writing counts and mistakes are found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import BadRecoveryKey, RecoveryKey

RAW = st.binary(min_size=20, max_size=20)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Drawn once, so that what is mistyped below is found each time or never.
FIXED = RecoveryKey(bytes(range(100, 120)))


@given(RAW)
def test_what_is_written_is_read(raw: bytes) -> None:
    key = RecoveryKey(raw)
    assert re.fullmatch(f"[{ALPHABET}]{{5}}(-[{ALPHABET}]{{5}}){{7}}", key.written())
    assert RecoveryKey.read(key.written()).wrapping_key == key.wrapping_key


@given(RAW)
def test_it_may_be_typed_in_any_way(raw: bytes) -> None:
    written = RecoveryKey(raw).written()
    typed = f"  {written.lower().replace('-', ' ')}\n"
    alike = written.replace("0", "o").replace("1", "l").replace("-", "\u2013")
    for one in (typed, alike, written.replace("-", ""), written.replace("1", "I")):
        assert RecoveryKey.read(one).written() == written


def mistyped(written: str) -> list[tuple[int, str]]:
    """Each character replaced by each other, with the number of its group."""
    places = [place for place, char in enumerate(written) if char != "-"]
    return [
        (place // 6 + 1, written[:place] + other + written[place + 1 :])
        for place in places
        for other in ALPHABET
        if other != written[place]
    ]


def test_nearly_every_mistake_is_found_at_its_group_or_after() -> None:
    missed = 0
    for group, typed in mistyped(FIXED.written()):
        try:
            RecoveryKey.read(typed)
            missed += 1
        except BadRecoveryKey as error:
            named = re.search(r"Group (\d)", error.sentence)
            assert named is not None and int(named[1]) >= group
    assert missed < len(mistyped(FIXED.written())) // 100


def test_swapped_groups_are_found() -> None:
    groups = FIXED.written().split("-")
    groups[2], groups[3] = groups[3], groups[2]
    with pytest.raises(BadRecoveryKey, match="Group 3"):
        RecoveryKey.read("-".join(groups))


@given(st.text() | st.text(ALPHABET, min_size=40, max_size=40))
def test_any_text_is_a_key_or_refused(typed: str) -> None:
    try:
        written = RecoveryKey.read(typed).written()
    except BadRecoveryKey as error:
        written = error.sentence
    assert written


@pytest.mark.parametrize("typed", ["", "AAAAA", "U" * 40, "A" * 1_000_000, "-" * 40])
def test_what_is_no_key(typed: str) -> None:
    with pytest.raises(BadRecoveryKey, match="8 groups of 5"):
        RecoveryKey.read(typed)


def test_nothing_secret_shows() -> None:
    key = RecoveryKey.fresh()
    assert repr(key) == str(key) == "RecoveryKey(…)"
    assert RecoveryKey.fresh().written() != key.written()
    with pytest.raises(ValueError, match="20 bytes"):
        RecoveryKey(b"")
