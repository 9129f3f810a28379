"""Who is at an end of a channel: proved for that channel, that end and that person alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import E2eError, Forged, Malformed, OwnKeys, bind, read_bound
from chatctl.e2e.binding import PROOF_CHARACTERS_MAX
from chatctl.e2e.jws import sign
from chatctl.e2e.strict import encoded

from .e2e_world import ALICE, MALLORY, NOW, b64, identity, message, unb64, unless_refused

CHANNEL = bytes(range(32))
PROOF = bind(CHANNEL, "initiator", "alice", "bob", ALICE.sig)


def test_who_it_is_and_by_which_key() -> None:
    found = read_bound(PROOF, CHANNEL, "initiator", "bob")
    assert (found.user, found.signer) == ("alice", ALICE.sig.kid)


def test_it_is_of_no_use_elsewhere() -> None:
    for channel, role, to in (
        (bytes(32), "initiator", "bob"),
        (CHANNEL, "acceptor", "bob"),
        (CHANNEL, "initiator", "carol"),
    ):
        with pytest.raises(Forged):
            read_bound(PROOF, channel, role, to)  # type: ignore[arg-type]


def test_no_other_signature_passes_for_one() -> None:
    """Not what proves keys, nor a message, nor the same without its type or key."""
    claims = {"user": "alice", "to": "bob", "role": "initiator", "channel": b64(CHANNEL)}
    payload = encoded(claims).encode()
    jwk = ALICE.sig.public
    others = [
        sign({"typ": "chat-key", "jwk": jwk}, payload, ALICE.sig),
        sign({"jwk": jwk}, payload, ALICE.sig),
        sign({"typ": "chat-direct"}, payload, ALICE.sig),
        sign({"typ": "chat-direct", "jwk": MALLORY.sig.public}, payload, ALICE.sig),
        sign({"typ": "chat-direct", "jwk": jwk}, b"{}", ALICE.sig),
        sign({"typ": "chat-direct", "jwk": jwk}, b"[]", ALICE.sig),
        message(),
        "",
    ]
    for other in others:
        with pytest.raises(E2eError):
            read_bound(other, CHANNEL, "initiator", "bob")


def test_a_long_one_is_not_looked_at() -> None:
    with pytest.raises(Malformed):
        read_bound(PROOF + "A" * PROOF_CHARACTERS_MAX, CHANNEL, "initiator", "bob")


def test_one_for_the_longest_names_fits() -> None:
    name = "𐐨" * 32
    proof = bind(CHANNEL, "initiator", name, name, OwnKeys.fresh(NOW).sig)
    assert len(proof) < PROOF_CHARACTERS_MAX
    assert read_bound(proof, CHANNEL, "initiator", name).user == name


@given(st.integers(0, len(PROOF) - 1), st.characters(codec="ascii"))
def test_every_character_counts(at: int, other: str) -> None:
    """But for bits that base64url has to spare, which change nothing."""
    changed = PROOF[:at] + other + PROOF[at + 1 :]
    found = unless_refused(lambda: read_bound(changed, CHANNEL, "initiator", "bob"))
    assert found in (None, read_bound(PROOF, CHANNEL, "initiator", "bob"))


def test_the_key_says_nothing_of_whose_it_is() -> None:
    """That is for the caller to know: Mallory may say that she is Alice, with her own key."""
    found = read_bound(
        bind(CHANNEL, "initiator", "alice", "bob", MALLORY.sig), CHANNEL, "initiator", "bob"
    )
    assert (found.user, found.signer) == ("alice", identity("mallory", MALLORY).thumbprint)
    assert unb64(b64(CHANNEL)) == CHANNEL
