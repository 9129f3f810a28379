"""`chatctl/feed.py` against a model of server, wire and reader: nothing is lost or doubled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from chatctl.feed import Ask
from chatd.protocol.declare import Event
from chatd.protocol.events import (
    Lag,
    Message,
    UnreadSince,
)
from chatd.protocol.replies import HistoryItem, UnreadItem
from tests.chatctl.test_client_feed import feed_of, message


@dataclass
class Talk:
    """A conversation at the modelled server."""

    name: str
    stored: bool = True
    first: int = 1  # the first unread seq at login counts from here
    posts: list[Message] = field(default_factory=list)
    must: list[int] = field(default_factory=list)  # to be shown, once
    may: set[int] = field(default_factory=set)  # posted by us, and the reply was lost
    lost_from: int | None = None  # the server drops live messages after this seq
    seen: int = 0

    @property
    def last(self) -> int:
        return self.posts[-1].seq if self.posts else 0

    def unread(self) -> list[Message]:
        stored = self.posts if self.stored else []
        return [post for post in stored if post.seq > self.seen and post.sender != "alice"]

    def unread_item(self) -> list[UnreadItem]:
        found = self.unread()
        return [UnreadItem(self.name, len(found), found[0].seq, found[-1].seq)] if found else []


class FeedMachine(RuleBasedStateMachine):
    """A server, a wire that breaks, a `Feed`, and a reader who comes by now and then."""

    LIMIT = 2

    @initialize(old=st.integers(0, 3), unread=st.integers(0, 2))
    def begin(self, old: int, unread: int) -> None:
        self.feed = feed_of(events_max=4, held_max=3, unsettled_max=2)
        self.talks = [Talk("#a"), Talk("bob"), Talk("#new"), Talk("#none", stored=False)]
        self.wire: deque[Callable[[], None]] = deque()
        self.acks: list[tuple[Talk, int]] = []  # replies on the wire
        self.requests: deque[Ask] = deque()
        self.finding = False  # UNREAD is under way
        self.online = True
        self.shown: dict[str, list[int]] = {talk.name: [] for talk in self.talks}
        for talk in self.talks[:2]:
            for _ in range(old + unread):
                self.store(talk, "bob")
            talk.seen = old
            for item in talk.unread_item():
                self.feed.take(
                    UnreadSince(item.conversation, item.count, item.first_seq, item.last_seq)
                )

    def store(self, talk: Talk, sender: str, step: int = 1) -> Message:
        post = message(talk.name, talk.last + step, sender)
        talk.posts.append(post)
        return post

    def send(self, event: Event) -> None:
        self.wire.append(lambda: self.feed.take(event))

    @rule(index=st.integers(0, 3), step=st.integers(1, 3), lags=st.booleans())
    def post(self, index: int, step: int, lags: bool) -> None:
        """Somebody posts; a connection that lags does not get it."""
        talk = self.talks[index]
        before = talk.last
        post = self.store(talk, "bob", step)
        if talk.stored:
            talk.must.append(post.seq)
        if not self.online:
            return
        if lags and talk.lost_from is None:
            talk.lost_from = before
        if talk.lost_from is None:
            self.send(post)

    @precondition(lambda self: self.online)
    @rule(index=st.integers(0, 3))
    def catch_breath(self, index: int) -> None:
        """The server may send to this connection again."""
        talk = self.talks[index]
        if talk.lost_from is not None:
            self.send(Lag(talk.name, talk.lost_from))
            talk.lost_from = None

    @precondition(lambda self: self.online)
    @rule(index=st.integers(0, 3))
    def post_ourselves(self, index: int) -> None:
        talk = self.talks[index]
        post = self.store(talk, "alice")
        self.acks.append((talk, post.seq))
        self.wire.append(lambda: self.acked(talk, post.seq))

    def acked(self, talk: Talk, seq: int) -> None:
        self.acks.remove((talk, seq))
        self.feed.posted(talk.name, seq)

    @precondition(lambda self: self.wire)
    @rule(lines=st.integers(1, 6))
    def receive(self, lines: int) -> None:
        for _ in range(min(lines, len(self.wire))):
            self.wire.popleft()()

    @precondition(lambda self: self.online)
    @rule()
    def ask(self) -> None:
        """The client asks for what it misses."""
        if self.feed.finding:
            if not self.finding:
                self.finding = True
                found = [item for talk in self.talks for item in talk.unread_item()]
                self.wire.append(lambda: self.found(found))
        elif len(self.requests) < 3 and (ask := self.feed.ask()) is not None:
            self.requests.append(ask)

    def found(self, unread: list[UnreadItem]) -> None:
        self.finding = False
        self.feed.found(unread)

    @precondition(lambda self: self.online and self.requests)
    @rule()
    def answer(self) -> None:
        """The server looks into its history; the answer is on its way."""
        ask = self.requests.popleft()
        talk = next(talk for talk in self.talks if talk.name == ask.conversation)
        stored = [post for post in talk.posts if post.seq > ask.after] if talk.stored else []
        page = [HistoryItem(m.seq, m.time, m.sender, m.text) for m in stored[: self.LIMIT]]
        self.wire.append(lambda: self.feed.fill(ask, page, self.LIMIT))

    @precondition(lambda self: self.online and self.requests)
    @rule()
    def cannot_answer(self) -> None:
        """The server cannot read its history now."""
        ask = self.requests.popleft()
        self.wire.append(lambda: self.feed.put_back(ask))

    @precondition(lambda self: self.online)
    @rule()
    def lose_connection(self) -> None:
        self.online = False
        self.wire.clear()
        self.requests.clear()
        self.finding = False
        for talk, seq in self.acks:
            talk.may.add(seq)
        self.acks.clear()
        for talk in self.talks:
            talk.lost_from = None
        self.feed.broken()

    @precondition(lambda self: not self.online)
    @rule()
    def come_back(self) -> None:
        self.online = True
        for talk in self.talks:
            for item in talk.unread_item():
                self.send(UnreadSince(item.conversation, item.count, item.first_seq, item.last_seq))

    @rule(events=st.integers(1, 5))
    def read(self, events: int) -> None:
        for _ in range(events):
            event = self.feed.pop()
            if isinstance(event, Message):
                seen = self.shown[event.conversation]
                assert not seen or seen[-1] < event.seq, f"{event} after {seen}"
                seen.append(event.seq)

    def teardown(self) -> None:
        if not hasattr(self, "feed"):
            return
        if not self.online:
            self.come_back()
        for index in range(4):
            self.catch_breath(index)
        self.run_dry()
        for talk in self.talks:
            self.check(talk)

    def run_dry(self) -> None:
        """All that is under way arrives, and the reader reads on."""
        for _ in range(1_000):
            self.receive(6)
            self.read(5)
            self.ask()
            while self.requests:
                self.answer()
            if not self.wire:
                return
        raise AssertionError("it never ends")

    def check(self, talk: Talk) -> None:
        shown = set(self.shown[talk.name])
        if talk.stored:
            assert set(talk.must) <= shown
            assert shown <= set(talk.must) | talk.may
        else:
            assert not shown & {post.seq for post in talk.posts if post.sender == "alice"}


TestFeedMachine = FeedMachine.TestCase
TestFeedMachine.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
