"""A stolen data folder tells nothing.

No name, text, topic, reason, id or secret stands in any file, nor a hash that anybody could make.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Server, running

USER, OTHER, ROOM = "quetzalcoatlus", "archaeopteryx", "#pterodactyls"
SECRET = "xylophone marmalade zeppelin"
WORDS = {
    "topic": "feathers or scales",
    "text": "the egg came first",
    "direct": "keep it from the others",
    "note": "a note to myself",
    "reason": "no flapping indoors",
    "id": "my-very-own-id-0001",
}


def traces(word: str) -> Iterator[bytes]:
    """How `word` might stand in a file: plainly, or as a hash that needs no key."""
    for plain in {word, word.upper(), word.removeprefix("#")}:
        yield plain.encode()
        yield plain.encode("utf-16-le")
        for algorithm in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            digest = hashlib.new(algorithm, plain.encode()).digest()
            yield from (digest, digest.hex().encode(), base64.b64encode(digest)[:-4])


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A data folder full of secrets, left by a server that was killed; a token of it."""
    with running(tmp_path) as server:
        played(server)
        with server.connect() as peer:
            token = peer.ask(f"AUTH|{USER}|{SECRET}").split("|")[2]
        server.kill()
    return token


def played(server: Server) -> None:
    with server.connect() as one, server.connect() as other:
        for peer, user in ((one, USER), (other, OTHER)):
            assert peer.ask(f"REGISTER|{user}|{SECRET}") == "REGISTER|SUCCESS"
            assert peer.ask(f"AUTH|{user}|{SECRET}").startswith("AUTH|SUCCESS|")
            assert peer.ask(f"JOIN|{ROOM}").startswith("JOIN|SUCCESS|")
        for line in (
            f"TOPIC|{ROOM}|{WORDS['topic']}",
            f"MSG|{ROOM}|{WORDS['text']}",
            f"SEND|{OTHER}|{WORDS['id']}|{WORDS['direct']}",
            f"MSG|{USER}|{WORDS['note']}",
            f"KICK|{ROOM}|{OTHER}|{WORDS['reason']}",
            f"INVITE|{ROOM}|{OTHER}",
            f"BLOCK|{OTHER}",
        ):
            assert "|SUCCESS" in one.ask(line)


def test_no_file_tells_anything(token: str, tmp_path: Path) -> None:
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(map(len, files.values())) > 10_000
    for word in (USER, OTHER, ROOM, SECRET, token, *WORDS.values()):
        for trace in traces(word):
            assert not [path for path, held in files.items() if trace in held], word
