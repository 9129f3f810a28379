"""`chatctl/feed.py` and `track.py`: every message once, in order, whatever happens in between."""

from __future__ import annotations

from chatctl.feed import UNSETTLED_MAX, Ask, Feed
from chatctl.happenings import Missed
from chatctl.track import OWN_MAX
from chatd.protocol.declare import Event
from chatd.protocol.events import (
    Invited,
    Lag,
    MemberJoined,
    MemberLeft,
    Message,
    TopicSet,
    UnreadSince,
)
from chatd.protocol.replies import HistoryItem, UnreadItem

TIME = "2026-11-21T04:05:06.789Z"


def message(talk: str, seq: int, sender: str = "bob") -> Message:
    return Message(talk, seq, TIME, sender, f"{talk} {seq}")


def items(*seqs: int) -> list[HistoryItem]:
    return [HistoryItem(seq, TIME, "bob", f"text {seq}") for seq in seqs]


def feed_of(
    user: str = "alice",
    events_max: int = 10,
    held_max: int = 10,
    unsettled_max: int = UNSETTLED_MAX,
) -> Feed:
    feed = Feed(events_max, held_max, unsettled_max)
    feed.login(user)
    return feed


def popped(feed: Feed) -> list[Event]:
    found = []
    while (event := feed.pop()) is not None:
        found.append(event)
    return found


def seqs(feed: Feed) -> list[int]:
    return [event.seq for event in popped(feed) if isinstance(event, Message)]


def asked(feed: Feed) -> Ask:
    ask = feed.ask()
    assert ask is not None
    return ask


def test_live_messages_pass_through_once() -> None:
    feed = feed_of()
    for seq in (3, 4, 4, 3, 7):
        feed.take(message("#ops", seq))
    assert seqs(feed) == [3, 4, 7]
    assert feed.ask() is None


def test_after_a_break_history_goes_on_from_the_last_message() -> None:
    feed = feed_of()
    feed.take(message("#ops", 3))
    feed.broken()
    assert feed.ask() is None  # first UNREAD is asked
    feed.take(message("#ops", 6))
    feed.found([])
    ask = asked(feed)
    assert (ask.conversation, ask.after) == ("#ops", 3)
    feed.fill(ask, items(4, 6), 50)
    feed.take(message("#ops", 7))
    assert seqs(feed) == [3, 4, 6, 7]
    assert feed.ask() is None


def test_a_full_page_is_followed_by_another() -> None:
    feed = feed_of()
    feed.take(Lag("#ops", 1))
    feed.take(message("#ops", 4))
    feed.fill(asked(feed), items(2, 3), 2)
    assert seqs(feed) == [2, 3]
    ask = asked(feed)
    assert ask.after == 3
    feed.fill(ask, items(4), 2)
    assert seqs(feed) == [4]
    assert feed.ask() is None


def test_a_lag_while_history_is_asked_asks_again() -> None:
    feed = feed_of()
    feed.take(Lag("#ops", 1))
    ask = asked(feed)
    feed.take(message("#ops", 3))
    feed.take(Lag("#ops", 3))
    feed.take(message("#ops", 6))
    feed.fill(ask, items(2), 50)
    assert seqs(feed) == [2, 3]  # 6 waits for what is between
    feed.fill(asked(feed), items(4, 5, 6), 50)
    assert seqs(feed) == [4, 5, 6]
    assert feed.ask() is None


def test_no_conversation_is_asked_for_twice_at_once() -> None:
    feed = feed_of()
    feed.take(Lag("#ops", 1))
    feed.take(Lag("bob", 1))
    first, second = asked(feed), asked(feed)
    assert (first.conversation, second.conversation) == ("#ops", "bob")
    feed.take(message("#ops", 3))
    feed.take(Lag("#ops", 3))
    feed.take(message("#ops", 6))
    assert feed.ask() is None
    feed.put_back(second)
    assert asked(feed).conversation == "bob"
    feed.fill(first, items(2), 50)
    assert asked(feed).after == 3


def test_unread_of_the_first_login_is_announced_and_not_fetched() -> None:
    feed = feed_of()
    feed.take(UnreadSince("bob", 2, 5, 6))
    assert popped(feed) == [UnreadSince("bob", 2, 5, 6)]
    assert feed.ask() is None
    feed.broken()
    feed.found([UnreadItem("bob", 3, 5, 8)])
    assert asked(feed).after == 6


