"""`chatctl/pending.py`: each answer to its request, in order, also across a break."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from chatctl.errors import ConnectionLost
from chatctl.pending import SEND_BYTES_MAX, Call, Pending
from chatd.protocol.commands import Join, Msg, Ping, Resume, Rooms, Seen, Send, Whoami
from chatd.protocol.declare import Request
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.replies import Joined, Ponged, RoomItem
from chatd.protocol.wire import Answer, read_answer, read_request, write_request

LOST = ConnectionLost("gone")


def call_of(request: Request, *, counted: bool = True) -> Call:
    return Call(write_request(request), request, counted=counted)


def opened(*calls: Call) -> Pending:
    pending = Pending()
    pending.open = True
    for call in calls:
        pending.add(call)
    return pending


def answered(pending: Pending, *lines: str) -> list[Call]:
    settled = [pending.answer(read_answer(line)) for line in lines]
    return [call for call in settled if call is not None]


def test_answers_belong_to_the_oldest_request() -> None:
    join, rooms, ping = (call_of(request) for request in (Join("#ops"), Rooms(), Ping("hi")))
    pending = opened(join, rooms, ping)
    assert pending.take() == b"JOIN|#ops\nROOMS\nPING|hi\n"
    settled = answered(
        pending,
        "JOIN|SUCCESS|#ops|7|2",
        "ROOMS|ITEM|#ops|2|joined|tea",
        "ROOMS|ITEM|#new|1||",
        "ROOMS|SUCCESS|2",
        "PING|SUCCESS|hi",
    )
    assert settled == [join, rooms, ping]
    assert join.replies == [Joined("#ops", 7, 2)]
    assert rooms.replies == [RoomItem("#ops", 2, True, "tea"), RoomItem("#new", 1, False, "")]
    assert ping.replies == [Ponged("hi")]


def test_failures_carry_their_code_also_under_the_verb_error() -> None:
    join, ping = call_of(Join("#ops")), call_of(Ping("\x1b"))
    pending = opened(join, ping)
    pending.take()
    answered(pending, "JOIN|FAILURE|BANNED|You are banned.", "ERROR|FAILURE|BAD_LINE|No.")
    assert isinstance(join.error, ChatError) and isinstance(ping.error, ChatError)
    assert (join.error.code, join.error.sentence) == (Code.BANNED, "You are banned.")
    assert ping.error.code is Code.BAD_LINE


@pytest.mark.parametrize(
    "lines",
    [
        ["ROOMS|SUCCESS|1"],
        ["ROOMS|SUCCESS"],
        ["ROOMS|ITEM|#ops|many||", "ROOMS|SUCCESS|1"],
    ],
)
def test_an_answer_that_cannot_be_read_fails_its_call_alone(lines: list[str]) -> None:
    rooms, ping = call_of(Rooms()), call_of(Ping())
    pending = opened(rooms, ping)
    pending.take()
    assert answered(pending, *lines, "PING|SUCCESS|") == [rooms, ping]
    assert isinstance(rooms.error, ConnectionLost)
    assert ping.error is None


@pytest.mark.parametrize("line", ["JOIN|SUCCESS|#ops|7|2", "ERROR|SUCCESS"])
def test_an_answer_out_of_step_ends_the_connection(line: str) -> None:
    pending = opened()
    with pytest.raises(ConnectionLost):
        answered(pending, line)


def test_an_answer_to_another_request_ends_the_connection() -> None:
    pending = opened(call_of(Ping()))
    pending.take()
    with pytest.raises(ConnectionLost):
        answered(pending, "JOIN|SUCCESS|#ops|7|2")


def test_only_greetings_leave_before_the_gate_is_open() -> None:
    pending = Pending()
    pending.add(call_of(Ping("later")))
    pending.greet(call_of(Resume("t" * 43), counted=False))
    assert pending.take() == b"RESUME|" + b"t" * 43 + b"\n"
    assert pending.take() == b""
    pending.open = True
    assert pending.take() == b"PING|later\n"


def test_much_is_sent_in_parts() -> None:
    line = write_request(Ping("x" * 30_000))
    pending = opened(*(call_of(Ping("x" * 30_000)) for _ in range(5)))
    parts = []
    while part := pending.take():
        parts.append(part)
    assert b"".join(parts) == line * 5
    assert all(len(part) <= SEND_BYTES_MAX + len(line) for part in parts)


@pytest.mark.parametrize(
    ("request_", "safe"),
    [
        (Rooms(), True),
        (Ping("x"), True),
        (Whoami(), True),
        (Seen("#ops", 3), True),
        (Send("#ops", "id", "hi"), True),
        (Msg("#ops", "hi"), False),
        (Join("#ops"), False),
    ],
)
def test_what_is_safe_to_repeat_is_repeated_after_a_break(request_: Request, safe: bool) -> None:
    call = call_of(request_)
    pending = opened(call)
    pending.take()
    assert pending.broken(LOST) == ([] if safe else [call])
    assert isinstance(call.error, ConnectionLost) is not safe
    pending.open = True
    assert pending.take() == (call.line if safe else b"")


def test_a_list_cut_short_begins_anew() -> None:
    rooms = call_of(Rooms())
    pending = opened(rooms)
    pending.take()
    answered(pending, "ROOMS|ITEM|#ops|2|joined|tea")
    pending.broken(LOST)
    pending.open = True
    pending.take()
    answered(pending, "ROOMS|ITEM|#ops|2|joined|tea", "ROOMS|SUCCESS|1")
    assert rooms.replies == [RoomItem("#ops", 2, True, "tea")]


def test_what_was_not_sent_outlives_a_break_even_if_it_cannot_be_repeated() -> None:
    pending = Pending()
    pending.add(call_of(Msg("#ops", "hi")))
    assert pending.broken(LOST) == []
    pending.open = True
    assert pending.take() == b"MSG|#ops|hi\n"


def test_nobody_waits_any_more() -> None:
    unsent, sent = call_of(Rooms()), call_of(Ping())
    pending = opened(sent)
    pending.take()
    pending.add(unsent)
    assert pending.abandon(unsent)  # it is gone
    assert not pending.abandon(sent)  # its answer is still to come
    assert answered(pending, "PING|SUCCESS|") == [sent]


def test_what_nobody_waits_for_is_not_repeated() -> None:
    call = call_of(Ping())
    pending = opened(call)
    pending.take()
    pending.abandon(call)
    assert pending.broken(LOST) == [call]


def test_the_end_fails_all() -> None:
    calls = [call_of(Ping()), call_of(Msg("#ops", "hi"))]
    pending = opened(calls[0])
    pending.take()
    pending.add(calls[1])
    denied = ChatError(Code.DENIED, "The session was ended.")
    assert pending.end(denied) == calls
    errors = [call.error for call in calls]
    assert all(isinstance(error, ChatError) and error is not denied for error in errors)


class PendingMachine(RuleBasedStateMachine):
    """Calls are made and given up, a server answers them, the connection breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = opened()
        self.made: list[Call] = []
        self.settled: list[Call] = []
        self.server: deque[Answer] = deque()

    @rule(request=st.sampled_from([Msg("#a", "x"), Rooms(), None]))
    def make(self, request: Request | None) -> None:
        self.made.append(call_of(request or Ping(str(len(self.made)))))
        self.pending.add(self.made[-1])

    @rule()
    def send(self) -> None:
        for line in self.pending.take().decode().splitlines():
            self.server.extend(map(read_answer, self.answers(read_request(line))))

    def answers(self, request: Request) -> list[str]:
        match request:
            case Rooms():
                return ["ROOMS|ITEM|#a|1||", "ROOMS|SUCCESS|1"]
            case Ping():
                return [f"PING|SUCCESS|{request.text}"]
            case _:
                return ["MSG|SUCCESS|1|2026-11-21T04:05:06.789Z"]

    @rule(lines=st.integers(1, 3))
    def receive(self, lines: int) -> None:
        for _ in range(min(lines, len(self.server))):
            if (call := self.pending.answer(self.server.popleft())) is not None:
                self.settled.append(call)

    @rule()
    def lose_connection(self) -> None:
        self.server.clear()
        self.settled += self.pending.broken(LOST)
        self.pending.open = True

    @rule(index=st.integers(0, 5))
    def give_up(self, index: int) -> None:
        for call in self.made[index : index + 1]:
            if not call.settled.is_set() and not call.abandoned and self.pending.abandon(call):
                self.settled.append(call)

    def teardown(self) -> None:
        self.send()
        self.receive(len(self.server))
        assert sorted(map(id, self.settled)) == sorted(map(id, self.made))
        for call in self.made:
            if isinstance(call.request, Ping) and not call.abandoned:
                assert call.replies == [Ponged(call.request.text)]


TestPendingMachine = PendingMachine.TestCase
TestPendingMachine.settings = settings(deadline=None)
