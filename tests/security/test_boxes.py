"""Boxes at rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.boxes import NONCE_BYTES, OVERHEAD_BYTES, Box, BoxError

BOX = Box(bytes(range(32)))
OTHER = Box(bytes(32))


@given(plain=st.binary(max_size=300), identity=st.binary(max_size=40))
def test_what_is_sealed_opens_again(plain: bytes, identity: bytes) -> None:
    boxed = BOX.seal(plain, identity)
    assert len(boxed) == len(plain) + OVERHEAD_BYTES
    assert BOX.open(boxed, identity) == plain


@given(plain=st.binary(max_size=64), at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_changed_byte_is_noticed(plain: bytes, at: int, flip: int) -> None:
    boxed = bytearray(BOX.seal(plain, b"row 1"))
    boxed[at % len(boxed)] ^= flip
    with pytest.raises(BoxError):
        BOX.open(bytes(boxed), b"row 1")


@given(one=st.binary(max_size=20), other=st.binary(max_size=20))
def test_a_box_opens_only_for_its_identity(one: bytes, other: bytes) -> None:
    boxed = BOX.seal(b"text", one)
    if one == other:
        assert BOX.open(boxed, other) == b"text"
    else:
        with pytest.raises(BoxError):
            BOX.open(boxed, other)


@given(junk=st.binary(max_size=100))
def test_junk_gives_a_box_error_and_nothing_else(junk: bytes) -> None:
    with pytest.raises(BoxError):
        BOX.open(junk, b"")


def test_a_box_cut_anywhere_does_not_open() -> None:
    boxed = BOX.seal(b"some text", b"row 1")
    for length in range(len(boxed)):
        with pytest.raises(BoxError):
            BOX.open(boxed[:length], b"row 1")


def test_another_key_does_not_open() -> None:
    with pytest.raises(BoxError):
        OTHER.open(BOX.seal(b"text", b"row 1"), b"row 1")


def test_sealing_twice_gives_two_nonces_and_two_boxes() -> None:
    boxes = {BOX.seal(b"text", b"row 1") for _ in range(1000)}
    assert len({boxed[:NONCE_BYTES] for boxed in boxes}) == 1000
    assert len({boxed[NONCE_BYTES:] for boxed in boxes}) == 1000


def test_the_text_does_not_show_in_the_box() -> None:
    assert b"secret" not in BOX.seal(b"a secret text", b"row 1")


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Box(bytes(length))
