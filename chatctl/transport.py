"""Lines over a stream of bytes. TLS and other codecs are streams of their own, put underneath."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable

import trio

from chatd.protocol.lines import OUTPUT_LINE_BYTES_MAX

from .address import Address
from .errors import CannotConnect, ConnectionLost, NotVerified

RECEIVE_BYTES_MAX = 32_768
_CLOSED = "The server closed the connection."
_KEEPALIVE = {
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,
}
"""Seconds, seconds, probes, milliseconds: a server whose cable is pulled is noticed in a minute."""


class LineCutter:
    """Cuts a server's bytes into lines and holds no more than one, 131,072 bytes, unfinished."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def partial(self) -> bool:
        """Whether a line has begun."""
        return bool(self._rest)

    def receive(self, data: bytes, bytes_max: int = OUTPUT_LINE_BYTES_MAX) -> list[str]:
        """The lines that `data` completes. ConnectionLost where they are none of chat/1."""
        *raws, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) >= bytes_max:
            raise ConnectionLost("The server sent a line that is too long.")
        try:
            return [raw.removesuffix(b"\r").decode() for raw in raws]
        except UnicodeDecodeError:
            raise ConnectionLost("The server sent a line that is not UTF-8.") from None


class Transport:
    """One connection; its owner closes it. `local_host` is this end's address, where it has one."""

    def __init__(self, stream: trio.abc.Stream, local_host: str = "") -> None:
        self.local_host = local_host
        self._stream = stream
        self._cutter = LineCutter()

    async def receive(self, bytes_max: int | None = None) -> list[str]:
        """The next lines, perhaps none yet. ConnectionLost at the end."""
        try:
            data = await self._stream.receive_some(RECEIVE_BYTES_MAX)
        except trio.BrokenResourceError as error:
            raise ConnectionLost(_why(error)) from None
        if not data:
            raise ConnectionLost(_CLOSED)
        return self._cutter.receive(bytes(data), bytes_max or OUTPUT_LINE_BYTES_MAX)

    async def send(self, data: bytes) -> None:
        """Send whole lines. ConnectionLost."""
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            raise ConnectionLost(_why(error)) from None

    def wrap(self, inside: Callable[[trio.abc.Stream], trio.abc.Stream]) -> None:
        """From now on all goes through the stream that `inside` makes of the one so far.
        ConnectionLost where the server went on before."""
        if self._cutter.partial:
            raise ConnectionLost("The server sent more than its answer before sealing.")
        self._stream = inside(self._stream)

    async def send_eof(self) -> None:
        """Say that no more will come, and go on reading. ConnectionLost."""
        try:
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
            else:
                await self._stream.send_all(b"QUIT\n")  # trio's TLS cannot end one way alone
        except trio.BrokenResourceError as error:
            raise ConnectionLost(_why(error)) from None

    async def aclose(self) -> None:
        """Close at once."""
        await trio.aclose_forcefully(self._stream)

    def detach(self) -> socket.socket:
        """The bare socket, not blocking, for whoever waits for it by other means than trio."""
        assert isinstance(self._stream, trio.SocketStream)
        bare = socket.socket(fileno=os.dup(self._stream.socket.fileno()))
        self._stream.socket.close()
        bare.setblocking(False)
        return bare


async def dial(address: Address) -> Transport:
    """Open a connection. CannotConnect; NotVerified where it is not who it should be."""
    try:
        if address.path:
            return Transport(await trio.open_unix_socket(address.path))
        stream = await trio.open_tcp_stream(address.host, address.port)
        prepare(stream)
        local_host = str(stream.socket.getsockname()[0])
    except (OSError, ValueError) as error:
        raise CannotConnect(f"No server answers at {address}: {reason(error)}.") from error
    return Transport(await _secured(stream, address) if address.tls else stream, local_host)


async def _secured(stream: trio.SocketStream, address: Address) -> trio.abc.Stream:
    """The stream inside TLS, with a peer that was verified."""
    context = address.trust.context()
    inside = trio.SSLStream(stream, context, server_hostname=address.host)
    try:
        await inside.do_handshake()
        address.trust.check(inside.getpeercert(binary_form=True), str(address))
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(stream)
        raise _not_secured(error.__cause__, address) from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return inside


def _not_secured(cause: BaseException | None, address: Address) -> CannotConnect:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NotVerified(
            f"The certificate of {address} does not verify: {cause.verify_message}. If it is"
            " self-signed, ask who runs the server for its fingerprint, and give it with --pin;"
            " if it is vouched for by others than the system knows, name them with --ca FILE."
        )
    if isinstance(cause, ssl.SSLError):
        return CannotConnect(f"What answers at {address} does not speak TLS as we do.")
    return CannotConnect(f"The server at {address} broke off the TLS handshake.")


def prepare(stream: trio.SocketStream) -> None:
    """Let the system look from time to time whether the other end is still there. OSError."""
    if stream.socket.getsockname() == stream.socket.getpeername():
        # Where nobody listens, a system may connect a local port to itself, and so take it.
        stream.socket.close()
        raise ConnectionRefusedError("Nobody listens")
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            stream.setsockopt(socket.IPPROTO_TCP, option, value)


def reason(error: Exception) -> str:
    """The system's words for the first thing that went wrong."""
    cause = error.__cause__
    first = cause.exceptions[0] if isinstance(cause, ExceptionGroup) else cause
    told = first if isinstance(first, OSError) else error
    if isinstance(told, OSError) and told.errno and not isinstance(told, socket.gaierror):
        return os.strerror(told.errno)
    return (isinstance(told, OSError) and told.strerror) or str(told)


def _why(error: trio.BrokenResourceError) -> str:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):
        return _CLOSED  # in its own words it says no more
    said = cause.strerror if isinstance(cause, OSError) else None
    return f"The connection broke: {said}." if said else _CLOSED
