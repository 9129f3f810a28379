"""What each connection was sent, held against what it must have been sent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tests.chat.harness import Client
from tests.chat.records import Message, Outcome, Told
from tests.chat.reference import State


@dataclass(eq=False)
class Op:
    """A request. `at_once`: it may be answered before the commit. `must_fail`: with the commit."""

    connection: int
    fields: list[str]
    message: Message
    outcome: Outcome = field(default_factory=lambda: Outcome([]))
    at_once: bool = False
    must_fail: bool = False


class Mail:
    """Replies in the order of the requests; events in order within each conversation."""

    def __init__(self, messages: dict[int, Message]) -> None:
        self.messages = messages
        self.clients: dict[int, Client] = {}
        self.expected: defaultdict[int, list[Op]] = defaultdict(list)
        self.answered: list[Op] = []
        self._events: defaultdict[tuple[int, str], list[list[str]]] = defaultdict(list)
        self._told: defaultdict[tuple[int, str], list[Told]] = defaultdict(list)

    def add(self, connection: int, client: Client) -> None:
        self.clients[connection] = client

    def drop(self, connection: int) -> None:
        """Nothing that comes to this connection matters any more."""
        self.clients.pop(connection, None)
        self.expected.pop(connection, None)
        for log in (self._events, self._told):
            for key in [key for key in log if key[0] == connection]:
                del log[key]

    def collect(self, failed: bool = False) -> None:
        """Take in what has come."""
        self.answered = []
        for connection, client in self.clients.items():
            for line in client.news():
                fields = line.split("|")
                if line.startswith("*"):
                    where = "" if fields[0] == "*INVITED" else fields[1]
                    self._events[connection, where].append(fields)
                else:
                    assert self.expected[connection], f"{line} answers nothing"
                    self._answer(self.expected[connection].pop(0), fields, failed)

    def _answer(self, op: Op, fields: list[str], failed: bool) -> None:
        self.answered.append(op)
        assert fields[0] == op.fields[0], (fields, op)
        if failed and fields[1:3] == ["FAILURE", "UNAVAILABLE"]:
            assert op.outcome.reply[0] == "SUCCESS", op
            return
        assert not (failed and op.must_fail), (fields, op)
        if fields[1] == "FAILURE":
            fields = fields[:4]  # the sentence may hold bars
        assert len(fields) - 1 == len(op.outcome.reply), (fields, op)
        for got, wanted in zip(fields[1:], op.outcome.reply):
            assert wanted in (None, got), (fields, op)
        if op.outcome.message is not None and fields[1] == "SUCCESS":
            self._learn(op.outcome.message, fields[2])

    def _learn(self, number: int, seq: str) -> None:
        message = self.messages[number]
        assert message.seq in (None, int(seq)), (message, seq)
        message.seq = int(seq)

    def expect(self, outcome: Outcome) -> None:
        """Something was released."""
        for told in outcome.told:
            for connection in told.connections & self.clients.keys():
                self._told[connection, told.conversation].append(told)

    def ended(self, connection: int) -> None:
        """The last line to this connection must be a goodbye."""
        client = self.clients[connection]
        assert client.lines[-1].startswith("*BYE|DENIED|"), client.lines

    def check(self, all_answered: bool = False) -> None:
        """Everybody has been told what they must have been, and nothing else."""
        for key in self._events.keys() | self._told.keys():
            assert len(self._events[key]) == len(self._told[key]), (
                key,
                self._events[key],
                self._told[key],
            )
            for fields, told in zip(self._events[key], self._told[key]):
                self._check_event(fields, told)
        self._events.clear()
        self._told.clear()
        self._check_order()
        if all_answered:
            assert not any(self.expected.values())

    def _check_event(self, fields: list[str], told: Told) -> None:
        if told.message is None:
            assert "|".join(fields) == told.line
            return
        message = self.messages[told.message]
        self._learn(told.message, fields[2])
        wanted = ["*MSG", told.conversation, fields[2], fields[3], message.sender, message.text]
        assert fields == wanted

    def _check_order(self) -> None:
        latest: dict[int, int] = {}
        for _, message in sorted(self.messages.items()):
            if message.seq is not None:
                assert message.seq > latest.get(message.conversation, 0), message
                latest[message.conversation] = message.seq

    def check_history(self, rows: list[list[str]], said: list[int], state: State) -> None:
        """HISTORY's items against the messages that are stored."""
        assert len(rows) == len(said), (rows, said)
        for (seq, _, sender, text), number in zip(rows, said):
            message = self.messages[number]
            self._learn(number, seq)
            gone = state.erased[message.sender]
            assert [sender, text] == ["~erased" if gone else message.sender, message.text]

    def check_unread(self, rows: list[list[str]], unread: dict[str, list[int]]) -> None:
        """What UNREAD tells against the numbers of the messages in each conversation."""
        counts = {name: str(len(numbers)) for name, numbers in unread.items()}
        assert [(row[0], row[1]) for row in rows] == list(counts.items())
        for numbers, row in zip(unread.values(), rows):
            self._learn(numbers[0], row[2])
            self._learn(numbers[-1], row[3])
