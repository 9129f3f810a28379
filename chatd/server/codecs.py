"""Between the bytes of a socket and those of the protocol: a codec for each kind of transport.

`receive` and `send` turn bytes into bytes and do no I/O, so one loop serves all transports.
"""

from __future__ import annotations

from typing import Protocol


class Codec(Protocol):
    """One connection's transport."""

    def receive(self, data: bytes) -> bytes:
        """What a socket gave, as bytes of the protocol."""

    def send(self, plain: bytes) -> bytes:
        """Bytes of the protocol, as a socket takes them."""


class Plain:
    """Netcat's: bytes as they are."""

    __slots__ = ()

    def receive(self, data: bytes) -> bytes:
        return data

    def send(self, plain: bytes) -> bytes:
        return plain


PLAIN = Plain()
