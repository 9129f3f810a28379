"""The life of a connection: what the table must ensure, whoever drives it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol.lifecycle import NEXT, State, Step, after

ENDING = [State.CLOSING, State.LINGERING, State.CLOSED]


def live(*steps: Step) -> State:
    state = State.OPEN
    for step in steps:
        state = after(state, step)
    return state


def test_the_peer_half_closes_and_gets_all_replies() -> None:
    assert live(Step.INPUT_ENDED) is State.DRAINING
    assert live(Step.INPUT_ENDED, Step.FLUSHED, Step.GOODBYE) is State.CLOSING
    assert live(Step.INPUT_ENDED, Step.GOODBYE, Step.FLUSHED) is State.LINGERING
    assert live(Step.INPUT_ENDED, Step.GOODBYE, Step.FLUSHED, Step.DONE) is State.CLOSED


def test_the_server_says_goodbye_and_waits_for_the_peer() -> None:
    assert live(Step.GOODBYE, Step.FLUSHED) is State.LINGERING
    assert live(Step.GOODBYE, Step.FLUSHED, Step.INPUT_ENDED) is State.CLOSED


def test_the_peer_is_lost_and_what_it_sent_is_carried_out() -> None:
    assert live(Step.PEER_LOST) is State.LOST
    assert live(Step.INPUT_ENDED, Step.PEER_LOST) is State.LOST
    assert live(Step.PEER_LOST, Step.DONE) is State.CLOSED


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_reached_and_left_but_the_last(state: State) -> None:
    reached = {State.OPEN, *NEXT.values()}
    assert state in reached
    left = {before for (before, _), then in NEXT.items() if then is not before}
    assert (state in left) == (state is not State.CLOSED)


@given(st.lists(st.sampled_from(Step)), st.sampled_from(Step))
def test_what_has_begun_to_end_never_opens_again(steps: list[Step], more: Step) -> None:
    before, then = live(*steps), live(*steps, more)
    if before is not State.OPEN:
        assert then is not State.OPEN
    if before in ENDING:
        assert then in ENDING[ENDING.index(before) :]


@given(st.lists(st.sampled_from(Step)))
def test_every_life_can_be_ended(steps: list[Step]) -> None:
    state = live(*steps)
    for step in (Step.GOODBYE, Step.FLUSHED, Step.DONE):
        state = after(state, step)
    assert state is State.CLOSED
