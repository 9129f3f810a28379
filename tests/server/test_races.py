"""Many at once want the same thing: one gets it, and all agree who."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peer import Peer
from tests.serving import SECRET, Server, running

CROWD = 12


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def crowd(server: Server) -> Iterator[list[Peer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(peer) for peer in server.join(*map(name, range(CROWD)))]


def name(number: int) -> str:
    return f"user{number}"


def reply(peer: Peer) -> str:
    while (line := peer.read()).startswith("*"):
        pass
    return line


def test_a_name_is_given_once(server: Server) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(CROWD)]
        for peer in peers:
            peer.send(f"REGISTER|alice|{SECRET}")
        replies = sorted(reply(peer)[:22] for peer in peers)
    assert replies == ["REGISTER|FAILURE|TAKEN"] * (CROWD - 1) + ["REGISTER|SUCCESS"]


def test_a_room_is_made_once(crowd: list[Peer]) -> None:
    for peer in crowd:
        peer.send("JOIN|#ops")
    counts = sorted(int(reply(peer).rpartition("|")[2]) for peer in crowd)
    assert counts == list(range(1, CROWD + 1))
    members = crowd[0].items("WHO|#ops")
    assert sorted(user for user, _, _ in members) == sorted(map(name, range(CROWD)))
    assert [role for _, role, _ in members].count("owner") == 1


def test_an_id_posts_once_over_all_connections_of_an_account(server: Server) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(server.login("alice", register=True))]
        peers += [stack.enter_context(server.login("alice")) for _ in range(CROWD)]
        for peer in peers:
            peer.send("SEND|alice|id|once", "SEND|alice|id|once")
        replies = {reply(peer) for peer in peers for _ in range(2)}
        assert len(replies) == 1
        assert len(peers[0].items("HISTORY|alice")) == 1


def test_the_last_to_leave_takes_the_room_along(crowd: list[Peer]) -> None:
    for peer in crowd:
        assert peer.ask("JOIN|#ops").startswith("JOIN|SUCCESS|#ops|0|")
    for peer in crowd:
        peer.send("LEAVE|#ops")
    assert {reply(peer) for peer in crowd} == {"LEAVE|SUCCESS"}
    assert crowd[0].items("ROOMS") == []


def test_all_see_one_order(crowd: list[Peer]) -> None:
    """Everybody posts, everybody listens: each sees all messages of the others in the order of
    seq, and HISTORY has the same."""
    posts = 50
    for peer in crowd:
        assert peer.ask("JOIN|#ops").startswith("JOIN|SUCCESS|#ops|0|")
    for peer in crowd:
        peer.send(*[f"MSG|#ops|{number}" for number in range(posts)])
    seen = [heard(peer, posts) for peer in crowd]
    stored = crowd[0].items("HISTORY|#ops|limit=1000")
    assert len(stored) == CROWD * posts
    for number, messages in enumerate(seen):
        assert messages == [message for message in stored if message[2] != name(number)]


def heard(peer: Peer, posts: int) -> list[list[str]]:
    """Seq, time, sender and text of all that the others post."""
    messages: list[list[str]] = []
    acknowledged = 0
    while acknowledged < posts or len(messages) < (CROWD - 1) * posts:
        line = peer.read()
        if line.startswith("*MSG|"):
            messages.append(line.split("|")[2:])
        elif line.startswith("MSG|SUCCESS|"):
            acknowledged += 1
        else:
            assert line.startswith("*JOINED|")
    return messages
