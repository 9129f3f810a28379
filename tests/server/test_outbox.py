"""The outbox: what it takes, what it drops, and how it tells."""

from __future__ import annotations

from chatd.server.outbox import DIRTY, IDLE, LATER, Outbox


class Counted:
    """An outbox of 100 bytes, and how often it called for a flush."""

    def __init__(self) -> None:
        self.calls: list[Counted] = []
        self.later = 0
        self.outbox = Outbox(100, self, self.calls, self._count_later)

    @property
    def dirty(self) -> int:
        return len(self.calls)

    def _count_later(self) -> None:
        self.later += 1

    @classmethod
    def stalled(cls, data: bytes) -> Outbox[Counted]:
        """An outbox with `data` that the kernel does not take."""
        outbox = cls().outbox
        outbox.put(data)
        outbox.unsent = memoryview(outbox.take())
        return outbox

    def leave(self) -> bytes:
        """All that waits has been sent."""
        taken = self.outbox.take()
        self.outbox.bytes -= len(taken)
        return taken


def test_what_waits_leaves_in_one_piece_and_in_order() -> None:
    counted = Counted()
    counted.outbox.put(b"one\n")
    counted.outbox.deliver(b"two\n", "#a", 2)
    counted.outbox.put(b"three\n")
    assert (counted.dirty, counted.outbox.bytes) == (1, 14)
    assert counted.leave() == b"one\ntwo\nthree\n"
    counted.outbox.put(b"four\n")
    assert counted.dirty == 2


def test_what_may_wait_calls_for_no_flush_until_something_follows_that_may_not() -> None:
    counted = Counted()
    counted.outbox.put_later(b"one\n")
    counted.outbox.put_later(b"two\n")
    assert (counted.dirty, counted.later, counted.outbox.due) == (0, 1, LATER)
    counted.outbox.deliver(b"three\n", "#a", 3)
    counted.outbox.put_later(b"four\n")
    assert (counted.dirty, counted.later, counted.outbox.due) == (1, 1, DIRTY)
    assert counted.leave() == b"one\ntwo\nthree\nfour\n"
    assert (counted.outbox.bytes, counted.outbox.due) == (0, IDLE)


def test_what_was_taken_counts_until_it_is_sent() -> None:
    outbox = Counted.stalled(b"x" * 90)
    outbox.deliver(b"y" * 20, "#a", 7)
    assert (outbox.chunks, outbox.lagged) == ([], {"#a": 6})


def test_replies_are_always_taken() -> None:
    outbox = Counted().outbox
    for _ in range(10):
        outbox.put(b"x" * 50)
    assert outbox.bytes == 500


def test_before_the_kernel_has_refused_it_takes_any_event() -> None:
    """Whoever reads misses nothing of a big batch."""
    outbox = Counted().outbox
    outbox.put(b"ack\n")
    outbox.deliver(b"x" * 500, "#a", 1)
    assert (outbox.bytes, outbox.lagged) == (504, None)


def test_events_past_the_bound_are_dropped_and_the_first_of_each_conversation_is_marked() -> None:
    outbox = Counted.stalled(b"x" * 90)
    for conversation, seq in (("#a", 4), ("#a", 5), ("bob", 9), ("#a", 6)):
        outbox.deliver(b"y" * 20, conversation, seq)
    assert outbox.lagged == {"#a": 3, "bob": 8}
    assert outbox.bytes == 90


def test_what_is_dropped_is_counted_by_lines() -> None:
    outbox = Counted.stalled(b"x" * 90)
    outbox.deliver(b"one\ntwo\n" * 2, "#a", 4)
    outbox.deliver(b"three\n", "bob", 9)
    assert outbox.dropped == 5


def test_while_something_is_missing_even_what_would_fit_is_dropped() -> None:
    outbox = Counted.stalled(b"x" * 90)
    outbox.deliver(b"y" * 20, "#a", 4)
    outbox.deliver(b"z", "#a", 5)
    assert (outbox.bytes, outbox.lagged) == (90, {"#a": 3})


def test_it_has_caught_up_when_half_of_it_has_left() -> None:
    outbox = Counted.stalled(b"x" * 90)
    outbox.deliver(b"y" * 20, "#a", 4)
    assert outbox.caught_up() == {}
    outbox.bytes = 51
    assert outbox.caught_up() == {}
    outbox.bytes = 50
    assert outbox.caught_up() == {"#a": 3}
    assert outbox.caught_up() == {}
    outbox.deliver(b"z", "#a", 5)
    assert (outbox.bytes, outbox.lagged) == (51, None)


def test_what_belongs_to_no_conversation_is_dropped_without_a_word() -> None:
    outbox = Counted.stalled(b"x" * 100)
    outbox.deliver(b"y", "", 0)
    assert outbox.lagged == {}
    outbox.bytes = 0
    assert outbox.caught_up() == {}
    outbox.deliver(b"z", "#a", 1)
    assert outbox.lagged is None


def test_clearing_leaves_nothing() -> None:
    outbox = Counted().outbox
    outbox.put(b"x" * 100)
    outbox.unsent = memoryview(outbox.take())
    outbox.put(b"y")
    outbox.deliver(b"z", "#a", 1)
    outbox.clear()
    assert (outbox.chunks, outbox.bytes) == ([], 0)
    assert not outbox.unsent
    assert outbox.missed() == {}
