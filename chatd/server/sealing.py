"""The sealed channel as a codec: lines of `=` and base64url, each a message that carries lines."""

from __future__ import annotations

from chatd.protocol.channel import MARK, PLAIN_BYTES_MAX, pieces, read_sealed, write_sealed
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lines import LINE_BYTES_MAX
from chatd.security.channel import Channel, ChannelError


class Sealed:
    """A `Codec`. Its keys are in memory as long as it is; a connection lets go of it at its end."""

    __slots__ = ("__weakref__", "_channel", "_end_told", "_rest", "_seal", "ended")
    guarded = True
    opening = False
    waiting = 0

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._seal = channel.seal
        self._rest = b""  # of a line whose LF has not come
        self._end_told = False
        self.ended: EOFError | OSError | ChatError | None = None

    @property
    def peer_key(self) -> bytes | None:
        return self._channel.peer_key

    def receive(self, data: bytes) -> bytes:
        if self.ended is not None:
            return b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        plain = b"".join([self._opened(line) for line in lines])
        if self.ended is None:
            self._judge_rest()
        return plain

    def send(self, plain: bytes) -> bytes:
        if 0 < len(plain) <= PLAIN_BYTES_MAX:
            return write_sealed(self._seal(plain))
        return b"".join([write_sealed(self._seal(piece)) for piece in pieces(plain)])

    def end(self) -> bytes:
        if self._end_told:
            return b""
        self._end_told = True
        return write_sealed(self._seal(b""))

    def _opened(self, line: bytes) -> bytes:
        """What a line carries; nothing once something was wrong."""
        if self.ended is not None:
            return b""
        if not line.startswith(MARK):
            self.ended = _unsealed()
            return b""
        try:
            plain = self._channel.open(read_sealed(line))
        except (ValueError, ChannelError):
            self.ended = _does_not_open()
            return b""
        if not plain:
            self.ended = EOFError()
        return plain

    def _judge_rest(self) -> None:
        if self._rest and not self._rest.startswith(MARK):
            self.ended = _unsealed()
        elif len(self._rest) >= LINE_BYTES_MAX:
            self.ended = _does_not_open()
        if self.ended is not None:
            self._rest = b""


def _unsealed() -> ChatError:
    return ChatError(Code.BAD_LINE, "In a sealed channel each line begins with =; start anew.")


def _does_not_open() -> ChatError:
    return ChatError(Code.DENIED, "A sealed message does not open: it was changed. Start anew.")
