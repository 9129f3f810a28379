"""A small server that seals, by an independent implementation of Noise, and can do it wrongly.

with sealing_server(PRIVATE) as door:
    link = await open_link(Address("127.0.0.1", door.port, sealed=True))
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from tests.sealed import Answerer, Caller, DecryptFailed, raw, text

REFUSAL = "SEAL|FAILURE|BAD_FIELD|The handshake message was not made for this server's key."


class Door(ThreadingTCPServer):
    """Answers PING in the channel; `change` is what becomes of its answer to SEAL."""

    daemon_threads = True

    def __init__(self, private: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.private = private
        self.public = Caller.public(private)
        self.told = self.fingerprint
        """What it says that its key is."""
        self.payload = b""
        self.change: Callable[[bytes], bytes] = bytes
        self.asked: list[str] = []
        """The lines that came in the clear."""
        self.shown: list[bytes | None] = []
        """The keys of devices."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def fingerprint(self) -> str:
        """Of the key that it has."""
        return text(hashlib.sha256(self.public).digest())


class _Connection(StreamRequestHandler):
    server: Door

    def handle(self) -> None:
        self._say(f"*HELLO|chat/1|test|{self.server.told}")
        if not (line := self.rfile.readline().decode().removesuffix("\n")):
            return
        self.server.asked.append(line)
        _, pattern, message = line.split("|")
        end = Answerer(self.server.private, self.server.payload)
        try:
            answer = end.accept(pattern, raw(message))
        except (DecryptFailed, ValueError):
            self._say(REFUSAL)
            return
        self._say(f"SEAL|SUCCESS|{text(self.server.change(answer))}")
        self._serve(end)

    def _serve(self, end: Answerer) -> None:
        for line in self.rfile:
            plain = end.opened(line.decode().removesuffix("\n"))
            self.server.shown.append(end.device_key)
            self.wfile.write(end.sealed(plain.replace(b"PING", b"PING|SUCCESS", 1)))

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\n".encode())


@contextmanager
def sealing_server(private: bytes) -> Iterator[Door]:
    """A server with that private key of 32 bytes, until the end."""
    with Door(private) as door:
        listening = Thread(target=door.serve_forever)
        listening.start()
        try:
            yield door
        finally:
            door.shutdown()
            listening.join()
