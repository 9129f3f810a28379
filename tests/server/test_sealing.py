"""The sealed channel as a codec, byte by byte; and a server that runs."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol.errors import ChatError, Code
from chatd.server.sealing import Sealed
from tests.chat.harness import SECRET
from tests.peer import Peer
from tests.sealed import Caller, SealedSocket, text
from tests.server.sealed_world import ACCEPTOR, DEVICE
from tests.serving import running


def codec() -> tuple[Sealed, Caller]:
    """A server's codec, and who speaks to it."""
    caller = Caller()
    answer, channel = ACCEPTOR.accept("NX", caller.first)
    caller.hear(answer)
    return Sealed(channel), caller


def code(ours: Sealed) -> Code | None:
    """What a codec has to tell its client."""
    return ours.ended.code if isinstance(ours.ended, ChatError) else None


# The codec


@pytest.mark.parametrize("piece_bytes", [1, 7, 65_536])
def test_both_ways_however_it_is_cut(piece_bytes: int) -> None:
    ours, caller = codec()
    data = caller.sealed(b"PING|one\nPING|two\n") + caller.sealed(b"PING|thr") + caller.sealed(b"e")
    pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
    assert b"".join(map(ours.receive, pieces)) == b"PING|one\nPING|two\nPING|thre"
    assert ours.ended is None
    (line,) = ours.send(b"PING|SUCCESS|one\nPING|SUCCESS|two\n").decode().splitlines()
    assert caller.opened(line) == b"PING|SUCCESS|one\nPING|SUCCESS|two\n"
    assert ours.send(b"") == b""


def test_a_line_over_several_messages() -> None:
    ours, caller = codec()
    lines = ours.send(b"*MSG|" + b"x" * 120_000 + b"\n*BYE\n").decode().splitlines()
    assert [len(line) <= 65_535 for line in lines] == [True] * 3
    assert b"".join(map(caller.opened, lines)) == b"*MSG|" + b"x" * 120_000 + b"\n*BYE\n"


def test_an_end_that_is_announced() -> None:
    ours, caller = codec()
    assert ours.receive(caller.sealed(b"PING|last") + caller.sealed(b"")) == b"PING|last"
    assert isinstance(ours.ended, EOFError)
    assert ours.receive(caller.sealed(b"PING|more\n")) == b""
    assert caller.opened(ours.send(b"*BYE|EOF|Goodbye.\n").decode()[:-1]) == b"*BYE|EOF|Goodbye.\n"
    assert caller.opened(ours.end().decode()[:-1]) == b""
    assert ours.end() == b""


def wrong(line: bytes) -> Iterator[bytes]:
    """`line` with each byte changed, dropped and cut, and each but the LF repeated."""
    for at, byte in enumerate(line):
        before, behind = line[:at], line[at + 1 :]
        for change in (0x01, 0x20, 0x80):
            yield before + bytes([byte ^ change]) + behind
        yield before + behind
        if behind:
            yield before + b"\n"
            yield before + b"\n" + behind
            yield before + bytes([byte, byte]) + behind


def test_of_a_message_that_was_changed_nothing_is_carried_out() -> None:
    caller = Caller()
    answer, channel = ACCEPTOR.accept("NX", caller.first)
    caller.hear(answer)
    line = caller.sealed(b"QUIT\n")
    for changed in wrong(line):
        ours = Sealed(channel)
        assert ours.receive(changed) == b""
        if b"\n" in changed:
            assert code(ours) is (Code.DENIED if changed[:1] == b"=" else Code.BAD_LINE)
            assert ours.receive(line) == b""
    assert Sealed(channel).receive(line) == b"QUIT\n"


@pytest.mark.parametrize("order", ["113", "21", "131", "12 2"])
def test_messages_that_are_repeated_or_come_out_of_order(order: str) -> None:
    ours, caller = codec()
    sealed = {number: caller.sealed(number.encode()) for number in "123"}
    carried = ours.receive(b"".join(sealed[number] for number in order if number != " "))
    assert carried == order[: len(carried)].encode() and carried in (b"", b"1", b"12")
    assert code(ours) is Code.DENIED


@given(st.binary(min_size=1, max_size=200))
def test_whatever_comes_it_is_sealed_or_nothing(data: bytes) -> None:
    ours, caller = codec()
    assert ours.receive(caller.sealed(b"PING|1\n")) == b"PING|1\n"
    assert ours.receive(data) == b""
    assert ours.receive(b"\n") == b""
    assert code(ours) in (Code.DENIED, Code.BAD_LINE)


def test_a_line_that_never_ends_is_not_kept() -> None:
    ours, _ = codec()
    assert ours.receive(b"=" + b"A" * 65_534) == b""
    assert ours.ended is None
    assert ours.receive(b"A") == b""
    assert code(ours) is Code.DENIED
    assert ours._rest == b""


# A server that runs


def test_the_fingerprint_is_that_of_the_key_and_all_patterns_serve(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        key = b""
        for number, pattern in enumerate(("NX", "NK", "IK")):
            plain = server.connect()
            caller = Caller(pattern, key, DEVICE if pattern == "IK" else None)
            sock = SealedSocket(plain.sock, caller)
            with Peer(sock) as peer:
                key = sock.caller.server_key
                assert peer.read().split("|")[3] == text(sha256(key).digest())
                assert peer.ask(f"REGISTER|user{number}|{SECRET}") == "REGISTER|SUCCESS"
                assert peer.ask(f"AUTH|user{number}|{SECRET}").startswith("AUTH|SUCCESS|")
                assert peer.ask(f"STORE|0|{'x' * 49_152}") == "STORE|SUCCESS|1"
                assert peer.ask("VAULT") == f"VAULT|SUCCESS|1|{'x' * 49_152}"
                peer.half_close()
                assert [line.split("|")[1] for line in peer.rest()] == ["EOF"]
