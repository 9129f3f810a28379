"""The life of a connection, as a table.

A connection is OPEN, then its input ends in one of two ways. DRAINING: the client half-closed; what
it sent is still carried out and answered. CLOSING: a goodbye is in the outbox; nothing more is read
or carried out. Either way the goodbye leaves last, then our half is shut and we wait a moment for
the other's (LINGERING), since closing a socket with unread input would destroy what we sent. LOST
means that the peer is gone: what it sent is carried out, and nothing is written.
"""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Where a connection stands."""

    OPEN = auto()
    DRAINING = auto()
    CLOSING = auto()
    LINGERING = auto()
    LOST = auto()
    CLOSED = auto()


class Step(Enum):
    """What can happen to it."""

    INPUT_ENDED = auto()  # the peer half-closed
    PEER_LOST = auto()  # reset, or unreachable: writing is no use
    GOODBYE = auto()  # `*BYE` was put into the outbox
    FLUSHED = auto()  # the outbox is empty
    DONE = auto()  # nothing is left to carry out, read or wait for


NEXT: dict[tuple[State, Step], State] = {
    (State.OPEN, Step.INPUT_ENDED): State.DRAINING,
    (State.OPEN, Step.PEER_LOST): State.LOST,
    (State.OPEN, Step.GOODBYE): State.CLOSING,
    (State.DRAINING, Step.PEER_LOST): State.LOST,
    (State.DRAINING, Step.GOODBYE): State.CLOSING,
    (State.CLOSING, Step.INPUT_ENDED): State.CLOSING,
    (State.CLOSING, Step.PEER_LOST): State.CLOSED,
    (State.CLOSING, Step.FLUSHED): State.LINGERING,
    (State.LINGERING, Step.INPUT_ENDED): State.CLOSED,
    (State.LINGERING, Step.PEER_LOST): State.CLOSED,
    (State.LINGERING, Step.DONE): State.CLOSED,
    (State.LOST, Step.DONE): State.CLOSED,
}
"""Every step that means something; any other leaves the state as it is."""


def after(state: State, step: Step) -> State:
    """The state that follows."""
    return NEXT.get((state, step), state)
