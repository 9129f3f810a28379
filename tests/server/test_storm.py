"""A storm of random requests, good and bad, from many connections at once.

Each request gets its one final line, in order; nobody sees a conversation out of order; every room
has an owner; the server has no exception; and what a kill leaves is what was there before it.
CHATD_TEST_SEED in the environment repeats a run.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from chatd.protocol import commands  # noqa: F401  (declares them)
from chatd.protocol.declare import COMMANDS, Listing
from tests.peer import Peer
from tests.serving import SECRET, Server, running

USERS = ["alice", "bob", "carol", "dave", "erin", "frank"]
ROOMS = ["#one", "#two", "#three"]
TURNS = 400
BATCH_MAX = 12
OTHER_SECRET = "staple tiger seven"


class Storm:
    """Where the random requests come from."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.choose = self.random.choice
        self._makers: list[Callable[[], str]] = [
            *[self._message] * 6,
            *[self._room_command] * 8,
            *[self._moderation] * 5,
            *[self._reading] * 5,
            *[self._account] * 3,
            self._rare,
            self._nonsense,
        ]

    def request(self) -> str:
        return self.choose(self._makers)()

    def user(self) -> str:
        return self.choose([*USERS, "nobody", "two words"])

    def room(self) -> str:
        return self.choose([*ROOMS, *ROOMS, "#nowhere", "#two words"])

    def number(self) -> int:
        return self.random.randint(0, 40)

    def _message(self) -> str:
        text = self.choose(["hi", "a|b", r"two\nlines", "ü" * 50, "x" * 3_000])
        target = self.choose([self.room(), self.user()])
        return self.choose([f"MSG|{target}|{text}", f"SEND|{target}|id{self.number()}|{text}"])

    def _room_command(self) -> str:
        verb = self.choose(["JOIN", "JOIN", "JOIN", "LEAVE", "WHO", "TOPIC", "SET"])
        room = self.room()
        if verb == "TOPIC":
            return f"TOPIC|{room}|topic {self.number()}"
        if verb == "SET":
            return f"SET|{room}|{self.choose(['private', 'history'])}={self.choose(['yes', 'no'])}"
        return f"{verb}|{room}"

    def _moderation(self) -> str:
        verb = self.choose(["INVITE", "INVITE", "KICK", "BAN", "UNBAN", "UNBAN", "ROLE"])
        role = f"|{self.choose(['owner', 'moderator', 'member'])}" if verb == "ROLE" else ""
        return f"{verb}|{self.room()}|{self.user()}{role}"

    def _reading(self) -> str:
        conversation = self.choose([self.room(), self.user()])
        options = self.choose(["", f"|limit={self.number()}", f"|after={self.number()}"])
        return self.choose(
            [
                "ROOMS",
                "UNREAD",
                "SESSIONS",
                "WHOAMI",
                "INFO",
                "HELP",
                f"HISTORY|{conversation}{options}",
                f"SEEN|{conversation}|{self.number()}",
            ]
        )

    def _account(self) -> str:
        return self.choose(
            [
                f"AUTH|{self.user()}|{SECRET}",
                f"AUTH|{self.user()}|{SECRET}",
                f"AUTH|{self.user()}|{OTHER_SECRET}",
                f"REGISTER|{self.user()}|{SECRET}",
                f"BLOCK|{self.user()}",
                f"UNBLOCK|{self.user()}",
                "LOGOUT",
            ]
        )

    def _rare(self) -> str:
        return self.choose(
            [
                "QUIT",
                "FORGET|nonsense",
                f"RESUME|{'A' * 43}",
                f"PASSWD|{SECRET}|{OTHER_SECRET}",
                f"PASSWD|{OTHER_SECRET}|{SECRET}",
                f"ERASE|{OTHER_SECRET}",
            ]
        )

    def _nonsense(self) -> str:
        return self.choose(["DANCE", "MSG", "PING|\0", "|||", "WHO|", "SET|#one", "SEEN|#one|x"])


