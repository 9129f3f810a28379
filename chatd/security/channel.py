"""The sealed channel: both parts in a handshake of Noise (revision 34), and what follows.

All patterns that are spoken have two messages, one each way, so that a handshake is one request and
its answer, and none is ever kept half done.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseValueError

from chatd.protocol.channel import PROLOGUE, noise_name

from .cipher_state import CipherState


class HandshakeError(ValueError):
    """The first message of a handshake is not one for us."""


class ChannelError(Exception):
    """A message does not open: it was changed, is not the next, or is none at all."""


class Channel:
    """One end, after the handshake. Messages open in the order in which they were sealed, and the
    key of a direction is another after each of them (Noise, section 11.3), so that who takes a key
    from memory opens nothing earlier. (No more is promised: Python may keep copies of a key that
    was replaced or let go of until that memory is used for something else.)
    """

    __slots__ = ("_claimed_key", "_incoming", "binding", "peer_key", "seal")

    def __init__(
        self,
        incoming: CipherState,
        outgoing: CipherState,
        claimed_key: bytes | None,
        binding: bytes,
    ) -> None:
        self._incoming = incoming
        self.seal = outgoing.seal
        """The next message, of what it carries; it has 16 bytes more."""
        self._claimed_key = claimed_key
        self.peer_key: bytes | None = None
        """The other end's static key, if the pattern has one, once a message has opened: a first
        message that somebody repeats names its key as well, and proves nothing."""
        self.binding = binding
        """The handshake's hash, which no other channel has (Noise, section 11.2). No secret."""

    def __repr__(self) -> str:
        return "Channel(…)"

    def open(self, message: bytes) -> bytes:
        """What the next message carries. ChannelError."""
        try:
            plain = self._incoming.open(message)
        except InvalidTag:
            raise ChannelError("a message does not open") from None
        self.peer_key = self._claimed_key
        return plain


class Acceptor:
    """Answers handshakes with an X25519 private key of 32 bytes."""

    __slots__ = ("_private", "_prologue")

    def __init__(self, private: bytes, prologue: bytes = PROLOGUE) -> None:
        self._private = private
        self._prologue = prologue

    def __repr__(self) -> str:
        return "Acceptor(…)"

    def accept(self, pattern: str, message: bytes) -> tuple[bytes, Channel]:
        """The answer to the first message of NK, NX or IK, and the channel that it opens; takes
        0.3 ms. HandshakeError."""
        noise = self._responder(pattern)
        try:
            payload = noise.read_message(message)
            claimed_key = _static_key(noise)
            answer = bytes(noise.write_message())
        except (InvalidTag, NoiseValueError, ValueError):  # ValueError: a point of low order
            raise HandshakeError("was not made for this server's key, or was changed") from None
        if payload:
            raise HandshakeError("carries something; it must be empty")
        return answer, _channel(noise, claimed_key)

    def _responder(self, pattern: str) -> NoiseConnection:
        noise = NoiseConnection.from_name(noise_name(pattern))
        noise.set_as_responder()
        noise.set_prologue(self._prologue)
        noise.set_keypair_from_private_bytes(Keypair.STATIC, self._private)
        noise.start_handshake()
        return noise


class Initiator:
    """A client's part. NX, in which the server shows its key, to be compared by the caller; NK
    where that is known; IK where the client, whose X25519 private key is `private`, shows one too.
    All keys have 32 bytes. HandshakeError for a server's key that is no point to agree with.
    """

    __slots__ = ("_noise", "message", "pattern")

    def __init__(
        self,
        server_key: bytes | None = None,
        private: bytes | None = None,
        prologue: bytes = PROLOGUE,
    ) -> None:
        if private is not None and server_key is None:
            raise ValueError("IK needs the server's key")
        self.pattern = "NX" if server_key is None else "NK" if private is None else "IK"
        self._noise = NoiseConnection.from_name(noise_name(self.pattern))
        self._noise.set_as_initiator()
        self._noise.set_prologue(prologue)
        try:
            if server_key is not None:
                self._noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, server_key)
            if private is not None:
                self._noise.set_keypair_from_private_bytes(Keypair.STATIC, private)
            self._noise.start_handshake()
            self.message = bytes(self._noise.write_message())
            """What SEAL sends."""
        except (NoiseValueError, ValueError):  # not of 32 bytes, or a point of low order
            raise HandshakeError("is for a key that is none") from None

    def __repr__(self) -> str:
        return "Initiator(…)"

    def finish(self, answer: bytes) -> tuple[bytes, Channel]:
        """The key that the server has proved to have, 32 bytes, and the channel. HandshakeError."""
        handshake = self._noise.noise_protocol.handshake_state  # it is let go of at the end
        try:
            payload = self._noise.read_message(answer)
        except (InvalidTag, NoiseValueError, ValueError):
            raise HandshakeError("was changed on its way") from None
        if payload:
            raise HandshakeError("carries something; it must be empty")
        server_key: bytes = handshake.rs.public_bytes
        return server_key, _channel(self._noise, None)


def _static_key(noise: NoiseConnection) -> bytes | None:
    """The initiator's, where its message has told it."""
    key = noise.noise_protocol.handshake_state.rs
    return getattr(key, "public_bytes", None)


def _channel(noise: NoiseConnection, claimed_key: bytes | None) -> Channel:
    """The channel alone: a NoiseConnection refers to itself, so that its keys would stay until a
    collection of garbage."""
    binding = bytes(noise.get_handshake_hash())
    ends, noise.noise_protocol = noise.noise_protocol, None
    incoming, outgoing = ends.cipher_state_decrypt.k, ends.cipher_state_encrypt.k
    return Channel(CipherState(incoming), CipherState(outgoing), claimed_key, binding)
