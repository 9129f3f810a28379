"""The ledger: what requests have changed, in order, on its way to disk, and what follows then.

Requests add changes and effects to the open batch. A server takes the batch, stores its changes
in one transaction, and releases it: replies leave and the hub changes, in the order of the log.
A batch that cannot be stored fails, and the open one with it, since it was judged on top of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from chatd.protocol.errors import ChatError, Code
from chatd.protocol.runs import message_lines, posted_lines
from chatd.protocol.wire import write_failure

from .changes import AccountMade, Change, MessagesPosted
from .counts import Counts
from .hub import Hub
from .model import Account, Conversation, Room
from .ports import Client
from .routes import Epoch, Route
from .spans import own_spans, without

UNAVAILABLE = ChatError(Code.UNAVAILABLE, "It could not be stored; nothing was changed. Try again.")


@dataclass(slots=True, eq=False)
class Answer:
    """A reply that waits for its turn. `undo` is called where the batch fails; `changed` tells
    whether the request changed anything, and so failed with it."""

    client: Client
    verb: str
    line: bytes
    changed: bool
    undo: Callable[[], None] | None = None

    def release(self) -> None:
        self.client.pending -= 1
        self.client.put(self.line)

    def fail(self) -> int:
        """Returns how many requests fail."""
        self.client.pending -= 1
        self.client.put(write_failure(self.verb, UNAVAILABLE) if self.changed else self.line)
        return int(self.changed)


@dataclass(slots=True, eq=False)
class Effect:
    """Something that follows once the batch is on disk; `anyway`: also if it is not."""

    act: Callable[..., None]
    arguments: tuple[Any, ...]
    anyway: bool = False


@dataclass(slots=True, eq=False)
class Post:
    """A run of messages on its way, each to be answered under `verb`."""

    client: Client
    verb: str
    route: Route
    posted: MessagesPosted
    time: str
    undo: Callable[[], object] | None = None

    def acknowledge(self) -> None:
        """The replies; they may wait for what else there is to send."""
        posted = self.posted
        self.client.put_later(posted_lines(self.verb, posted.seq, self.time, len(posted.texts)))

    def lines(self, conversation: str) -> bytes:
        """The events."""
        posted = self.posted
        return message_lines(conversation, posted.seq, self.time, self.route.me.name, posted.texts)

    def fail(self) -> int:
        """Returns how many requests fail."""
        self.client.pending -= 1
        self.client.put(write_failure(self.verb, UNAVAILABLE) * len(self.posted.texts))
        return len(self.posted.texts)


Entry = Answer | Effect | Post


@dataclass(slots=True, eq=False)
class Batch:
    """Changes to be stored together, and what follows. `bytes` is a rough size; `decisions` grows
    with all that must not happen unless it is stored."""

    changes: list[Change] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    touched: list[Any] = field(default_factory=list)
    bytes: int = 0
    decisions: int = 0


def _nobody() -> None:
    """Wakes nobody."""


class Ledger:
    """The open batch, and the release of those that are stored. `wake` is called when something
    has come into it."""

    def __init__(self, hub: Hub, epoch: Epoch) -> None:
        self._hub = hub
        self._epoch = epoch
        self.wake: Callable[[], None] = _nobody
        self.counts = Counts()
        self._open = Batch()

    @property
    def size(self) -> tuple[int, int]:
        """Entries and rough bytes of the open batch."""
        return len(self._open.entries), self._open.bytes

    @property
    def waiting(self) -> bool:
        """Whether the open batch holds anything."""
        return bool(self._open.entries or self._open.changes)

    def mark(self) -> tuple[int, int]:
        """Where the open batch stands now, to be given to `answer`."""
        return self._open.decisions, len(self._open.entries)

    def store(self, change: Change, *touched: Any, size_bytes: int = 100) -> None:
        """Ask for a change of that rough size; what it touches stays in memory until then."""
        self._epoch.saw(change)
        self._open.changes.append(change)
        self._open.decisions += 1
        self._open.bytes += size_bytes
        self.touch(*touched)
        if type(change) is AccountMade:
            self.then(self.counts.registered)
        self.wake()

    def touch(self, *touched: Any) -> None:
        """Keep things in memory until the batch is stored."""
        for thing in touched:
            thing.pending += 1
            self._open.touched.append(thing)

    def then(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` once all before it is stored."""
        self._open.entries.append(Effect(act, arguments))
        self._open.decisions += 1
        self.wake()

    def anyway(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` once all before it is stored, or has failed."""
        self._open.entries.append(Effect(act, arguments, anyway=True))
        self.wake()

    def post(self, post: Post, stored: bool = True) -> None:
        """Take messages in, to be stored or only to keep their place in the order."""
        batch, posted = self._open, post.posted
        if stored:
            batch.changes.append(posted)
        post.client.pending += 1
        post.route.conversation.pending += 1
        batch.bytes += 200 * len(posted.texts) + sum(map(len, posted.texts))
        batch.entries.append(post)
        self.wake()

    def answer(
        self,
        client: Client,
        verb: str,
        line: bytes,
        mark: tuple[int, int],
        undo: Callable[[], None] | None = None,
    ) -> None:
        """Write a reply: at once, or where the request changed something (since `mark`) or earlier
        replies wait, in its turn: before the effects of its own request."""
        changed = self._open.decisions != mark[0]
        if not changed and not client.pending and len(self._open.entries) == mark[1]:
            client.put(line)
            return
        client.pending += 1
        self._open.bytes += len(line)
        self._open.entries.insert(mark[1], Answer(client, verb, line, changed, undo))
        self.wake()

    def take(self) -> Batch | None:
        """The open batch, closed; None where it is empty."""
        if not self.waiting:
            return None
        batch, self._open = self._open, Batch()
        return batch

    def release(self, batch: Batch) -> None:
        """The batch is stored: reply and tell, in order."""
        rooms: dict[Conversation, list[Post]] = {}
        counts = self.counts
        for entry in batch.entries:
            if type(entry) is Post:
                route = entry.route
                counts.messages += len(entry.posted.texts)
                entry.client.pending -= 1
                route.conversation.pending -= 1
                entry.acknowledge()
                if route.other is None:
                    rooms.setdefault(route.conversation, []).append(entry)
                else:
                    self._publish_direct(entry)
                continue
            self._publish_rooms(rooms)
            if type(entry) is Answer:
                entry.release()
            elif type(entry) is Effect:
                entry.act(*entry.arguments)
        self._publish_rooms(rooms)
        self._untouch(batch)

    def fail(self, batch: Batch) -> None:
        """The batch is not stored: say so; and so must the open one."""
        follower = self.take()
        entries = batch.entries if follower is None else batch.entries + follower.entries
        for entry in reversed(entries):
            if not isinstance(entry, Effect) and entry.undo is not None:
                entry.undo()
        for entry in entries:
            if not isinstance(entry, Effect):
                self.counts.refusals[Code.UNAVAILABLE] += entry.fail()
            elif entry.anyway:
                entry.act(*entry.arguments)

    def publish(self, post: Post) -> None:
        """Show messages to a room that need not be stored, and acknowledge them, at once."""
        self.counts.messages += len(post.posted.texts)
        self._publish_room(post.route.conversation, [post])
        post.acknowledge()

    def _publish_direct(self, post: Post) -> None:
        """Direct messages go to both sides; each knows them by the other's name."""
        me, other = post.route.me, post.route.other
        assert other is not None
        self._tell(other, post, me.name)
        if other is not me:
            self._tell(me, post, other.name)

    def _tell(self, account: Account, post: Post, conversation: str) -> None:
        clients = self._hub.clients(account.id)
        if not clients or (len(clients) == 1 and post.client in clients):
            return
        lines = post.lines(conversation)
        for client in clients:
            if client is not post.client:
                client.deliver(lines, conversation, post.posted.seq)
        self._count(post, clients)

    def _publish_rooms(self, rooms: dict[Conversation, list[Post]]) -> None:
        for room, posts in rooms.items():
            self._publish_room(room, posts)
        rooms.clear()

    def _publish_room(self, room: Conversation, posts: list[Post]) -> None:
        """Lines are joined once for all that hear all of them; a sender misses its own."""
        assert isinstance(room, Room)
        if len(posts) == 1:
            self._publish_one(room, posts[0])
            return
        name, first = room.name, posts[0].posted.seq
        lines = [post.lines(name) for post in posts]
        joined = b"".join(lines)
        own = own_spans([post.client for post in posts], lines)
        listeners = self._hub.listeners(room.id)
        for post in posts:
            self._count(post, listeners)
        for client in listeners:
            heard = without(joined, own[client]) if client in own else joined
            if heard:
                client.deliver(heard, name, first)

    def _publish_one(self, room: Room, post: Post) -> None:
        lines, sender = post.lines(room.name), post.client
        listeners = self._hub.listeners(room.id)
        for client in listeners:
            if client is not sender:
                client.deliver(lines, room.name, post.posted.seq)
        self._count(post, listeners)

    def _count(self, post: Post, heard: Collection[Client]) -> None:
        """Its sender does not count among those who heard it."""
        hearers = len(heard) - (post.client in heard)
        self.counts.deliveries += hearers * len(post.posted.texts)

    @staticmethod
    def _untouch(batch: Batch) -> None:
        for thing in batch.touched:
            thing.pending -= 1
