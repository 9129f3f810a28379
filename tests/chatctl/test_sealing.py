"""chatctl's end of the sealed channel, against a server by another implementation of Noise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatctl.address import Address
from chatctl.client import connect
from chatctl.errors import CannotConnect, NotVerified
from chatctl.link import open_link
from chatctl.trust import Trust, fingerprint_of, pin_of
from chatd.protocol.commands import Ping
from chatd.security.channel import Channel, HandshakeError, Initiator
from tests.sealed import Answerer, Caller, DecryptFailed
from tests.security.test_channel import LOW_ORDER, changed

from .sealing_server import Door, sealing_server

PRIVATE, OTHER, DEVICE = (bytes(range(at, at + 32)) for at in (1, 51, 101))
PUBLIC = Caller.public(PRIVATE)
PATTERNS = ["NX", "NK", "IK"]


@pytest.fixture
def door() -> Iterator[Door]:
    with sealing_server(PRIVATE) as door:
        yield door


def initiator(pattern: str, server_key: bytes = PUBLIC) -> Initiator:
    known = None if pattern == "NX" else server_key
    return Initiator(known, DEVICE if pattern == "IK" else None)


def address(door: Door, trust: Trust) -> Address:
    return Address("127.0.0.1", door.port, trust=trust, sealed=True)


def trust(pattern: str, server_key: bytes = PUBLIC) -> Trust:
    known = None if pattern == "NX" else server_key
    pin = pin_of(server_key)
    return Trust(None, pin, known, DEVICE if pattern == "IK" else None)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_handshake_and_messages_both_ways(pattern: str) -> None:
    ours, theirs = initiator(pattern), Answerer(PRIVATE)
    assert ours.pattern == pattern
    server_key, channel = ours.finish(theirs.accept(pattern, ours.message))
    assert server_key == PUBLIC
    assert theirs.device_key == (Caller.public(DEVICE) if pattern == "IK" else None)
    for number in range(5):
        assert theirs.open(channel.seal(b"PING|%d\n" % number)) == b"PING|%d\n" % number
        assert channel.open(theirs.seal(b"PONG|%d\n" % number)) == b"PONG|%d\n" % number


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_answer_that_was_changed_leads_nowhere(pattern: str) -> None:
    """Flipped, dropped, repeated or cut anywhere; a fresh handshake each, for one answers once."""
    for at in range(len(list(changed(_answer(pattern)[1])))):
        ours, answer = _answer(pattern)
        with pytest.raises(HandshakeError):
            ours.finish(list(changed(answer))[at])


def _answer(pattern: str) -> tuple[Initiator, bytes]:
    ours = initiator(pattern)
    return ours, Answerer(PRIVATE).accept(pattern, ours.message)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_first_message_that_was_changed_leads_nowhere(pattern: str) -> None:
    """Of NX it is a key and no more, so that another one is found at our end."""
    refused = 0
    for at in range(len(list(changed(initiator(pattern).message)))):
        ours = initiator(pattern)
        try:
            answer = Answerer(PRIVATE).accept(pattern, list(changed(ours.message))[at])
        except (DecryptFailed, ValueError):
            refused += 1
            continue
        assert pattern == "NX"
        with pytest.raises(HandshakeError):
            ours.finish(answer)
    assert pattern == "NX" or refused > 3 * len(initiator(pattern).message)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_answer_carries_nothing(pattern: str) -> None:
    ours = initiator(pattern)
    with pytest.raises(HandshakeError, match="empty"):
        ours.finish(Answerer(PRIVATE, b"hi").accept(pattern, ours.message))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_answer_of_another_handshake_leads_nowhere(pattern: str) -> None:
    with pytest.raises(HandshakeError):
        initiator(pattern).finish(_answer(pattern)[1])


@pytest.mark.parametrize("pattern", ["NK", "IK"])
def test_another_server_cannot_answer(pattern: str) -> None:
    with pytest.raises(DecryptFailed):
        Answerer(OTHER).accept(pattern, initiator(pattern).message)


@pytest.mark.parametrize("pattern", ["NK", "IK"])
@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_a_server_key_that_agrees_with_any_is_refused(pattern: str, point: bytes) -> None:
    with pytest.raises(HandshakeError):
        initiator(pattern, point)


def test_a_device_key_is_shown_to_a_known_server_only() -> None:
    with pytest.raises(ValueError, match="server's key"):
        Initiator(None, DEVICE)


def test_no_key_is_shown() -> None:
    assert repr(initiator("IK")) == "Initiator(…)"
    assert "device_key" not in repr(trust("IK"))


def test_the_channels_of_two_handshakes_differ() -> None:
    channels: list[tuple[Channel, Answerer]] = []
    for _ in range(2):
        ours, theirs = initiator("IK"), Answerer(PRIVATE)
        channels.append((ours.finish(theirs.accept("IK", ours.message))[1], theirs))
    with pytest.raises(DecryptFailed):
        channels[0][1].open(channels[1][0].seal(b"PING\n"))


# A connection


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_a_connection_is_sealed(door: Door, pattern: str) -> None:
    async with connect(address(door, trust(pattern)), reconnect=False) as client:
        assert (await client.call(Ping("hello"))).text == "hello"
        assert client.server_key == PUBLIC
    assert [line.split("|")[:2] for line in door.asked] == [["SEAL", pattern]]
    assert door.shown == [Caller.public(DEVICE) if pattern == "IK" else None]


@pytest.mark.parametrize("pattern", ["NK", "IK"])
async def test_another_key_is_told_with_both_fingerprints(door: Door, pattern: str) -> None:
    expected = Caller.public(OTHER)
    with pytest.raises(NotVerified) as caught:
        await open_link(address(door, trust(pattern, expected)))
    with sealing_server(OTHER) as other:
        assert other.fingerprint in caught.value.sentence
    assert door.fingerprint in caught.value.sentence
    assert not door.asked


@pytest.mark.parametrize("pattern", ["NK", "IK"])
async def test_one_that_only_says_to_have_the_key(door: Door, pattern: str) -> None:
    with sealing_server(OTHER) as real:
        door.told = real.fingerprint
    with pytest.raises(NotVerified, match="may say so") as caught:
        await open_link(address(door, trust(pattern, Caller.public(OTHER))))
    assert door.told in caught.value.sentence
    assert len(door.asked) == 1


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("cut", [0, 1, 31, 47, 48])
async def test_an_answer_that_was_cut(door: Door, pattern: str, cut: int) -> None:
    door.change = lambda answer: answer[:cut] if cut < len(answer) else answer + b"\0"
    with pytest.raises(CannotConnect, match="Somebody changed"):
        await open_link(address(door, trust(pattern)))


async def test_a_known_key_that_is_none(door: Door) -> None:
    point = LOW_ORDER[0]
    told = trust("NK", point)
    door.told = fingerprint_of(pin_of(point))
    with pytest.raises(NotVerified, match="for a key that is none"):
        await open_link(address(door, told))
    assert not door.asked
