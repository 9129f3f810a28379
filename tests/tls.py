"""TLS for tests: a blocking socket that can be half-closed, and a certificate to trust.

    sock = TlsSocket(socket.create_connection(("127.0.0.1", port)), trusting(certificate()))

`ssl.SSLSocket` can't say that no more will be sent and read on; this one can.
"""

from __future__ import annotations

import atexit
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from chatd.server.certificates import write_self_signed

from .wrapped import WrappedSocket

T = TypeVar("T")

NAMES = ["localhost", "127.0.0.1"]


@cache
def certificate() -> tuple[Path, Path]:
    """The files of a certificate for this machine and of its key, the same in all of a run."""
    folder = Path(tempfile.mkdtemp(prefix="chatd-tls-"))
    atexit.register(shutil.rmtree, folder)
    write_self_signed(NAMES, 1, folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", folder / "key.pem"


def trusting(file: Path) -> ssl.SSLContext:
    """A client's context that takes the certificate in `file`, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    return context


def serving(cert: Path, key: Path) -> ssl.SSLContext:
    """A server's context with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


class TlsSocket(WrappedSocket):
    """A connected socket, inside TLS from now on; `sock` itself is no more to be used."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        self._peeked = b""
        self._wait_for(self._tls.do_handshake)

    @property
    def shown(self) -> bytes:
        """The certificate of the other end, in DER."""
        return self._tls.getpeercert(binary_form=True) or b""

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        self._tls.write(data)
        self._leave(flags)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self._peeked:
            self._peeked = self._wait_for(lambda: self._read(size))
        data = self._peeked[:size]
        if not flags & socket.MSG_PEEK:
            self._peeked = self._peeked[size:]
        return data

    def shutdown(self, how: int) -> None:
        """Say that no more will come, by TLS alone."""
        assert how == socket.SHUT_WR
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            self._leave()

    def _read(self, size: int) -> bytes:
        try:
            return self._tls.read(size)
        except ssl.SSLZeroReturnError:
            return b""

    def _wait_for(self, what: Callable[[], T]) -> T:
        """What `what` gives, once enough has come for it. ConnectionResetError where no more
        can."""
        while True:
            try:
                done = what()
            except ssl.SSLWantReadError:
                self._leave()
                if not (data := super().recv(65_536)):
                    raise ConnectionResetError("the end was not announced") from None
                self._incoming.write(data)
            else:
                self._leave()
                return done

    def _leave(self, flags: int = 0) -> None:
        if self._outgoing.pending:
            super().sendall(self._outgoing.read(), flags)