def test_a_conversation_that_began_during_the_break_is_found_by_unread() -> None:
    feed = feed_of()
    feed.broken()
    feed.take(UnreadSince("bob", 1, 5, 5))
    feed.take(message("bob", 6))
    feed.take(message("carol", 9))
    feed.found([UnreadItem("bob", 2, 5, 6), UnreadItem("carol", 2, 8, 9)])
    for conversation, after, page in (("bob", 4, (5, 6)), ("carol", 7, (8, 9))):
        ask = asked(feed)
        assert (ask.conversation, ask.after) == (conversation, after)
        feed.fill(ask, items(*page), 50)
    assert popped(feed) == [
        Message(talk, seq, TIME, "bob", f"text {seq}")
        for talk, seq in (("bob", 5), ("bob", 6), ("carol", 8), ("carol", 9))
    ]


def test_what_this_client_posted_is_not_shown_after_the_reply() -> None:
    feed = feed_of()
    feed.take(message("#ops", 3))
    feed.posted("#ops", 4)
    feed.broken()
    feed.found([])
    ask = asked(feed)
    assert ask.after == 3
    feed.fill(ask, items(4, 5), 2)
    assert seqs(feed) == [3, 5]
    feed.fill(asked(feed), [], 2)
    feed.posted("#ops", 6)
    feed.take(message("#ops", 7))
    assert seqs(feed) == [7]


def test_own_messages_are_settled_by_history_now_and_then() -> None:
    feed = feed_of()
    feed.take(message("#ops", 1))
    for seq in range(2, UNSETTLED_MAX + 2):
        feed.posted("#ops", seq)
    assert feed.ask() is None
    feed.posted("#ops", UNSETTLED_MAX + 2)
    ask = asked(feed)
    assert ask.after == 1
    feed.fill(ask, items(*range(2, UNSETTLED_MAX + 3)), 1_000)
    assert ask.track.own == {}
    assert seqs(feed) == [1]


def test_own_messages_are_kept_in_bounds() -> None:
    feed = feed_of()
    for seq in range(1, OWN_MAX + 4):
        feed.posted("#ops", seq)
    assert feed.ask() is None
    feed.broken()
    feed.found([])
    assert len(asked(feed).track.own) == OWN_MAX


def test_a_room_without_history_goes_on_with_what_comes_live() -> None:
    feed = feed_of()
    feed.take(message("#talk", 3))
    feed.broken()
    feed.take(message("#talk", 8))
    feed.found([])
    feed.fill(asked(feed), [], 50)
    assert seqs(feed) == [3, 8]
    assert feed.ask() is None


def test_join_tells_where_a_room_begins() -> None:
    feed = feed_of()
    feed.joined("#ops", 40)
    feed.joined("#ops", 50)  # already a member: nothing is skipped
    feed.broken()
    feed.found([])
    assert asked(feed).after == 40


def test_leaving_shows_what_was_held_and_ends_the_catch_up() -> None:
    feed = feed_of()
    feed.take(Lag("#ops", 1))
    stale = asked(feed)
    feed.take(message("#ops", 4))
    feed.take(MemberLeft("#ops", "alice", "mod", "flood"))
    assert popped(feed) == [message("#ops", 4), MemberLeft("#ops", "alice", "mod", "flood")]
    assert feed.ask() is None
    feed.joined("#ops", 9)
    feed.fill(stale, items(2, 3, 4), 50)
    assert popped(feed) == []
    feed.broken()
    feed.found([])
    assert asked(feed).after == 9


def test_refused_history_ends_the_catch_up() -> None:
    feed = feed_of()
    feed.take(Lag("#ops", 1))
    feed.take(message("#ops", 4))
    feed.give_up(asked(feed))
    feed.take(message("#ops", 5))
    assert seqs(feed) == [4, 5]
    assert feed.ask() is None


def test_without_a_reader_the_buffer_stays_bounded_and_nothing_is_lost() -> None:
    feed = feed_of(events_max=4, held_max=2)
    for seq in range(1, 11):
        feed.take(message("#ops", seq))
    feed.take(MemberJoined("#ops", "carol"))
    feed.take(TopicSet("#ops", "carol", "tea"))
    assert feed.ask() is None  # there is no room to show more
    assert popped(feed) == [*(message("#ops", seq) for seq in range(1, 5)), Missed(2)]
    ask = asked(feed)
    assert ask.after == 4
    feed.fill(ask, items(5, 6, 7, 8, 9, 10), 50)
    assert seqs(feed) == [5, 6, 7, 8, 9, 10]
    feed.take(message("#ops", 11))
    assert seqs(feed) == [11]


def test_other_events_pass_through_and_logout_forgets() -> None:
    feed = feed_of()
    feed.take(Invited("#ops", "bob"))
    feed.take(Lag("#ops", 3))
    feed.login(None)
    assert popped(feed) == [Invited("#ops", "bob")]
    feed.broken()
    assert feed.ask() is None
    assert not feed.finding
