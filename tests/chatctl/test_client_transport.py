"""`chatctl/transport.py`, `address.py`, `backoff.py`: bytes to lines, addresses, waits."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from chatctl.address import Address, parse_address
from chatctl.backoff import Backoff
from chatctl.errors import CannotConnect, ConnectionLost, wait_seconds
from chatctl.transport import LineCutter, prepare
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.lines import OUTPUT_LINE_BYTES_MAX


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])), max_size=8), st.data())
def test_lines_are_the_same_however_they_arrive(lines: list[str], data: st.DataObject) -> None:
    rest = "".join(f"{line}\n" for line in lines).encode()
    cutter = LineCutter()
    found: list[str] = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += cutter.receive(rest[:size])
        rest = rest[size:]
    assert found == lines


def test_the_longest_line_fits() -> None:
    line = b"x" * (OUTPUT_LINE_BYTES_MAX - 1)
    cutter = LineCutter()
    assert cutter.receive(line) == []
    assert cutter.receive(b"\n") == [line.decode()]


def test_a_longer_line_ends_the_connection() -> None:
    with pytest.raises(ConnectionLost):
        LineCutter().receive(b"x" * OUTPUT_LINE_BYTES_MAX)


def test_what_is_not_utf8_ends_the_connection() -> None:
    with pytest.raises(ConnectionLost):
        LineCutter().receive(b"*MSG|\xff\n")


async def test_a_port_connected_to_itself_is_no_server() -> None:
    with trio.socket.socket() as sock:
        await sock.bind(("127.0.0.1", 0))
        await sock.connect(sock.getsockname())
        with pytest.raises(ConnectionRefusedError):
            prepare(trio.SocketStream(sock))


def _tls(host: str, port: int) -> Address:
    return Address(host, port, tls=True)


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("chat.example", Address("chat.example", 4040), "chat.example:4040"),
        ("chat.example:99", Address("chat.example", 99), "chat.example:99"),
        ("127.0.0.1:4041", Address("127.0.0.1", 4041), "127.0.0.1:4041"),
        ("[::1]:4041", Address("::1", 4041), "[::1]:4041"),
        ("[::1]", Address("::1", 4040), "[::1]:4040"),
        ("fe80::1", Address("fe80::1", 4040), "[fe80::1]:4040"),
        ("chat://chat.example", Address("chat.example", 4040), "chat.example:4040"),
        ("chats://chat.example", _tls("chat.example", 4041), "chats://chat.example:4041"),
        ("chats://chat.example:443", _tls("chat.example", 443), "chats://chat.example:443"),
        ("chats://[::1]:443", _tls("::1", 443), "chats://[::1]:443"),
        ("chats://::1", _tls("::1", 4041), "chats://[::1]:4041"),
        ("unix:/run/chatd.sock", Address(path="/run/chatd.sock"), "unix:/run/chatd.sock"),
    ],
)
def test_addresses(text: str, address: Address, shown: str) -> None:
    assert parse_address(text) == address
    assert str(address) == shown
    assert parse_address(shown) == address


@pytest.mark.parametrize(
    ("text", "seals"),
    [
        ("localhost", False),
        ("127.8.9.1:99", False),
        ("[::1]:99", False),
        ("unix:/run/chatd.sock", False),
        ("chats://chat.example", False),
        ("chat.example", True),
        ("localhost.example", True),
        ("10.0.0.1", True),
    ],
)
def test_what_others_could_read_along_is_sealed(text: str, seals: bool) -> None:
    assert parse_address(text).seals == seals


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":4040",
        "host:",
        "host:0",
        "host:65536",
        "host:x",
        "[::1",
        "[host]:1",
        "[::1]1",
        "a:1:2",
        "chats://",
        "chats://:1",
        "http://host",
        "://host",
        "chats://chat://host",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(CannotConnect):
        parse_address(text)


def test_waits_double_up_to_a_bound_and_begin_anew() -> None:
    backoff = Backoff(first_seconds=1, seconds_max=10)
    ranges = [(0.5, 1), (1, 2), (2, 4), (4, 8), (5, 10), (5, 10)]
    for low, high in ranges:
        assert low <= backoff.next_seconds() <= high
    backoff.reset()
    assert backoff.next_seconds() <= 1


@pytest.mark.parametrize(
    ("why", "seconds"),
    [
        (ChatError(Code.RATE_LIMITED, "12 seconds to wait."), 12),
        (ChatError(Code.RATE_LIMITED, "99999 seconds to wait."), 600),
        (ChatError(Code.RATE_LIMITED, "Wait."), 0),
        (ChatError(Code.UNAVAILABLE, "12 disks are full."), 0),
        (ConnectionLost("gone"), 0),
    ],
)
def test_the_server_says_how_long_to_wait(why: Exception, seconds: float) -> None:
    assert wait_seconds(why) == seconds
