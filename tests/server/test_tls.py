"""TLS: the codec by itself, byte by byte, and a server that renews its certificate."""

from __future__ import annotations

import signal
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from chatd.protocol.lifecycle import State
from chatd.server.certificates import write_self_signed
from chatd.server.connection import CODEC_BYTES_MAX
from chatd.server.sweeper import HANDSHAKE_SECONDS_MAX
from chatd.server.tls import Certificate, CertificateError, Tls
from tests.chat.harness import Client, serving
from tests.peer import eventually
from tests.server.test_sweeper import jump, swept
from tests.serving import Server, running
from tests.tls import NAMES, TlsSocket, certificate, trusting


def codec() -> Tls:
    return Certificate(*certificate()).codec()


class Caller:
    """The other end of a codec."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or trusting(certificate()[0])).wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost"
        )

    def greets(self, other: Tls, piece_bytes: int = 65_536) -> None:
        """Shake hands."""
        while other.opening:
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            self.tells(other, piece_bytes)
            if isinstance(other.ended, OSError):
                raise other.ended
            self.incoming.write(other.send(b""))
        self.tls.do_handshake()

    def tells(self, other: Tls, piece_bytes: int = 65_536) -> bytes:
        """Hand over what waits; what the codec makes of it."""
        data = self.outgoing.read()
        pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
        return b"".join(other.receive(piece) for piece in pieces)

    def hears(self, data: bytes) -> bytes:
        """What the codec has sent, opened."""
        self.incoming.write(data)
        return self.tls.read(65_536)


@pytest.mark.parametrize("piece_bytes", [1, 7, 65_536])
def test_both_ways_however_it_is_cut(piece_bytes: int) -> None:
    ours, caller = codec(), Caller()
    caller.greets(ours, piece_bytes)
    caller.tls.write(b"PING|one\nPING|two\n")
    assert caller.tells(ours, piece_bytes) == b"PING|one\nPING|two\n"
    assert caller.hears(ours.send(b"PING|SUCCESS|one\n")) == b"PING|SUCCESS|one\n"


def test_what_is_said_first_waits_for_the_handshake() -> None:
    ours, caller = codec(), Caller()
    assert ours.send(b"*HELLO|chat/1\n") == b""
    caller.greets(ours)
    assert caller.tls.read(100) == b"*HELLO|chat/1\n"


def test_an_end_that_is_announced() -> None:
    ours, caller = codec(), Caller()
    caller.greets(ours)
    caller.tls.write(b"PING|last")
    with pytest.raises(ssl.SSLWantReadError):
        caller.tls.unwrap()
    assert caller.tells(ours) == b"PING|last"
    assert isinstance(ours.ended, EOFError)
    assert caller.hears(ours.send(b"*BYE|EOF|Goodbye.\n")) == b"*BYE|EOF|Goodbye.\n"
    caller.incoming.write(ours.end())
    with pytest.raises(ssl.SSLZeroReturnError):
        caller.tls.read(1)


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_whatever_comes_it_is_tls_or_the_end(data: bytes, greeted: bool) -> None:
    ours, caller = codec(), Caller()
    if greeted:
        caller.greets(ours)
    for at in range(0, len(data), 50):
        assert ours.receive(data[at : at + 50]) == b""
    assert ours.ended is None or isinstance(ours.ended, OSError)


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_ends_it_after_what_came_before(place: int, change: int) -> None:
    ours, caller = codec(), Caller()
    caller.greets(ours)
    caller.tls.write(b"PING|before\n")
    assert caller.tells(ours) == b"PING|before\n"
    caller.tls.write(b"x" * 500)
    data = bytearray(caller.outgoing.read())
    data[5 + place] ^= change  # behind the header of the record
    assert ours.receive(bytes(data)) == b""
    assert isinstance(ours.ended, ssl.SSLError)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_are_refused(version: ssl.TLSVersion) -> None:
    context = trusting(certificate()[0])
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        Caller(context).greets(codec())


def test_1_2_is_taken() -> None:
    context = trusting(certificate()[0])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    caller = Caller(context)
    caller.greets(codec())
    assert caller.tls.version() == "TLSv1.2"


@pytest.mark.parametrize("broken", ["missing", "no PEM", "another's"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, broken: str) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    if broken != "missing":
        write_self_signed(NAMES, 1, cert, tmp_path / "other.pem")
        key.write_bytes(b"no key" if broken == "no PEM" else certificate()[1].read_bytes())
    with pytest.raises(CertificateError, match=r"cert\.pem"):
        Certificate(cert, key)


def gone(client: Client) -> bool:
    """Whether the server has closed."""
    client.receive()
    return client.ended


async def test_a_handshake_that_stalls_is_cut(tmp_path: Path, mock_clock: MockClock) -> None:
    async with swept(tmp_path) as world:
        stalled = world.connect(codec=codec())
        stalled.sock.send(b"\x16\x03\x01")
        await jump(world, mock_clock, HANDSHAKE_SECONDS_MAX - 1)
        assert not gone(stalled)
        await jump(world, mock_clock, 2)
        assert gone(stalled)


async def test_who_speaks_no_tls_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        plain = world.connect(codec=codec())
        plain.send("REGISTER|alice|correct horse battery")
        await world.rest()
        assert gone(plain)
        (told,) = plain.lines
        assert told.startswith("*BYE|BAD_LINE|This port speaks TLS")


async def test_who_asks_for_answers_and_reads_none_is_cut(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        ours, caller = codec(), Caller()
        caller.greets(ours)
        client = world.connect(codec=ours)
        client.connection.put(b"x" * 10_000_000)
        await world.rest()
        assert client.connection.outbox.unsent is not None
        # What a key update asks for (RFC 8446, section 4.6.3); Python's TLS can't send one.
        ours._outgoing.write(b"x" * (CODEC_BYTES_MAX + 1))
        while client.connection.state is not State.CLOSED:
            caller.tls.write(b"PING|again\n")
            client.sock.send(caller.outgoing.read())
            await world.rest()
        assert ours.waiting > 0


def shown(server: Server) -> bytes:
    """The certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with TlsSocket(socket.create_connection(("127.0.0.1", server.port)), context) as sock:
        return sock.shown


def test_a_new_certificate_disturbs_nobody(tmp_path: Path) -> None:
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_self_signed(NAMES, 1, *files)
    with running(tmp_path, tls=files) as server:
        (alice,) = server.join("alice")
        before = shown(server)
        for file in files:
            file.unlink()
        write_self_signed(NAMES, 1, *files)
        server.signal(signal.SIGHUP)
        assert eventually(lambda: shown(server) != before)
        assert alice.ask("PING|still here") == "PING|SUCCESS|still here"
        files[1].write_text("no key")
        server.signal(signal.SIGHUP)
        assert eventually(lambda: bool(alice.ask("PING") and server.complaints()))
        assert shown(server) != before
