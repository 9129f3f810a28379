"""A disk that is full: what needs storing fails with UNAVAILABLE, reading goes on, and it recovers.

The data lie on a small tmpfs, which takes root to mount; without it the tests are skipped, but not
in CI. What is small may still find room where something big did not, so only what is big is sure to
fail here; `tests/chat/test_model.py` makes commits of all kinds fail.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peer import Peer
from tests.serving import SECRET, Server, running

TEXT = "x" * 30_000
BALLAST_BYTES = 3_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = f"cannot mount a small tmpfs: {done.stderr.strip()}"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def server(disk: Path) -> Iterator[Server]:
    with running(disk) as server:
        yield server


@pytest.fixture
def people(server: Server, disk: Path) -> tuple[Peer, Peer]:
    """Alice and Bob, in #ops and in #now, which keeps no history; beside the data lies ballast."""
    (disk / "ballast").write_bytes(bytes(BALLAST_BYTES))
    alice, bob = server.join("alice", "bob")
    for peer in (alice, bob):
        assert peer.ask("JOIN|#ops").startswith("JOIN|SUCCESS|")
        assert peer.ask("JOIN|#now").startswith("JOIN|SUCCESS|")
    assert alice.ask("TOPIC|#ops|while it lasts") == "TOPIC|SUCCESS"
    assert alice.ask("SET|#now|history=no") == "SET|SUCCESS"
    assert alice.ask("MSG|#now|before").startswith("MSG|SUCCESS|")
    return alice, bob


def fill(peer: Peer) -> list[list[str]]:
    """Post to #ops until it fails; seq, time, sender and text of what was acknowledged."""
    posted = []
    while (reply := peer.ask(f"MSG|#ops|{TEXT}")).startswith("MSG|SUCCESS|"):
        posted.append([*reply.split("|")[2:], "alice", TEXT])
    assert reply.startswith("MSG|FAILURE|UNAVAILABLE|")
    return posted


def stored(peer: Peer) -> list[list[str]]:
    return peer.items("HISTORY|#ops|limit=1000")


def unavailable(peer: Peer, request: str) -> bool:
    verb = request.partition("|")[0]
    return peer.ask(request).startswith(f"{verb}|FAILURE|UNAVAILABLE|")


def new_token(server: Server, user: str) -> str:
    with server.connect() as peer:
        return peer.ask(f"AUTH|{user}|{SECRET}").removeprefix("AUTH|SUCCESS|")


def test_acknowledged_messages_are_kept_and_it_recovers(
    server: Server, people: tuple[Peer, Peer], disk: Path
) -> None:
    """Also over a kill and a start on the full disk."""
    alice, bob = people
    token = new_token(server, "bob")
    posted = fill(alice)
    assert len(posted) > 10
    assert stored(bob) == posted
    (disk / "ballast").unlink()
    assert alice.ask("TOPIC|#ops|room again") == "TOPIC|SUCCESS"
    posted += fill(alice)
    assert stored(bob) == posted
    server.kill()
    server.log.write_text("")
    server.start()
    with server.connect() as bob:
        assert bob.ask(f"RESUME|{token}") == "RESUME|SUCCESS|bob"
        assert stored(bob) == posted
        assert unavailable(bob, f"MSG|#ops|{TEXT}")


def test_what_fails_changes_nothing(server: Server, people: tuple[Peer, Peer]) -> None:
    alice, bob = people
    fill(alice)
    for request in (f"TOPIC|#ops|{TEXT}", f"SEND|#ops|1|{TEXT}", f"MSG|bob|{TEXT}"):
        assert unavailable(alice, request), request
    assert alice.ask("WHOAMI").startswith("WHOAMI|SUCCESS|alice|")
    assert alice.items("WHO|#ops") == [["alice", "owner", "online"], ["bob", "member", "online"]]
    ops, now = alice.items("ROOMS")
    assert ops == ["#ops", "2", "joined", "while it lasts"]
    assert now == ["#now", "2", "joined", ""]
    assert bob.items("HISTORY|alice") == []


def test_what_needs_no_storing_goes_on(server: Server, people: tuple[Peer, Peer]) -> None:
    alice, bob = people
    fill(alice)
    assert alice.ask("PING|and now?") == "PING|SUCCESS|and now?"
    assert alice.ask("MSG|#now|live at least").startswith("MSG|SUCCESS|")
    assert len(bob.items("UNREAD")) == 1
    with server.connect() as late:
        assert late.ask(f"AUTH|late|{SECRET}").startswith("AUTH|FAILURE|DENIED|")
        assert late.ask("WHOAMI").startswith("WHOAMI|FAILURE|NOT_AUTHENTICATED|")


def test_a_token_still_opens(server: Server, people: tuple[Peer, Peer]) -> None:
    alice, _ = people
    token = new_token(server, "alice")
    fill(alice)
    with server.connect() as peer:
        assert peer.ask(f"RESUME|{token}") == "RESUME|SUCCESS|alice"
        assert len(stored(peer)) > 10


def test_replies_come_in_order(people: tuple[Peer, Peer]) -> None:
    """Whether or not a small change still fits where a big one does not."""
    alice, _ = people
    fill(alice)
    requests = [f"MSG|#ops|{TEXT}", "PING|1", "JOIN|#new", "WHOAMI", "DANCE"] * 20
    alice.send(*requests)
    replies = [alice.read() for _ in requests]
    found = [reply.split("|")[:2] for reply in replies]
    joined = found[2]
    assert joined in (["JOIN", "SUCCESS"], ["JOIN", "FAILURE"])
    others = [["MSG", "FAILURE"], ["PING", "SUCCESS"], ["WHOAMI", "SUCCESS"], ["ERROR", "FAILURE"]]
    assert [found[0], found[1], *found[3:5]] == others
    assert [head for head, _ in found] == [head for head, _ in found[:5]] * 20
