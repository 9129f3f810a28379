"""The ledger: what requests have changed, in order, on its way to disk, and what follows then.

Requests add changes and effects to the open batch. A server takes the batch, stores its changes
in one transaction, and releases it: replies leave and the hub changes, in the order of the log.
A batch that cannot be stored fails, and the open one with it, since it was judged on top of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import message_line
from chatd.protocol.wire import write_failure

from .changes import Change, MessagePosted
from .hub import Hub
from .model import Account, Conversation, Direct, Room
from .ports import Client

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

    def fail(self) -> None:
        self.client.pending -= 1
        self.client.put(write_failure(self.verb, UNAVAILABLE) if self.changed else self.line)


@dataclass(slots=True, eq=False)
class Effect:
    """Something that follows once the batch is on disk; `anyway`: also if it is not."""

    act: Callable[..., None]
    arguments: tuple[Any, ...]
    anyway: bool = False


@dataclass(slots=True, eq=False)
class Post:
    """A message on its way: `ack` is the sender's reply, `name` the sender's."""

    client: Client
    verb: str
    conversation: Conversation
    message: MessagePosted
    time: str
    name: str
    other: Account | None  # of a direct message
    undo: Callable[[], object] | None = None

    def acknowledge(self) -> None:
        self.client.pending -= 1
        self.conversation.pending -= 1
        self.client.put(self.ack())

    def ack(self) -> bytes:
        return f"{self.verb}|SUCCESS|{self.message.seq}|{self.time}\n".encode()

    def line(self, conversation: str) -> bytes:
        return message_line(conversation, self.message.seq, self.time, self.name, self.message.text)

    def fail(self) -> None:
        self.client.pending -= 1
        self.client.put(write_failure(self.verb, UNAVAILABLE))

    def elsewhere(self, clients: list[Client]) -> bool:
        """Whether the sender has other connections, which must hear of it."""
        return any(client is not self.client for client in clients)


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


class Ledger:
    """The open batch, and the release of those that are stored."""

    def __init__(self, hub: Hub, wake: Callable[[], None]) -> None:
        self._hub = hub
        self._wake = wake
        self._open = Batch()

    @property
    def size(self) -> tuple[int, int]:
        """Entries and rough bytes of the open batch."""
        return len(self._open.entries), self._open.bytes

    def mark(self) -> tuple[int, int]:
        """Where the open batch stands now, to be given to `answer`."""
        return self._open.decisions, len(self._open.entries)

    def store(self, change: Change, *touched: Any) -> None:
        """Ask for a change; what it touches stays in memory until it is stored."""
        self._open.changes.append(change)
        self._open.decisions += 1
        self._open.bytes += 100
        self.touch(*touched)
        self._wake()

    def touch(self, *touched: Any) -> None:
        """Keep things in memory until the batch is stored."""
        for thing in touched:
            thing.pending += 1
            self._open.touched.append(thing)

    def then(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` once all before it is stored."""
        self._open.entries.append(Effect(act, arguments))
        self._open.decisions += 1
        self._wake()

    def anyway(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` once all before it is stored, or has failed."""
        self._open.entries.append(Effect(act, arguments, anyway=True))
        self._wake()

    def post(self, post: Post, stored: bool = True) -> None:
        """Take a message in, to be stored or only to keep its place in the order."""
        batch = self._open
        if stored:
            batch.changes.append(post.message)
        post.client.pending += 1
        post.conversation.pending += 1
        batch.bytes += 200 + len(post.message.text)
        batch.entries.append(post)
        self._wake()

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
        self._wake()

    def take(self) -> Batch | None:
        """The open batch, closed; None where it is empty."""
        if not self._open.entries and not self._open.changes:
            return None
        batch, self._open = self._open, Batch()
        return batch

    def release(self, batch: Batch) -> None:
        """The batch is stored: reply and tell, in order."""
        rooms: dict[Room, list[Post]] = {}
        for entry in batch.entries:
            if type(entry) is Post:
                entry.acknowledge()
                if isinstance(entry.conversation, Room):
                    rooms.setdefault(entry.conversation, []).append(entry)
                else:
                    self.publish_direct(entry)
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
                entry.fail()
            elif entry.anyway:
                entry.act(*entry.arguments)

    def publish(self, post: Post) -> None:
        """Show a message that need not be stored, at once."""
        if isinstance(post.conversation, Room):
            self._publish_rooms({post.conversation: [post]})
        else:
            self.publish_direct(post)

    def publish_direct(self, post: Post) -> None:
        """A direct message goes to both sides; each knows it by the other's name."""
        direct, other, message = post.conversation, post.other, post.message
        assert isinstance(direct, Direct) and other is not None
        hub = self._hub
        hub.to_account(other.id, post.name, message.seq, post.line(post.name), post.client)
        if other.id != message.sender and post.elsewhere(hub.clients(message.sender)):
            hub.to_account(
                message.sender, other.name, message.seq, post.line(other.name), post.client
            )

    def _publish_rooms(self, rooms: dict[Room, list[Post]]) -> None:
        for room, posts in rooms.items():
            self._publish_room(room, posts)
        rooms.clear()

    def _publish_room(self, room: Room, posts: list[Post]) -> None:
        """Lines are joined once for all that hear all of them; a sender misses its own."""
        name, first = room.name, posts[0].message.seq
        lines = [post.line(name) for post in posts]
        joined = b"".join(lines)
        senders = {post.client for post in posts}
        for client in self._hub.listeners(room.id):
            if client not in senders:
                client.deliver(joined, name, first)
        for sender in senders:
            others = [line for line, post in zip(lines, posts) if post.client is not sender]
            if others and sender in self._hub.listeners(room.id):
                sender.deliver(b"".join(others), name, first)

    @staticmethod
    def _untouch(batch: Batch) -> None:
        for thing in batch.touched:
            thing.pending -= 1
