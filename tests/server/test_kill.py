"""kill -9 at random moments under load, many times on the same data folder.

What was acknowledged is there afterwards, in order, and not twice. The moment is drawn as a number
of replies; CHATD_TEST_SEED in the environment repeats a run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest

from tests.peer import Peer
from tests.serving import SECRET, Server, environment, running

KILLS = 8
POSTERS = 3
WINDOW = 16
REPLIES_MAX = 700
ROOM, CROWD, AUDITOR = "#load", "#crowd", "auditor"


@dataclass(frozen=True)
class Message:
    """A message as its sender, a listener or HISTORY knows it."""

    seq: int
    time: str
    sender: str
    text: str


@dataclass
class Ledger:
    """What the server has acknowledged or shown, and what was sent to it."""

    sent: set[str] = field(default_factory=set)
    posted: dict[str, set[Message]] = field(default_factory=lambda: {ROOM: set(), AUDITOR: set()})
    shown: set[Message] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)
    crowd: set[str] = field(default_factory=set)

    def show(self, line: str) -> tuple[str, int]:
        """Note what a `*MSG` shows; its conversation and seq."""
        _, conversation, seq, time, sender, text = line.split("|")
        self.shown.add(Message(int(seq), time, sender, text))
        return conversation, int(seq)


class Countdown:
    """Opens after so many replies."""

    def __init__(self, replies: int) -> None:
        self._left = replies
        self._lock = threading.Lock()
        self.over = threading.Event()

    def reply(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.over.set()


class Poster:
    """Sends numbered messages to the room and to the auditor in turn; after a kill it repeats those
    that were not answered."""

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self._token = token
        self._number = 0
        self.unanswered: list[tuple[str, str]] = []

    def work(self, server: Server, ledger: Ledger, countdown: Countdown) -> None:
        with server.connect() as peer:
            assert peer.ask(f"RESUME|{self._token}") == f"RESUME|SUCCESS|{self.name}"
            self.repeat(peer, ledger, countdown)
            while True:
                while len(self.unanswered) < WINDOW:
                    self._number += 1
                    target = ROOM if self._number % 2 else AUDITOR
                    self._send(peer, ledger, target, f"{self.name}-{self._number:06}")
                self._receive(peer, ledger, countdown)

    def repeat(self, peer: Peer, ledger: Ledger, countdown: Countdown) -> None:
        """Send again what has no answer yet, and wait for the answers."""
        for target, text in self.unanswered:
            peer.send(f"SEND|{target}|{text}|{text}")
        while self.unanswered:
            self._receive(peer, ledger, countdown)

    def _send(self, peer: Peer, ledger: Ledger, target: str, text: str) -> None:
        self.unanswered.append((target, text))
        ledger.sent.add(text)
        peer.send(f"SEND|{target}|{text}|{text}")

    def _receive(self, peer: Peer, ledger: Ledger, countdown: Countdown) -> None:
        line = peer.read()
        if line.startswith("*"):
            if line.startswith("*MSG|"):
                ledger.show(line)
            return
        verb, outcome, seq, time = line.split("|")
        assert (verb, outcome) == ("SEND", "SUCCESS")
        target, text = self.unanswered.pop(0)
        ledger.posted[target].add(Message(int(seq), time, self.name, text))
        countdown.reply()


class Registrar:
    """Makes accounts, logs each in and has it join the crowd."""

    def __init__(self) -> None:
        self._number = 0

    def work(self, server: Server, ledger: Ledger, countdown: Countdown) -> None:
        while True:
            self._number += 1
            user = f"guest{self._number}"
            with server.connect() as peer:
                self._say(peer, f"REGISTER|{user}|{SECRET}", "REGISTER|SUCCESS", countdown)
                ledger.users.add(user)
                ledger.tokens[self._token(peer, user, countdown)] = user
                self._say(peer, f"JOIN|{CROWD}", f"JOIN|SUCCESS|{CROWD}|0|", countdown)
                ledger.crowd.add(user)

    def _token(self, peer: Peer, user: str, countdown: Countdown) -> str:
        return self._say(peer, f"AUTH|{user}|{SECRET}", "AUTH|SUCCESS|", countdown)[13:]

    @staticmethod
    def _say(peer: Peer, line: str, reply: str, countdown: Countdown) -> str:
        said = peer.ask(line)
        assert said.startswith(reply)
        countdown.reply()
        return said


class Listener:
    """Sees the messages as they are shown, in the order of seq."""

    def __init__(self, token: str) -> None:
        self._token = token

    def work(self, server: Server, ledger: Ledger, countdown: Countdown) -> None:
        with server.connect() as peer:
            peer.send(f"RESUME|{self._token}")
            last: dict[str, int] = {}
            while True:
                if (line := peer.read()).startswith("*MSG|"):
                    conversation, seq = ledger.show(line)
                    assert last.get(conversation, 0) < seq
                    last[conversation] = seq


class Worker(Protocol):
    """Works until its connection breaks."""

    def work(self, server: Server, ledger: Ledger, countdown: Countdown) -> None: ...


def under_load(server: Server, ledger: Ledger, workers: list[Worker], replies: int) -> None:
    """Let all work, and kill the server after so many replies."""
    countdown = Countdown(replies)

    def work(worker: Worker) -> None:
        with suppress(EOFError, ConnectionError):
            worker.work(server, ledger, countdown)

    with ThreadPoolExecutor(len(workers)) as pool:
        done = [pool.submit(work, worker) for worker in workers]
        while not countdown.over.wait(0.2):
            assert not any(each.done() for each in done), [each.exception() for each in done]
        server.kill()
    for each in done:
        each.result()


def history(peer: Peer, conversation: str) -> list[Message]:
    """All messages of a conversation, page by page."""
    messages: list[Message] = []
    last = 0
    while page := peer.items(f"HISTORY|{conversation}|after={last}|limit=1000"):
        messages += [Message(int(seq), time, sender, text) for seq, time, sender, text in page]
        last = messages[-1].seq
    return messages


def audit_messages(ledger: Ledger, messages: list[Message], posted: set[Message]) -> None:
    """Every acknowledged one is there, in order, none twice, and none that nobody sent."""
    assert posted <= set(messages)
    assert all(one.seq < other.seq for one, other in pairwise(messages))
    texts = [message.text for message in messages]
    assert len(set(texts)) == len(texts)
    assert set(texts) <= ledger.sent
    for sender in {message.sender for message in messages}:
        numbers = [message.text for message in messages if message.sender == sender]
        assert numbers == sorted(numbers)


def audit(server: Server, ledger: Ledger, posters: list[Poster]) -> None:
    """All that was acknowledged or shown is there."""
    with server.login(AUDITOR) as peer:
        found = history(peer, ROOM)
        audit_messages(ledger, found, ledger.posted[ROOM])
        for poster in posters:
            own = history(peer, poster.name)
            found += own
            of_poster = {post for post in ledger.posted[AUDITOR] if post.sender == poster.name}
            audit_messages(ledger, own, of_poster)
        assert ledger.shown <= set(found)
        members = {user for user, role, online in peer.items(f"WHO|{CROWD}")}
        assert ledger.crowd <= members
    audit_log_ins(server, ledger)


def audit_log_ins(server: Server, ledger: Ledger) -> None:
    """Every account and every token still opens."""
    for token, user in ledger.tokens.items():
        with server.connect() as peer:
            assert peer.ask(f"RESUME|{token}") == f"RESUME|SUCCESS|{user}"
    for user in ledger.users - set(ledger.tokens.values()):
        with server.login(user):
            pass


def prepared(server: Server) -> tuple[list[Poster], Listener]:
    """The people of the play; all are in the room, and the auditor in the crowd."""
    names = [AUDITOR, *(f"poster{number}" for number in range(POSTERS))]
    tokens = {}
    for name in names:
        with server.connect() as peer:
            assert peer.ask(f"REGISTER|{name}|{SECRET}") == "REGISTER|SUCCESS"
            tokens[name] = peer.ask(f"AUTH|{name}|{SECRET}").removeprefix("AUTH|SUCCESS|")
            assert peer.ask(f"JOIN|{ROOM}").startswith("JOIN|SUCCESS")
            if name == AUDITOR:
                assert peer.ask(f"JOIN|{CROWD}").startswith("JOIN|SUCCESS")
    return [Poster(name, tokens[name]) for name in names[1:]], Listener(tokens[AUDITOR])


@pytest.mark.parametrize("part", [1, 2])
def test_what_was_acknowledged_survives_kill_9(part: int, tmp_path: Path) -> None:
    seed = f"{os.environ.get('CHATD_TEST_SEED') or random.SystemRandom().randrange(10**9)}"
    print(f"CHATD_TEST_SEED={seed}")
    draw: Callable[[int, int], int] = random.Random(f"{seed}/{part}").randint
    ledger = Ledger()
    with running(tmp_path) as server:
        posters, listener = prepared(server)
        workers: list[Worker] = [*posters, Registrar(), listener]
        for _ in range(KILLS):
            under_load(server, ledger, workers, draw(1, REPLIES_MAX))
            server.start()
            audit(server, ledger, posters)
        for poster in posters:
            finish(server, ledger, poster)
        audit(server, ledger, posters)
        assert {post.text for posts in ledger.posted.values() for post in posts} == ledger.sent
        assert server.stop() == 0
        check = [sys.executable, "-m", "chatd", "check", "--data", str(server.data)]
        done = subprocess.run(check, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def finish(server: Server, ledger: Ledger, poster: Poster) -> None:
    """What was never answered is sent once more, and so has been posted exactly once."""
    with server.login(poster.name) as peer:
        poster.repeat(peer, ledger, Countdown(0))
