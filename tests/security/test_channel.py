"""The sealed channel against an independent implementation of Noise (tests/sealed.py)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.channel import Acceptor, Channel, ChannelError, HandshakeError, Initiator
from tests.sealed import Caller, DecryptFailed, Initiation

PRIVATE, DEVICE = bytes(range(1, 33)), bytes(range(101, 133))
FIRST_BYTES = {"NK": 48, "NX": 32, "IK": 96}
ANSWER_BYTES = {"NK": 48, "NX": 96, "IK": 48}
PATTERNS = list(FIRST_BYTES)
public = Caller.public
LOW_ORDER = [
    bytes(32),
    bytes([1, *bytes(31)]),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]
"""Points (RFC 7748, section 6.1) with which any key agrees on nothing."""


def caller(pattern: str, server_key: bytes = public(PRIVATE)) -> Caller:
    return Caller(pattern, server_key, DEVICE if pattern == "IK" else None)


def ends(pattern: str = "NX") -> tuple[Channel, Caller]:
    """Both ends of a channel."""
    client = caller(pattern)
    answer, channel = Acceptor(PRIVATE).accept(pattern, client.first)
    client.hear(answer)
    return channel, client


def changed(message: bytes) -> Iterator[bytes]:
    """`message` with each byte changed, dropped, repeated, and cut off there; and one more."""
    for at, byte in enumerate(message):
        before, behind = message[:at], message[at + 1 :]
        for change in (0x01, 0x80, 0xFF):
            yield before + bytes([byte ^ change]) + behind
        yield before + behind
        yield before + bytes([byte, byte]) + behind
        yield before
    yield message + b"\x00"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_handshake_and_messages_both_ways(pattern: str) -> None:
    client = caller(pattern)
    answer, channel = Acceptor(PRIVATE).accept(pattern, client.first)
    assert (len(client.first), len(answer)) == (FIRST_BYTES[pattern], ANSWER_BYTES[pattern])
    client.hear(answer)
    assert client.server_key == public(PRIVATE)
    for number in range(5):
        assert channel.open(client.seal(b"PING|%d\n" % number)) == b"PING|%d\n" % number
        assert client.open(channel.seal(b"PONG|%d\n" % number)) == b"PONG|%d\n" % number


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=20))
def test_messages_come_through_in_any_order_of_speaking(said: list[tuple[bool, bytes]]) -> None:
    channel, client = ends()
    for ours, plain in said:
        message = channel.seal(plain) if ours else client.seal(plain)
        assert len(message) == len(plain) + 16
        assert (client.open(message) if ours else channel.open(message)) == plain


def test_the_client_s_key_is_known_once_it_is_proved() -> None:
    """A first message of IK can be repeated by anybody; what follows, not."""
    channel, client = ends("IK")
    assert channel.peer_key is None
    with pytest.raises(ChannelError):
        channel.open(bytes(40))
    assert channel.peer_key is None
    channel.open(client.seal(b""))
    assert channel.peer_key == public(DEVICE)


@pytest.mark.parametrize("pattern", ["NK", "NX"])
def test_other_patterns_tell_no_key(pattern: str) -> None:
    channel, client = ends(pattern)
    channel.open(client.seal(b""))
    assert channel.peer_key is None


# What is no handshake


@pytest.mark.parametrize("pattern", ["NK", "IK"])
def test_a_client_with_another_server_s_key_is_refused(pattern: str) -> None:
    client = caller(pattern, public(bytes(range(2, 34))))
    with pytest.raises(HandshakeError, match="this server's key"):
        Acceptor(PRIVATE).accept(pattern, client.first)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_first_message_that_was_changed_leads_nowhere(pattern: str) -> None:
    """Of NX it is a key and no more, so that another one is found at the client's end."""
    acceptor, refused = Acceptor(PRIVATE), 0
    for message in changed(caller(pattern).first):
        client = caller(pattern)
        try:
            answer, _ = acceptor.accept(pattern, message)
        except HandshakeError:
            refused += 1
            continue
        assert pattern == "NX" and len(message) == FIRST_BYTES["NX"]
        with pytest.raises(DecryptFailed):
            client.hear(answer)
    assert refused >= 3 * FIRST_BYTES[pattern]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_answer_that_was_changed_leads_nowhere(pattern: str) -> None:
    client = caller(pattern)
    answer, _ = Acceptor(PRIVATE).accept(pattern, client.first)
    for message in changed(answer):
        again = client.as_it_was()
        with pytest.raises((DecryptFailed, ValueError, InvalidTag)):
            again.hear(message)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_one_pattern_s_message_is_no_other_s(pattern: str) -> None:
    for other in {*PATTERNS} - {pattern}:
        with pytest.raises(HandshakeError):
            Acceptor(PRIVATE).accept(other, caller(pattern).first)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_first_message_carries_nothing(pattern: str) -> None:
    client = Caller(
        pattern, public(PRIVATE), DEVICE if pattern == "IK" else None, Initiation(payload=b"hi")
    )
    with pytest.raises(HandshakeError, match="empty"):
        Acceptor(PRIVATE).accept(pattern, client.first)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_another_prologue_leads_nowhere(pattern: str) -> None:
    device = DEVICE if pattern == "IK" else None
    client = Caller(pattern, public(PRIVATE), device, Initiation(prologue=b"chat/2"))
    with pytest.raises((HandshakeError, DecryptFailed)):
        client.hear(Acceptor(PRIVATE).accept(pattern, client.first)[0])


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_a_key_that_agrees_with_any_is_refused(pattern: str, point: bytes) -> None:
    with pytest.raises(HandshakeError):
        Acceptor(PRIVATE).accept(pattern, point + caller(pattern).first[32:])


