"""The sealed channel's other end, for tests, by an independent implementation of Noise.

    sock = SealedSocket(socket.create_connection(("127.0.0.1", port)))
    answer = Answerer(private).accept("NX", message)

Of dissononce all is taken but its REKEY, which is not as the specification has it (section 11.3):
it keeps 48 bytes of key, and counts messages anew.
"""

from __future__ import annotations

import copy
import socket
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.public import PublicKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.exceptions.decrypt import DecryptFailedException
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.IK import IKHandshakePattern
from dissononce.processing.handshakepatterns.interactive.NK import NKHandshakePattern
from dissononce.processing.handshakepatterns.interactive.NX import NXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState

from .wrapped import WrappedSocket

PATTERNS = {"NK": NKHandshakePattern, "NX": NXHandshakePattern, "IK": IKHandshakePattern}
PIECE_BYTES = 49_134
LINE_BYTES = 65_536

DecryptFailed = DecryptFailedException


def _handshake() -> HandshakeState:
    cipher = CipherState(ChaChaPolyCipher())
    return HandshakeState(SymmetricState(cipher, SHA256Hash()), X25519DH())


def text(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(written: str) -> bytes:
    """What `text` has written."""
    return urlsafe_b64decode(written + "=" * (-len(written) % 4))


@dataclass
class Initiation:
    """What a client of chat/1 has no choice in."""

    prologue: bytes = b"chat/1"
    payload: bytes = b""


class _End:
    """One end of a channel, once the handshake has given both keys."""

    _handshake: HandshakeState
    _sending: CipherState
    _receiving: CipherState

    def seal(self, plain: bytes) -> bytes:
        """The next message."""
        message: bytes = self._sending.encrypt_with_ad(b"", plain)
        _rekey(self._sending)
        return message

    def sealed(self, plain: bytes) -> bytes:
        """The next message as its line."""
        return f"={text(self.seal(plain))}\n".encode()

    def open(self, message: bytes) -> bytes:
        """What the next message carries. DecryptFailed."""
        plain: bytes = self._receiving.decrypt_with_ad(b"", message)
        _rekey(self._receiving)
        return plain

    def opened(self, line: str) -> bytes:
        """What a line carries."""
        assert line[0] == "=" and len(line) < LINE_BYTES
        return self.open(raw(line[1:]))


class Answerer(_End):
    """The responder, with a private key of 32 bytes; once it has accepted, it seals and opens."""

    def __init__(self, private: bytes, payload: bytes = b"") -> None:
        self._private = private
        self._payload = payload

    def accept(self, pattern: str, message: bytes) -> bytes:
        """The second message. DecryptFailed, ValueError."""
        self._handshake = _handshake()
        pair = X25519DH().generate_keypair(PrivateKey(self._private))
        self._handshake.initialize(PATTERNS[pattern](), False, b"chat/1", s=pair)
        payload, answer = bytearray(), bytearray()
        self._handshake.read_message(message, payload)
        if payload:
            raise ValueError("carries something")
        self._receiving, self._sending = self._handshake.write_message(self._payload, answer)
        return bytes(answer)

    @property
    def device_key(self) -> bytes | None:
        """The key that the client has shown."""
        shown = self._handshake.rs
        return None if shown is None else bytes(shown.data)


class Caller(_End):
    """The initiator. `first` is its message; once `hear` has the answer, it seals and opens."""

    def __init__(
        self,
        pattern: str = "NX",
        server_key: bytes | None = None,
        private: bytes | None = None,
        initiation: Initiation | None = None,
    ) -> None:
        dh = X25519DH()
        initiation = initiation or Initiation()
        self._handshake = _handshake()
        self._handshake.initialize(
            PATTERNS[pattern](),
            True,
            initiation.prologue,
            s=private and dh.generate_keypair(PrivateKey(private)),
            rs=None if pattern == "NX" else PublicKey(server_key),
        )
        self.pattern = pattern
        message = bytearray()
        self._handshake.write_message(initiation.payload, message)
        self.first = bytes(message)

    def as_it_was(self) -> Caller:
        """The same, to hear another answer."""
        return copy.deepcopy(self)

    @staticmethod
    def public(private: bytes) -> bytes:
        """The public key that goes with a private one."""
        pair = X25519DH().generate_keypair(PrivateKey(private))
        return bytes(pair.public.data)

    @property
    def line(self) -> str:
        """The request that begins the handshake."""
        return f"SEAL|{self.pattern}|{text(self.first)}"

    @property
    def server_key(self) -> bytes:
        """The key that the server has proved to have."""
        return bytes(self._handshake.rs.data)

    def hear(self, answer: bytes) -> None:
        """Take the second message. DecryptFailed."""
        payload = bytearray()
        self._sending, self._receiving = self._handshake.read_message(answer, payload)
        assert payload == b""


def _rekey(state: Any) -> None:
    """REKEY as in section 11.3: the first 32 bytes, and the count goes on."""
    nonce = state._nonce
    state.initialize_key(state.cipher.rekey(state._key)[:32])
    state.set_nonce(nonce)


class SealedSocket(WrappedSocket):
    """A connected socket, sealed from now on; `sock` itself is no more to be used. `*HELLO`, which
    comes before, is read again from this one."""

    def __init__(self, sock: socket.socket, caller: Caller | None = None) -> None:
        super().__init__(sock)
        self._lines = b""  # as they come
        self._plain = b""  # opened and not yet taken
        self._over = False
        self.caller = caller or Caller()
        hello = self._line()
        super().sendall(f"{self.caller.line}\n".encode())
        verb, _, answer = self._line().decode().partition("|SUCCESS|")
        assert verb == "SEAL", verb
        self.caller.hear(raw(answer))
        self._plain = hello + b"\n"

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
        super().sendall(b"".join(map(self.caller.sealed, pieces)), flags)

    def recv(self, size: int, flags: int = 0) -> bytes:
        while not self._plain and not self._over:
            self._plain = self.caller.opened(self._line().decode())
            self._over = not self._plain
        data = self._plain[:size]
        if not flags & socket.MSG_PEEK:
            self._plain = self._plain[size:]
        return data

    def shutdown(self, how: int) -> None:
        """Say that no more will come, in the channel alone."""
        assert how == socket.SHUT_WR
        super().sendall(self.caller.sealed(b""))

    def _line(self) -> bytes:
        """The next line as it comes. ConnectionResetError where the input just ends."""
        while b"\n" not in self._lines:
            if not (data := super().recv(262_144)):
                raise ConnectionResetError("the end was not announced")
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        return line
