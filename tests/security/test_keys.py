"""The server key and what derives from it."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.keys import CHANNEL, Part, ServerKey

KEY = ServerKey(bytes(range(32)))
OTHER = ServerKey(bytes(32))
PARTS = st.lists(
    st.binary(max_size=8)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.integers(-(2**63), 2**63 - 1),
    max_size=4,
)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ServerKey(bytes(length))


def test_generated_keys_differ_and_keep_their_bytes() -> None:
    key = ServerKey.generate()
    assert key.raw != ServerKey.generate().raw
    assert ServerKey(key.raw).derive("x") == key.derive("x")


def test_no_key_shows_in_text() -> None:
    key = ServerKey(b"0123456789abcdef0123456789abcdef")
    shown = f"{key!r} {key} {[key]}"
    assert "0123" not in shown and key.raw.hex() not in shown


def test_every_purpose_and_context_has_a_key_of_its_own() -> None:
    purposes = [("a",), ("b",), ("a", 0), ("a", 1), ("a", -1), ("a", 1, 1), ("a", 2**62)]
    keys = {KEY.derive(purpose, *context) for purpose, *context in purposes}  # type: ignore[arg-type]
    assert len(keys) == len(purposes)
    assert {len(key) for key in keys} == {32}
    assert KEY.derive("a", 1) == KEY.derive("a", 1) != OTHER.derive("a", 1)


def test_a_context_over_64_bits_is_refused() -> None:
    with pytest.raises(OverflowError):
        KEY.derive("a", 2**63)


def test_a_name_hash_depends_on_key_kind_and_name() -> None:
    hashes = {
        KEY.name_hash("user", "alice"),
        KEY.name_hash("room", "alice"),
        KEY.name_hash("user", "bob"),
        OTHER.name_hash("user", "alice"),
        hashlib.sha256(b"alice").digest(),
    }
    assert len(hashes) == 5
    assert KEY.name_hash("user", "елена") == KEY.name_hash("user", "елена")
    assert len(KEY.name_hash("user", "alice")) == 32


def test_keys_name_hashes_and_tags_of_one_purpose_are_strangers() -> None:
    assert len({KEY.derive("user"), KEY.name_hash("user", ""), KEY.tag("user", size=32)}) == 3


@given(PARTS, PARTS)
def test_tags_are_equal_only_for_equal_parts(one: list[Part], other: list[Part]) -> None:
    typed = [[(type(part), part) for part in parts] for parts in (one, other)]
    assert (KEY.tag("p", *one) == KEY.tag("p", *other)) == (typed[0] == typed[1])


def test_parts_do_not_run_into_each_other() -> None:
    tags: list[tuple[Part, ...]] = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        (b"abc",),
        ("abc", ""),
        (1,),
        ("1",),
        (b"1",),
    ]
    assert len({KEY.tag("p", *parts) for parts in tags}) == len(tags)


def test_a_tag_has_the_size_asked_for() -> None:
    assert len(KEY.tag("p", 1)) == 16
    assert KEY.tag("p", 1, size=32)[:8] == KEY.tag("p", 1, size=8)
    for size in (0, 33):
        with pytest.raises(ValueError, match="1 to 32"):
            KEY.tag("p", 1, size=size)


def test_the_fingerprint_is_that_of_the_channel_key() -> None:
    public = X25519PrivateKey.from_private_bytes(KEY.derive(CHANNEL)).public_key()
    fingerprint = KEY.fingerprint()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", fingerprint)
    digest = hashlib.sha256(public.public_bytes_raw()).digest()
    assert urlsafe_b64decode(fingerprint + "=") == digest
    assert fingerprint != OTHER.fingerprint()


def test_derived_values_never_change() -> None:
    """Data at rest is found and read by them: a change here strands every stored server."""
    assert (
        KEY.derive("box", 7).hex()
        == "7bb8c4d21a30e6c4a12a0711dfdc4b21640ea5362e814cdc148c851351acecfd"
    )
    assert (
        KEY.name_hash("user", "alice").hex()
        == "dd335cd4060df26a00205c347322c7f1b94b0f5d020a5de390bb645c261210ad"
    )
    assert KEY.tag("send", 1, "id", b"x").hex() == "b80d4924de3a8241ec49e8c215e4eb68"
    assert KEY.fingerprint() == "O0mbMA8sklompl60DrTF-Prm6Ct9gjnK8_g3AMaL5ro"
