"""The loop that measures, on a socket whose other end the test holds."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from chatctl.load import engine as engine_module
from chatctl.load.engine import Engine
from chatctl.load.peer import Peer, aim_at
from chatctl.load.tally import Tally
from chatctl.load.watch import Watch
from tests.peer import PATIENCE_SECONDS

MARK = "abc123"
TIME = "2026-11-21T04:05:06.789Z"
ACK = f"MSG|SUCCESS|1|{TIME}\n"
PONG = "PING|SUCCESS\n"

Answer = Callable[[str], str]
"""What the other end sends when it has read a line."""


@dataclass
class Served:
    """What came of a measurement, and what the other end has read."""

    tally: Tally
    lines: list[str] = field(default_factory=list)

    @property
    def dues_us(self) -> list[int]:
        """When the messages that it read were due."""
        found = (re.search(rf"{MARK}(\d{{10}})", line) for line in self.lines)
        return [int(match[1]) for match in found if match]


def acknowledging(line: str) -> str:
    """As a server does that has nobody to deliver to."""
    return PONG if line == "PING" else ACK


def measured(
    answer: Answer,
    *,
    window: int = 1,
    rate: float | None = None,
    payload_bytes: int = 64,
    lines: int | None = None,
) -> Served:
    """Measure for a moment, or until the other end has read so many lines, with one sender."""
    here, there = socket.socketpair()
    here.setblocking(False)
    with closing(here), closing(there), Watch() as watch:
        peer = Peer(here, [aim_at("#bench", MARK, payload_bytes, 0)])
        seconds = 0.1 if lines is None else PATIENCE_SECONDS
        engine = Engine(watch, [peer], MARK, window, rate, seconds)
        found = Served(engine.tally)

        def answered(line: str) -> str:
            if len(found.lines) == lines:
                engine.stop()
            return answer(line)

        thread = threading.Thread(target=serve, args=(there, answered, found))
        thread.start()
        try:
            engine.run()
        finally:
            here.shutdown(socket.SHUT_WR)
            thread.join()
    return found


def serve(sock: socket.socket, answer: Answer, found: Served) -> None:
    """Answer lines until there are no more."""
    with sock.makefile("rb") as stream:
        for line in stream:
            found.lines.append(line.decode().removesuffix("\n"))
            sock.sendall(answer(found.lines[-1]).encode())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is late is not waited for."""
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "DRAIN_SECONDS_MAX", 0.01)
        yield


def test_without_a_rate_the_window_is_kept_full() -> None:
    found = measured(acknowledging, window=3, lines=10)
    assert found.tally.sent == found.tally.acknowledged == found.tally.ack.count > 3
    assert found.dues_us[:3] == [found.dues_us[0]] * 3
    assert len(found.dues_us) == found.tally.sent
    assert (found.tally.unsent, found.tally.unanswered, found.tally.overdue) == (0, 0, False)


def test_with_a_rate_messages_are_due_by_the_clock_alone() -> None:
    found = measured(acknowledging, rate=200)
    assert found.dues_us == list(range(0, 5_000 * len(found.dues_us), 5_000))
    assert found.tally.sent + found.tally.unsent == 20


def test_what_a_stalled_server_keeps_from_being_sent_is_counted(impatient: None) -> None:
    found = measured(lambda _: "", window=3, rate=1_000)
    assert found.dues_us == [0, 1_000, 2_000]
    assert (found.tally.sent, found.tally.unanswered, found.tally.unsent) == (3, 3, 97)
    assert found.tally.overdue


def test_what_falls_due_when_it_does_not_look_is_counted(impatient: None) -> None:
    """Nobody looks at every microsecond, least of all at the last one."""
    found = measured(lambda _: "", window=3, rate=1_000_000)
    assert (found.tally.sent, found.tally.unsent) == (3, 99_997)


def test_other_peoples_messages_are_not_counted() -> None:
    other = f"*MSG|#bench|1|{TIME}|al|hello\n*JOINED|#bench|MSG\n"
    own = f"*MSG|#bench|2|{TIME}|bo|{MARK}{0:010}xxx\n"
    found = measured(lambda line: other + own + acknowledging(line))
    assert found.tally.delivered == found.tally.delivery.count == len(found.lines)
    assert found.tally.acknowledged == found.tally.sent


def test_lags_and_refusals_are_counted() -> None:
    refusal = "*LAG|#bench|3\nMSG|FAILURE|NOT_MEMBER|You are not in it.\n"
    found = measured(lambda line: PONG if line == "PING" else refusal)
    assert found.tally.refused == {"NOT_MEMBER": found.tally.sent}
    assert found.tally.lags == found.tally.sent > 0
    assert (found.tally.acknowledged, found.tally.expected) == (0, 0)


def test_a_message_that_takes_many_writes() -> None:
    found = measured(acknowledging, window=100, payload_bytes=32_768)
    assert found.tally.acknowledged == found.tally.sent == len(found.dues_us) >= 100
    assert {len(line) for line in found.lines} == {len("MSG|#bench|") + 32_768, len("PING")}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("*BYE|SHUTDOWN|The server stops.\n", "SHUTDOWN: The server stops."),
        ("what is this?\n", "The server sent a line that cannot be read."),
        (
            f"*MSG|#bench|2|{TIME}|bo|{MARK}tomorrow\n",
            "The server sent a line that cannot be read.",
        ),
    ],
)
def test_an_end_before_its_time(said: str, why: str) -> None:
    found = measured(lambda _: said)
    assert found.tally.lost == [why]
    assert found.tally.unanswered == found.tally.sent - found.tally.acknowledged


def test_the_other_end_closes(impatient: None) -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    with closing(here), Watch() as watch:
        there.close()
        engine = Engine(watch, [Peer(here)], MARK, 1, None, 60.0)
        assert engine.run().lost == ["The server closed the connection."]
