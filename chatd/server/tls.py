"""TLS as a codec (RFC 8446): the `ssl` module on two buffers in memory, never on a socket."""

from __future__ import annotations

import ssl
from pathlib import Path

import structlog

from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import Bye
from chatd.protocol.wire import write_event

READ_BYTES_MAX = 65_536
_log = structlog.get_logger()
_RECORDS = frozenset(range(20, 25))
"""How any record of TLS begins (RFC 8446, section 5.1)."""

_NO_TLS = write_event(
    Bye(Code.BAD_LINE, "This port speaks TLS: use openssl s_client -quiet, or ncat --ssl.")
)


class CertificateError(Exception):
    """A certificate or its key cannot be used; the sentence says why."""


class Certificate:
    """The server's certificate and private key, in PEM files, as they were last loaded.

    CertificateError where they cannot be read, or do not fit each other.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._context = self._loaded()

    def reload(self) -> None:
        """Take the files as they are now, for connections from now on."""
        self._context = self._loaded()

    def codec(self) -> Tls:
        """For a new connection."""
        return Tls(self._context)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A client that writes and goes would never read tickets, and so lose what else it was sent.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except ssl.SSLError as error:
            raise CertificateError(
                f"{certificate} and {key} are no certificate with its key, in PEM:"
                f" {error.reason or error}"
            ) from None
        except (OSError, ValueError) as error:
            raise CertificateError(f"cannot read {certificate} or {key}: {error}") from None
        return context


def _no_password() -> str:
    raise ValueError("the key is encrypted; chatd needs one that is not")


class Tls:
    """A `Codec` for the server's side."""

    __slots__ = ("_early", "_fresh", "_incoming", "_outgoing", "_tls", "ended", "opening")
    guarded = True
    peer_key = None

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._early: list[bytes] = []  # to be sent once the handshake is over
        self._fresh = True
        self.opening = True
        self.ended: EOFError | OSError | ChatError | None = None

    @property
    def waiting(self) -> int:
        return self._outgoing.pending

    def receive(self, data: bytes) -> bytes:
        if self._fresh and data[0] not in _RECORDS:
            self._outgoing.write(_NO_TLS)
            self.ended = ConnectionAbortedError("it does not speak TLS")
        if self.ended is not None:
            return b""
        self._fresh = False
        self._incoming.write(data)
        return self._read() if self._open() else b""

    def send(self, plain: bytes) -> bytes:
        if self.opening:
            self._early.append(plain)
        elif plain:
            self._tls.write(plain)
        return self._outgoing.read()

    def end(self) -> bytes:
        try:
            self._tls.unwrap()
        except ssl.SSLError as error:  # the peer has not said its own end yet, or not begun
            _log.debug("not ended in both ways", problem=error.reason)
        return self._outgoing.read()

    def _open(self) -> bool:
        """Whether the handshake is over, after what has come."""
        if not self.opening:
            return True
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            self.ended = error
            return False
        self.opening = False
        for plain in self._early:
            self._tls.write(plain)
        self._early.clear()
        return True

    def _read(self) -> bytes:
        pieces = []
        try:
            while piece := self._tls.read(READ_BYTES_MAX):
                pieces.append(piece)
            self.ended = EOFError()
        except ssl.SSLWantReadError:
            return b"".join(pieces)
        except ssl.SSLZeroReturnError:
            self.ended = EOFError()
        except ssl.SSLError as error:
            self.ended = error
        return b"".join(pieces)
