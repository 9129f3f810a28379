"""The ledger: the order of replies, and what a failure undoes and tells."""

from __future__ import annotations

from chatd.chat.changes import BlockSet, MessagesPosted
from chatd.chat.hub import Hub
from chatd.chat.ledger import UNAVAILABLE, Ledger, Post
from chatd.chat.model import Account, Direct, Room, Session
from chatd.chat.routes import Epoch, Route
from chatd.protocol.errors import Code
from chatd.protocol.wire import write_failure

ANN = Account(1, "ann", "")
CHANGE = BlockSet(1, 2, on=True)


class Listener:
    """A client that keeps what it is told."""

    def __init__(self) -> None:
        self.address = ""
        self.session: Session | None = None
        self.route: Route | None = None
        self.pending = 0
        self.unwelcomed = False
        self.hears_after = 0
        self.alive = True
        self.told: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.told.append(line)

    def put_later(self, line: bytes) -> None:
        self.told.append(line)

    def deliver(self, lines: bytes, conversation: str, seq: int) -> None:
        self.told.append(lines)

    def goodbye(self, code: Code, sentence: str) -> None:
        self.told.append(f"*BYE|{code}|{sentence}\n".encode())

    def stop_listening(self) -> None:
        self.alive = False


class Book:
    """A ledger, and how often it asked to be committed."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.woken = 0
        self.ledger = Ledger(self.hub, Epoch())
        self.ledger.wake = self._wake

    def _wake(self) -> None:
        self.woken += 1

    def answer(self, client: Listener, line: bytes, change: bool = False) -> None:
        """A request that changes something, or nothing."""
        mark = self.ledger.mark()
        if change:
            self.ledger.store(CHANGE)
        self.ledger.answer(client, "VERB", line, mark)

    def post(self, client: Listener, room: Room, seq: int, text: str, stored: bool = True) -> None:
        message = MessagesPosted(room.id, seq, 1_000, 1, [text])
        route = Route(room.name, None, ANN, room, None)
        self.ledger.post(Post(client, "MSG", route, message, "now"), stored)

    def release(self) -> None:
        batch = self.ledger.take()
        assert batch is not None
        self.ledger.release(batch)

    def fail(self) -> None:
        batch = self.ledger.take()
        assert batch is not None
        self.ledger.fail(batch)


def failed(verb: str) -> bytes:
    return write_failure(verb, UNAVAILABLE)


def test_what_changes_nothing_is_answered_at_once() -> None:
    book, client = Book(), Listener()
    book.answer(client, b"one\n")
    assert (client.told, client.pending, book.woken) == ([b"one\n"], 0, 0)
    assert book.ledger.take() is None


def test_what_changes_something_is_answered_when_it_is_stored() -> None:
    book, client = Book(), Listener()
    book.answer(client, b"one\n", change=True)
    assert (client.told, client.pending) == ([], 1)
    assert book.woken
    book.release()
    assert (client.told, client.pending) == ([b"one\n"], 0)


def test_replies_keep_their_order_and_do_not_wait_for_other_clients() -> None:
    book, client, other = Book(), Listener(), Listener()
    book.answer(client, b"one\n", change=True)
    book.answer(client, b"two\n")
    book.answer(other, b"other\n")
    assert (client.told, other.told) == ([], [b"other\n"])
    book.release()
    assert client.told == [b"one\n", b"two\n"]


def test_a_reply_waits_for_those_in_the_batch_before() -> None:
    book, client = Book(), Listener()
    book.answer(client, b"one\n", change=True)
    first = book.ledger.take()
    assert first is not None
    book.answer(client, b"two\n")
    assert client.told == []
    book.ledger.release(first)
    book.release()
    assert client.told == [b"one\n", b"two\n"]


def test_a_reply_comes_before_the_effects_of_its_own_request() -> None:
    book, client = Book(), Listener()
    mark = book.ledger.mark()
    book.ledger.then(client.put, b"effect\n")
    book.ledger.answer(client, "VERB", b"reply\n", mark)
    book.release()
    assert client.told == [b"reply\n", b"effect\n"]


def test_a_failure_is_told_to_whom_it_concerns() -> None:
    book, client = Book(), Listener()
    book.answer(client, b"one\n", change=True)
    book.answer(client, b"two\n")
    mark = book.ledger.mark()
    book.ledger.then(client.put, b"never\n")
    book.ledger.answer(client, "VERB", b"three\n", mark)
    book.ledger.anyway(client.put, b"anyway\n")
    book.fail()
    assert client.told == [failed("VERB"), b"two\n", failed("VERB"), b"anyway\n"]
    assert client.pending == 0


def test_what_was_judged_on_top_fails_too() -> None:
    book, client = Book(), Listener()
    book.answer(client, b"one\n", change=True)
    first = book.ledger.take()
    assert first is not None
    book.answer(client, b"two\n", change=True)
    book.ledger.fail(first)
    assert client.told == [failed("VERB")] * 2
    assert book.ledger.take() is None


def test_undoing_goes_backwards_and_comes_before_the_replies() -> None:
    book, client, log = Book(), Listener(), list[str]()
    for name in ("first", "second"):
        mark = book.ledger.mark()
        book.ledger.store(CHANGE)
        book.ledger.answer(client, name, b"", mark, lambda name=name: log.append(name))  # type: ignore[misc]
    first = book.ledger.take()
    assert first is not None
    mark = book.ledger.mark()
    book.ledger.store(CHANGE)
    book.ledger.answer(client, "third", b"", mark, lambda: log.append(f"{len(client.told)} told"))
    book.ledger.fail(first)
    assert log == ["0 told", "second", "first"]


def test_what_is_touched_is_pending_until_it_is_stored() -> None:
    book, account = Book(), Account(1, "ann", "")
    book.ledger.store(CHANGE, account)
    book.ledger.touch(account)
    assert account.pending == 2
    book.release()
    assert account.pending == 0


def test_messages_are_joined_for_those_who_hear_all_and_a_sender_misses_its_own() -> None:
    book, room = Book(), Room(9, name="#ops")
    ann, ben, cat = Listener(), Listener(), Listener()
    for number, client in enumerate((ann, ben, cat)):
        book.hub.attach(client, number, [room.id])
    book.post(ann, room, 1, "one")
    book.post(ben, room, 2, "two")
    book.post(ann, room, 3, "three")
    assert (ann.told, room.pending) == ([], 3)
    book.release()
    lines = [
        f"*MSG|#ops|{seq}|now|ann|{text}\n".encode()
        for seq, text in ((1, "one"), (2, "two"), (3, "three"))
    ]
    acks = {seq: f"MSG|SUCCESS|{seq}|now\n".encode() for seq in (1, 2, 3)}
    assert cat.told == [b"".join(lines)]
    assert ann.told == [acks[1], acks[3], lines[1]]
    assert ben.told == [acks[2], lines[0] + lines[2]]
    assert room.pending == 0


def test_messages_come_before_what_happened_after_them() -> None:
    book, room, ann, ben = Book(), Room(9, name="#ops"), Listener(), Listener()
    book.hub.attach(ann, 1, [room.id])
    book.hub.attach(ben, 2, [room.id])
    book.post(ann, room, 1, "to ben still")
    book.ledger.then(book.hub.unsubscribe, 2, room.id)
    book.post(ann, room, 2, "not to ben")
    book.release()
    assert ben.told == [b"*MSG|#ops|1|now|ann|to ben still\n"]


def test_a_message_that_is_not_stored_keeps_its_place_and_is_no_change() -> None:
    book, room, ann = Book(), Room(9, name="#ops"), Listener()
    book.post(ann, room, 1, "volatile", stored=False)
    batch = book.ledger.take()
    assert batch is not None and batch.changes == []
    book.ledger.release(batch)
    assert ann.told == [b"MSG|SUCCESS|1|now\n"]


def test_a_direct_message_reaches_both_sides_under_the_others_name() -> None:
    book, direct = Book(), Direct(5, low=1, high=2)
    here, twin, ben = Listener(), Listener(), Listener()
    for client, account in ((here, 1), (twin, 1), (ben, 2)):
        book.hub.attach(client, account, [])
    message = MessagesPosted(5, 1, 1_000, 1, ["hi"])
    route = Route("ben", None, ANN, direct, Account(2, "ben", ""))
    book.ledger.post(Post(here, "MSG", route, message, "now"))
    book.release()
    assert here.told == [b"MSG|SUCCESS|1|now\n"]
    assert twin.told == [b"*MSG|ben|1|now|ann|hi\n"]
    assert ben.told == [b"*MSG|ann|1|now|ann|hi\n"]
