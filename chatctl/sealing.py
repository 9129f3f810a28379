"""The sealed channel from a client's side (protocol.md): the handshake, and a stream inside it."""

from __future__ import annotations

import trio

from chatd.protocol.channel import MARK, pieces, read_sealed, write_sealed
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lines import LINE_BYTES_MAX
from chatd.protocol.sealed import Seal
from chatd.protocol.wire import read_answer, read_known, write_request
from chatd.security.channel import Channel, ChannelError, HandshakeError, Initiator

from .errors import CannotConnect, NotVerified
from .trust import SYSTEM, Trust, pin_of, written

RECEIVE_BYTES_MAX = 32_768


class Handshake:
    """One SEAL, to the server at `where`: `request` goes out, `finish` takes the line that answers
    it. NotVerified where the known key is none."""

    def __init__(self, where: str, trust: Trust = SYSTEM) -> None:
        self._where = where
        self._known = trust.server_key
        try:
            self._initiator = Initiator(trust.server_key, trust.device_key)
        except HandshakeError as wrong:
            raise NotVerified(f"{where} {wrong}; nothing was sent. Tell who runs it") from None
        self.request = write_request(Seal(self._initiator.pattern, self._initiator.message))

    def finish(self, line: str) -> tuple[bytes, Channel]:
        """The server's public key, and the channel. CannotConnect, NotVerified."""
        try:
            answer = read_answer(line)
            if answer.outcome != "SUCCESS":
                raise answer.error()
            return self._initiator.finish(read_known(Seal.reply, answer.rest).message)
        except ChatError as refused:
            raise self._refused(refused) from None
        except (ValueError, HandshakeError):
            raise NotVerified(
                f"Somebody changed what {self._where} sent while the connection was being sealed;"
                " nothing was sent. Try another way to it, or chats:// if it speaks TLS"
            ) from None

    def _refused(self, refused: ChatError) -> CannotConnect:
        if refused.code is Code.BAD_FIELD and self._known is not None:
            return NotVerified(
                f"{self._where} does not have the key that is known,"
                f" {written(pin_of(self._known))}, though it may say so, or somebody changed"
                " what was sent; nothing was sent. Ask who runs it"
            )
        if refused.code is not Code.UNKNOWN_VERB:
            return CannotConnect(f"{self._where} does not seal the connection: {refused.sentence}")
        return CannotConnect(
            f"{self._where} cannot seal a connection, and others could read along; use chats:// if"
            " it speaks TLS, or a tunnel to it"
        )


class SealedStream(trio.abc.HalfCloseableStream):
    """A stream of bytes inside the channel; its errors are those of a stream that breaks."""

    def __init__(self, outer: trio.abc.Stream, channel: Channel) -> None:
        self._outer = outer
        self._channel = channel
        self._rest = b""
        self._ended = False
        self._sending = trio.Lock()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        async with self._sending:
            for piece in pieces(bytes(data)):
                await self._outer.send_all(write_sealed(self._channel.seal(piece)))

    async def wait_send_all_might_not_block(self) -> None:
        await self._outer.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say that no more will come."""
        async with self._sending:
            await self._outer.send_all(write_sealed(self._channel.seal(b"")))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What the next lines carry, whole; b"" at an end that was announced."""
        while not self._ended:
            data = await self._outer.receive_some(max_bytes or RECEIVE_BYTES_MAX)
            if not data:
                raise trio.BrokenResourceError
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) >= LINE_BYTES_MAX:
                raise trio.BrokenResourceError
            if plain := b"".join(map(self._opened, lines)):
                return plain
        return b""

    async def aclose(self) -> None:
        await self._outer.aclose()

    def _opened(self, line: bytes) -> bytes:
        """Nothing that is not sealed is taken, nor anything behind the end."""
        try:
            if self._ended or not line.startswith(MARK):
                raise ValueError("is not sealed")
            plain = self._channel.open(read_sealed(line))
        except (ValueError, ChannelError):
            raise trio.BrokenResourceError from None
        self._ended = not plain
        return plain
