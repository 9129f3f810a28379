"""One direction of a channel, by what the specification of Noise says of it."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.cipher_state import CipherState

KEY = bytes(range(32))


def nonce(number: int) -> bytes:
    """Section 12.3."""
    return bytes(4) + number.to_bytes(8, "little")


def rekeyed(key: bytes) -> bytes:
    """Sections 4.2 and 11.3: ENCRYPT(k, 2^64 - 1, "", 32 zeros), its first 32 bytes."""
    return ChaCha20Poly1305(key).encrypt(nonce(2**64 - 1), bytes(32), b"")[:32]


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_each_message_has_the_next_number_and_the_next_key(plains: list[bytes]) -> None:
    sealing, opening, key = CipherState(KEY), CipherState(KEY), KEY
    for number, plain in enumerate(plains):
        message = sealing.seal(plain)
        assert ChaCha20Poly1305(key).decrypt(nonce(number), message, b"") == plain
        assert opening.open(message) == plain
        key = rekeyed(key)


def test_what_does_not_open_moves_nothing_on() -> None:
    sealing, opening = CipherState(KEY), CipherState(KEY)
    first, second = sealing.seal(b"first"), sealing.seal(b"second")
    for wrong in (second, first[:-1], first[:15], b"", first[:-1] + bytes([first[-1] ^ 1])):
        with pytest.raises(InvalidTag):
            opening.open(wrong)
    assert (opening.open(first), opening.open(second)) == (b"first", b"second")
    assert repr(opening) == "CipherState(…)"
