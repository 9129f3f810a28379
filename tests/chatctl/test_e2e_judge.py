"""A server that lies about a message is found out by its reader, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import (
    Claims,
    Finding,
    Journal,
    Kind,
    Opened,
    Said,
    Signature,
    Standing,
    judge,
    open_message,
)

from .e2e_world import ALICE, BOB, MALLORY, NOW, claims, message, payload, sealed, signed

SAID = Said("alice", 5, NOW, "alice")
OPENED = open_message(message(), BOB)


def judged(
    opened: Opened = OPENED, standing: Standing = Standing.PINNED, **said: object
) -> list[Finding]:
    """What Bob is told of Alice's message, with what the server says changed."""
    fields = {name: getattr(SAID, name) for name in SAID.__dataclass_fields__} | said
    return judge(opened, Said(**fields), "bob", standing, Journal())


def kinds(found: list[Finding]) -> list[Kind]:
    return [one.kind for one in found]


@pytest.mark.parametrize("standing", [Standing.PINNED, Standing.VERIFIED, Standing.OWN])
def test_where_all_agrees_there_is_nothing_to_tell(standing: Standing) -> None:
    assert judged(standing=standing) == []


def test_both_sides_and_rooms_agree() -> None:
    own = open_message(message(), ALICE)
    assert judge(own, replace(SAID, conversation="bob"), "alice", Standing.OWN, Journal()) == []
    room = open_message(message(to="#lobby"), BOB)
    assert judged(room, conversation="#lobby") == []


@pytest.mark.parametrize(
    ("standing", "kind", "grave", "words"),
    [
        (Standing.UNSEEN, Kind.KEY_UNSEEN, False, "not seen before"),
        (Standing.EARLIER, Kind.KEY_EARLIER, False, "earlier key of alice"),
        (Standing.CHANGED, Kind.KEY_CHANGED, True, "Not signed by the key known as alice's"),
    ],
)
def test_a_key_that_is_not_the_pinned_one(
    standing: Standing, kind: Kind, grave: bool, words: str
) -> None:
    (found,) = judged(standing=standing)
    assert (found.kind, found.is_grave) == (kind, grave)
    assert words in found.sentence


def test_what_is_not_signed() -> None:
    (found,) = judged(open_message(sealed("hello"), BOB))
    assert found == Finding(
        Kind.NOT_SIGNED, "Not signed: anybody may have written this, alice or not"
    )


def test_what_cannot_be_checked_is_told_and_not_remembered() -> None:
    opened = replace(OPENED, signature=Signature.UNCHECKED, signer=None)
    journal = Journal()
    for seq in (5, 6):
        found = judge(opened, replace(SAID, seq=seq), "bob", Standing.UNSEEN, journal)
        assert kinds(found) == [Kind.NOT_CHECKED]


def test_a_sender_that_did_not_sign() -> None:
    (found,) = judged(sender="mallory")
    assert found.is_grave
    assert found.sentence == "The server says mallory sent this, but alice signed it"


def test_a_signer_that_is_not_the_sender() -> None:
    """Mallory writes in Alice's name; the pin of Alice's key tells."""
    opened = open_message(sealed(signed(payload(), MALLORY.sig)), BOB)
    assert opened.claims == claims() and opened.signer == MALLORY.sig.kid
    assert kinds(judged(opened, Standing.CHANGED)) == [Kind.KEY_CHANGED]


@pytest.mark.parametrize("conversation", ["#lobby", "carol", "mallory"])
def test_a_message_that_was_addressed_anew(conversation: str) -> None:
    (found,) = judged(conversation=conversation)
    assert found.is_grave
    assert found.sentence == (f"Written for alice,bob, but the server shows it in {conversation}")


def test_a_direct_message_is_no_rooms_and_the_other_way_round() -> None:
    assert kinds(judged(open_message(message(to="#lobby"), BOB))) == [Kind.CONVERSATION]


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_a_message_that_comes_late_or_early(seconds: int) -> None:
    (found,) = judged(time=NOW + timedelta(seconds=seconds))
    assert found.kind is Kind.TIME and not found.is_grave
    assert "2026-11-21T04:05:06.789Z" in found.sentence


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_clocks_may_differ_a_little(seconds: int) -> None:
    assert judged(time=NOW + timedelta(seconds=seconds)) == []


def test_times_at_the_ends_of_the_calendar() -> None:
    for time in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        opened = open_message(sealed(signed(payload(time=time))), BOB)
        assert kinds(judged(opened)) == [Kind.TIME]


def noted(journal: Journal, seq: int, number: int, room: str = "#lobby") -> list[Kind]:
    """Message `number`, written at second `number`, at the place `seq`."""
    said = Said(room, seq, NOW, "alice")
    when = NOW + timedelta(seconds=number)
    return kinds(journal.note(said, ALICE.sig.kid, Claims("alice", room, f"id{number}", when)))


def test_a_message_that_is_shown_again() -> None:
    journal = Journal()
    assert [noted(journal, 1, 1), noted(journal, 2, 2)] == [[], []]
    assert noted(journal, 3, 1) == [Kind.REPLAYED]
    assert noted(journal, 1, 1) == []


def test_a_message_that_replaces_another() -> None:
    journal = Journal()
    assert noted(journal, 1, 1) == []
    assert noted(journal, 1, 2) == [Kind.REPLAYED]
    assert noted(journal, 2, 2) == []


def test_conversations_and_signers_have_nothing_to_do_with_each_other() -> None:
    journal = Journal()
    assert (
        noted(journal, 1, 5) == noted(journal, 2, 1, "#other") == noted(journal, 1, 5, "bob") == []
    )
    later = Claims("bob", "#lobby", "id5", NOW)
    assert journal.note(Said("#lobby", 2, NOW, "bob"), BOB.sig.kid, later) == []


def test_messages_out_of_order() -> None:
    journal = Journal()
    assert [noted(journal, 1, 1), noted(journal, 2, 3), noted(journal, 3, 2)] == [
        [],
        [],
        [Kind.REORDERED],
    ]


@given(st.permutations(range(8)))
def test_history_may_be_read_in_any_order(places: list[int]) -> None:
    journal = Journal()
    assert all(noted(journal, place, place) == [] for place in places)


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_any_disorder_is_noticed(numbers: list[int], reading: list[int]) -> None:
    """Message `numbers[n]` stands at the place n, and the places are read in any order."""
    journal = Journal()
    found = [kind for place in reading for kind in noted(journal, place, numbers[place])]
    assert (Kind.REORDERED in found) == (numbers != sorted(numbers))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))), st.integers(1, 4))
def test_the_journal_is_bounded(notes: list[tuple[int, int]], size: int) -> None:
    journal = Journal(size)
    for seq, number in notes:
        noted(journal, seq, number)
    times = [one for line in journal._times.values() for one in line]
    held = {len(journal._seqs), len(journal._places), len(times)}
    assert len(held) == 1 and max(held) <= size


def test_what_was_forgotten_may_come_again() -> None:
    journal = Journal(1)
    assert noted(journal, 1, 1) == noted(journal, 2, 2) == noted(journal, 3, 1) == []
