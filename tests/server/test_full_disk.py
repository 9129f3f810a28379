"""A disk that is full: what needs storing fails with UNAVAILABLE, reading goes on, and it recovers.

The data lie on a small tmpfs, which takes root to mount; without it the test is skipped, but not
in CI.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Peer, Server, running

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


def fill(peer: Peer) -> list[tuple[str, str]]:
    """Post to #ops until it fails; seq and time of what was acknowledged."""
    posted = []
    while (reply := peer.ask(f"MSG|#ops|{TEXT}")).startswith("MSG|SUCCESS|"):
        seq, time = reply.split("|")[2:]
        posted.append((seq, time))
    assert reply.startswith("MSG|FAILURE|UNAVAILABLE|")
    return posted


def stored(peer: Peer) -> list[tuple[str, str]]:
    """Seq and time of all that HISTORY has of #ops."""
    items = peer.items("HISTORY|#ops|limit=1000")
    assert all(text == TEXT for _, _, _, text in items)
    return [(seq, time) for seq, time, _, _ in items]


def refused(peer: Peer, server: Server) -> None:
    """All that needs storing fails, on old connections and new; what does not goes on."""
    for request in ("JOIN|#new", "TOPIC|#ops|full", "BLOCK|bob", f"SEND|#ops|1|{TEXT}"):
        assert peer.ask(request).startswith(f"{request.split('|')[0]}|FAILURE|UNAVAILABLE|")
    assert peer.ask("PING|and now?") == "PING|SUCCESS|and now?"
    with server.connect() as late:
        assert late.ask("REGISTER|late|correct horse battery").startswith(
            "REGISTER|FAILURE|UNAVAILABLE|"
        )
        assert late.ask("AUTH|late|correct horse battery").startswith("AUTH|FAILURE|DENIED|")


def test_a_full_disk_is_said_and_survived(disk: Path) -> None:
    with running(disk) as server:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(BALLAST_BYTES))
        alice, bob = server.join("alice", "bob")
        assert alice.ask("JOIN|#ops").startswith("JOIN|SUCCESS|")
        assert bob.ask("JOIN|#ops").startswith("JOIN|SUCCESS|")
        posted = fill(alice)
        assert len(posted) > 10

        refused(alice, server)
        assert stored(bob) == posted
        assert len(bob.items("WHO|#ops")) == 2

        ballast.unlink()
        assert alice.ask("TOPIC|#ops|room again") == "TOPIC|SUCCESS"
        posted += fill(alice)
        assert stored(bob) == posted

        server.kill()
        (disk / "log").write_text("")
        server.start()
        with server.login("bob") as bob:
            assert stored(bob) == posted
        assert server.stop() == 0
