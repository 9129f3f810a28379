"""A provider of text messages: a real HTTP server in a thread, that keeps what is posted to it.

with Receiver() as receiver:
    webhook = Webhook(receiver.url, SECRET)
    …
    assert receiver.next().genuine
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from dataclasses import dataclass
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, Self

from tests.peer import PATIENCE_SECONDS

SECRET = bytes(range(32))
WRITTEN = "whsec_" + base64.b64encode(SECRET).decode()


@dataclass(frozen=True)
class Post:
    """What was posted."""

    path: str
    headers: Headers
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        """What it is about."""
        found: dict[str, Any] = json.loads(self.body)["data"]
        return found

    @property
    def genuine(self) -> bool:
        """As the specification has receivers verify it (Standard Webhooks 1.0.0)."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode()
        digest = hmac.new(SECRET, signed + self.body, hashlib.sha256).digest()
        return self.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


class Receiver:
    """`answers`: status and headers of the next answers, in the place of 204."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.posted: Queue[Post] = Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._scheme = "http"
        if context is not None:
            self._scheme = "https"
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        """Where to post."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/messages?via=chatd"

    def next(self) -> Post:
        """The next one, once it has come. queue.Empty."""
        return self.posted.get(timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.posted.put(Post(self.path, self.headers, body))
            status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
            self.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
