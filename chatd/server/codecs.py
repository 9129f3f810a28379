"""Between the bytes of a socket and those of the protocol: a codec for each kind of transport.

`receive` and `send` turn bytes into bytes and do no I/O, so one loop serves all transports.
"""

from __future__ import annotations

from typing import Protocol

from chatd.protocol.errors import ChatError


class Codec(Protocol):
    """One connection's transport.

    `opening`: a handshake is not over, and what is sent waits for it. `waiting`: so many bytes of
    its own it has for the peer; the next `send` gives them. `ended`: why no more can come; EOFError
    where the peer has said so, ChatError where it is to be told what was wrong. `guarded`: an end
    that is not said so may be an attacker's.
    """

    opening: bool
    ended: EOFError | OSError | ChatError | None
    guarded: bool

    @property
    def waiting(self) -> int: ...

    @property
    def peer_key(self) -> bytes | None:
        """The public key that the other end has proved to be its own, if any."""

    def receive(self, data: bytes) -> bytes:
        """What a socket gave, as bytes of the protocol."""

    def send(self, plain: bytes) -> bytes:
        """Bytes of the protocol, as a socket takes them, after those of the codec's own."""

    def end(self) -> bytes:
        """What says, as the last, that no more will come."""


class Plain:
    """Netcat's: bytes as they are."""

    __slots__ = ()
    opening = guarded = False
    waiting = 0
    peer_key = None
    ended: EOFError | OSError | ChatError | None = None

    def receive(self, data: bytes) -> bytes:
        return data

    def send(self, plain: bytes) -> bytes:
        return plain

    def end(self) -> bytes:
        return b""


PLAIN: Codec = Plain()
