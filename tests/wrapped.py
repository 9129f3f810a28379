"""A socket inside a layer that says its own end: what TLS and the sealed channel have in common."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any


class WrappedSocket(socket.socket):
    """Takes over a connected socket; `sock` itself is no more to be used. `shutdown`, of which each
    layer has its own, says the end inside the layer alone."""

    def __init__(self, sock: socket.socket) -> None:
        timeout = sock.gettimeout()
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.settimeout(timeout)
        self._abrupt = False

    def setsockopt(self, level: int, option: int, value: Any) -> None:  # type: ignore[override]
        """As of any socket; one that is told not to linger closes without a word."""
        self._abrupt = self._abrupt or option == socket.SO_LINGER
        super().setsockopt(level, option, value)

    def close(self) -> None:
        """Say that no more will come, and close at once."""
        if not self._abrupt and self.fileno() >= 0:
            with suppress(OSError):
                self.shutdown(socket.SHUT_WR)
        super().close()