class Talker:
    """A connection that is owed replies, and is made anew when it ends."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._begin()

    def _begin(self) -> None:
        self.peer: Peer = self._server.connect()
        self.owed: deque[str] = deque()
        self._last: dict[str, int] = {}

    def send(self, requests: list[str]) -> None:
        """Send all in one packet; if the server has closed meanwhile, that is seen when reading."""
        try:
            self.peer.send(*requests)
        except ConnectionError:
            self._begin()
            return
        self.owed += [request.partition("|")[0] for request in requests]

    def receive(self) -> None:
        """Read until nothing is owed, or the connection has ended."""
        while self.owed:
            line = self.peer.read()
            if line.startswith("*BYE|"):
                self.peer.close()
                self._begin()
            elif line.startswith("*"):
                self._hear(line)
            else:
                self._answer(line)

    def _answer(self, line: str) -> None:
        verb, outcome, *_ = line.split("|")
        asked = self.owed[0]
        if outcome == "ITEM":
            assert (asked, issubclass(COMMANDS[asked], Listing)) == (verb, True)
            return
        assert verb == (asked if asked in COMMANDS and "BAD_LINE" not in line else "ERROR"), line
        self.owed.popleft()
        if line.startswith(("LOGOUT|SUCCESS", "ERASE|SUCCESS")):
            self._last.clear()  # whoever logs in next has other conversations
        elif line.startswith("JOIN|SUCCESS|"):
            self._last.pop(line.split("|")[2], None)  # it may be a new room

    def _hear(self, line: str) -> None:
        if line.startswith("*JOINED|"):
            self._last.pop(line.split("|")[1], None)
        if line.startswith("*MSG|"):
            _, conversation, seq, *_ = line.split("|")
            assert self._last.get(conversation, 0) < int(seq), line
            self._last[conversation] = int(seq)


def everything(server: Server) -> dict[str, list[list[str]]]:
    """All that each may see."""
    seen: dict[str, list[list[str]]] = {}
    for user in USERS:
        with server.connect() as peer:
            for secret in (SECRET, OTHER_SECRET):
                peer.ask(f"AUTH|{user}|{secret}")
            if "FAILURE" in peer.ask("WHOAMI"):
                continue
            for listing in ("ROOMS", "UNREAD"):
                seen[f"{user} {listing}"] = sorted(peer.items(listing))
            for room, _, joined, *_ in seen[f"{user} ROOMS"]:
                if joined:
                    seen[f"{user} WHO {room}"] = members = peer.items(f"WHO|{room}")
                    assert "owner" in [role for _, role, _ in members]
                    seen[f"{user} {room}"] = peer.items(f"HISTORY|{room}|limit=1000")
    return seen


@pytest.mark.parametrize("part", [1, 2])
def test_a_storm(part: int, tmp_path: Path) -> None:
    seed = f"{os.environ.get('CHATD_TEST_SEED') or random.SystemRandom().randrange(10**9)}"
    print(f"CHATD_TEST_SEED={seed}")
    storm = Storm(f"{seed}/{part}")
    with running(tmp_path, login_failures_free=1_000) as server:
        talkers = [Talker(server) for _ in range(10)]
        for talker, user in zip(talkers, USERS):
            talker.send([f"REGISTER|{user}|{SECRET}", f"AUTH|{user}|{SECRET}"])
            talker.receive()
        for _ in range(TURNS):
            talker = storm.choose(talkers)
            requests = storm.random.randint(1, BATCH_MAX)
            talker.send([storm.request() for _ in range(requests)])
            if storm.random.random() < 0.7:
                storm.choose(talkers).receive()
        for talker in talkers:
            talker.receive()
        server.part()
        before = everything(server)
        server.kill()
        server.start()
        assert everything(server) == before
        assert server.stop() == 0
        assert server.complaints() == []
