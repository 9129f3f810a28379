"""How it stops, and that no second one starts on the same data."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peer import PATIENCE_SECONDS
from tests.serving import Server, environment, running

POSTED = 20_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_says_goodbye_and_ends_with_0(server: Server, number: signal.Signals) -> None:
    (alice,) = server.join("alice")
    stranger = server.connect()
    server.signal(number)
    assert [line[:14] for line in alice.rest()] == ["*BYE|SHUTDOWN|"]
    assert [line[:14] for line in stranger.rest()][1:] == ["*BYE|SHUTDOWN|"]
    assert server.wait() == 0


def test_what_was_carried_out_was_answered(server: Server) -> None:
    """A stop amid many requests: each stored message has its reply, and each reply its message."""
    (alice,) = server.join("alice")
    alice.send(*[f"MSG|alice|{number}" for number in range(POSTED)])
    first = alice.read()
    server.signal(signal.SIGTERM)
    *replies, bye = [first, *alice.rest()]
    print(f"{len(replies)} of {POSTED} were carried out")
    assert bye.startswith("*BYE|SHUTDOWN|")
    assert all(reply.startswith("MSG|SUCCESS|") for reply in replies)
    assert server.wait() == 0
    server.start()
    with server.login("alice") as alice:
        found: list[list[str]] = []
        while page := alice.items(f"HISTORY|alice|limit=1000|after={found[-1][0] if found else 0}"):
            found += page
    assert [f"MSG|SUCCESS|{seq}|{time}" for seq, time, _, _ in found] == replies
    assert [text for _, _, _, text in found] == [str(number) for number in range(len(found))]


def test_one_who_does_not_read_does_not_keep_it(server: Server) -> None:
    """Nor one in the middle of a line, nor one whose password is being hashed."""
    (alice,) = server.join("alice")
    stalled = server.connect(receive_bytes=4096)
    assert stalled.ask("AUTH|alice|correct horse battery").startswith("AUTH|SUCCESS|")
    for _ in range(500):
        alice.send(f"MSG|alice|{'x' * 30_000}")
        assert alice.read().startswith("MSG|SUCCESS|")
    half = server.connect()
    half.send_bytes(b"PING|half a li")
    half.send_bytes(b"ne")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_a_second_start_on_the_same_data_is_refused(server: Server) -> None:
    done = subprocess.run(
        server.command(),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode not in (0, None)
    assert str(server.data) in done.stderr
    assert "Traceback" not in done.stderr
    (alice,) = server.join("alice")
    assert alice.ask("PING|the first goes on") == "PING|SUCCESS|the first goes on"


def test_files_are_for_the_owner_alone(server: Server) -> None:
    server.join("alice")
    assert server.data.stat().st_mode & 0o777 == 0o700
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