@given(st.sampled_from(PATTERNS), st.binary(max_size=200))
def test_any_bytes_are_a_handshake_or_refused(pattern: str, message: bytes) -> None:
    try:
        answer, _ = Acceptor(PRIVATE).accept(pattern, message)
    except HandshakeError:
        return
    assert pattern == "NX" and len(message) == 32
    assert len(answer) == ANSWER_BYTES["NX"]


# What is no message


def test_a_message_that_was_changed_does_not_open() -> None:
    channel, client = ends()
    message = client.seal(b"PING|hello\n")
    for wrong in changed(message):
        with pytest.raises(ChannelError):
            channel.open(wrong)
    assert channel.open(message) == b"PING|hello\n"


def test_a_message_opens_once_and_in_its_turn() -> None:
    channel, client = ends()
    one, two = client.seal(b"one"), client.seal(b"two")
    with pytest.raises(ChannelError):
        channel.open(two)
    assert channel.open(one) == b"one"
    with pytest.raises(ChannelError):
        channel.open(one)
    assert channel.open(two) == b"two"


def test_nothing_opens_in_the_other_direction_or_another_channel() -> None:
    channel, client = ends()
    other, _ = ends()
    with pytest.raises(ChannelError):
        channel.open(channel.seal(b"back at you"))
    with pytest.raises(ChannelError):
        other.open(client.seal(b"elsewhere"))


# The keys


def test_a_key_from_memory_opens_nothing_earlier() -> None:
    """Whichever number the message is taken to have; and the next it does open."""
    channel, client = ends()
    messages = [client.seal(b"message %d" % number) for number in range(6)]
    for message in messages[:4]:
        channel.open(message)
    stolen = channel._incoming._cipher
    for message in messages[:4]:
        for number in range(10):
            with pytest.raises(InvalidTag):
                stolen.decrypt(nonce(number), message, b"")
    assert stolen.decrypt(nonce(4), messages[4], b"") == b"message 4"


def nonce(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "little")


def test_who_lets_go_of_a_channel_lets_go_of_its_keys() -> None:
    channel, client = ends("IK")
    channel.open(client.seal(b"hello"))
    outgoing: Any = channel.seal
    states = [weakref.ref(channel._incoming), weakref.ref(outgoing.__self__)]
    gc.disable()
    try:
        del channel, outgoing
        assert [state() for state in states] == [None, None]
    finally:
        gc.enable()


# Our own initiator


def test_both_ends_of_ours_agree_in_both_patterns() -> None:
    for initiator, key in ((Initiator(), None), (Initiator(public(PRIVATE), DEVICE), DEVICE)):
        answer, there = Acceptor(PRIVATE).accept(initiator.pattern, initiator.message)
        shown, here = initiator.finish(answer)
        assert shown == public(PRIVATE)
        assert there.open(here.seal(b"hello")) == b"hello"
        assert there.peer_key == (key and public(key))
        assert here.binding == there.binding
        assert len(here.binding) == 32


def test_the_binding_is_the_hash_of_the_handshake_and_of_no_other() -> None:
    """As the other implementation has it (Noise, section 11.2)."""
    bindings = set()
    for pattern in PATTERNS:
        client = caller(pattern)
        answer, channel = Acceptor(PRIVATE).accept(pattern, client.first)
        client.hear(answer)
        assert channel.binding == client._handshake.symmetricstate.get_handshake_hash()
        bindings.add(channel.binding)
    assert len(bindings) == len(PATTERNS)


def test_another_prologue_is_another_protocol() -> None:
    mine, theirs = b"chat/1-direct", b"chat/1"
    initiator = Initiator(public(PRIVATE), DEVICE, mine)
    with pytest.raises(HandshakeError):
        Acceptor(PRIVATE, theirs).accept("IK", initiator.message)
    Acceptor(PRIVATE, mine).accept("IK", initiator.message)


@pytest.mark.parametrize("key", [*LOW_ORDER, b"", bytes(31), bytes(33)])
def test_no_handshake_with_a_key_that_is_none(key: bytes) -> None:
    with pytest.raises(HandshakeError):
        Initiator(key, DEVICE)


def test_no_key_is_shown() -> None:
    channel, _ = ends()
    assert (repr(channel), repr(Acceptor(PRIVATE))) == ("Channel(…)", "Acceptor(…)")
