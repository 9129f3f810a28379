"""Identities: two keys, one person, one name; everything else is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import (
    Forged,
    Malformed,
    OwnKeys,
    Unsafe,
    read_identity,
    read_private,
    safety_number,
    verification_payload,
)
from chatctl.e2e.jws import sign

from .e2e_world import ALICE, BOB, MALLORY, NOW, b64, unless_refused

JWKS = ALICE.published("alice")
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":,"), min_size=1)


def keys() -> list[dict[str, Any]]:
    """Alice's published keys, to be spoilt."""
    found: list[dict[str, Any]] = json.loads(JWKS)["keys"]
    return found


def spoilt(place: int, **members: Any) -> str:
    """Alice's identity with members of one key replaced; None takes one out."""
    spoiling = keys()
    merged = {**spoiling[place], **members}
    spoiling[place] = {name: value for name, value in merged.items() if value is not None}
    return json.dumps({"keys": spoiling})


def proof(payload: dict[str, Any], signer: OwnKeys = ALICE, **header: Any) -> str:
    return sign({"typ": "chat-key", **header}, json.dumps(payload).encode(), signer.sig)


def test_what_is_published_is_read() -> None:
    identity = read_identity("alice", JWKS, ALICE.sig.kid)
    assert (identity.sig.kid, identity.enc.kid) == (ALICE.sig.kid, ALICE.enc.kid)
    assert identity.thumbprint == ALICE.identity("alice").thumbprint
    assert '"d"' not in JWKS
    assert len(JWKS) < 1_500


def test_the_form_on_the_wire() -> None:
    sig, enc = keys()
    assert [*sig] == ["kty", "crv", "x", "y", "use", "kid", "proof"]
    assert (sig["use"], enc["use"]) == ("sig", "enc")


def test_the_order_of_the_keys_and_further_members_do_not_matter() -> None:
    turned = [{**key, "note": "later clients"} for key in reversed(keys())]
    assert read_identity("alice", json.dumps({"keys": turned, "v": 2})).sig.kid == ALICE.sig.kid


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    """The example of RFC 7517, appendix A.1; its thumbprint is found with the jose tool."""
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
    }
    assert read_private(json.dumps(jwk), "enc").kid == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"


def test_another_name() -> None:
    with pytest.raises(Forged, match="another name"):
        read_identity("bob", JWKS)


def test_another_thumbprint_than_the_server_says() -> None:
    with pytest.raises(Forged, match="one identity and sends another"):
        read_identity("alice", JWKS, BOB.sig.kid)


def test_swapped_proofs() -> None:
    sig, enc = keys()
    sig["proof"], enc["proof"] = enc["proof"], sig["proof"]
    with pytest.raises(Forged):
        read_identity("alice", json.dumps({"keys": [sig, enc]}))


@pytest.mark.parametrize("use", ["sig", "enc"])
def test_a_key_of_somebody_else(use: str) -> None:
    theirs = {key["use"]: key for key in json.loads(MALLORY.published("alice"))["keys"]}
    mixed = [theirs[key["use"]] if key["use"] == use else key for key in keys()]
    with pytest.raises(Forged):
        read_identity("alice", json.dumps({"keys": mixed}))


@pytest.mark.parametrize(
    "forged",
    [
        proof({"user": "alice", "thumbprint": ALICE.enc.kid}, MALLORY),
        proof({"user": "alice", "thumbprint": ALICE.enc.kid}, MALLORY, kid=ALICE.sig.kid),
        proof({"user": "alice", "thumbprint": ALICE.enc.kid}, typ="JWT"),
        proof({"user": "bob", "thumbprint": ALICE.enc.kid}),
        proof({"user": "alice", "thumbprint": MALLORY.enc.kid}),
        proof({"user": "alice"}),
        proof({"user": "alice", "thumbprint": 1}),
        proof({"user": "alice", "thumbprint": ALICE.enc.kid}, crit=["typ"]),
        b64({"alg": "none", "kid": ALICE.sig.kid, "typ": "chat-key"}) + "." + b64(b"{}") + ".",
        b64({"alg": "HS256", "kid": ALICE.sig.kid, "typ": "chat-key"}) + ".e30.AAAA",
        keys()[1]["proof"][:-1],
        keys()[1]["proof"][:-4] + "AAAA",
        "",
        "a.b.c",
    ],
)
def test_a_proof_that_proves_nothing(forged: str) -> None:
    with pytest.raises((Forged, Unsafe, Malformed)):
        read_identity("alice", spoilt(1, proof=forged))


def test_one_key_for_both_uses() -> None:
    sig, _ = keys()
    with pytest.raises(Unsafe, match="both purposes"):
        read_identity("alice", json.dumps({"keys": [sig, {**sig, "use": "enc"}]}))


def test_a_private_key_in_public() -> None:
    with pytest.raises(Unsafe, match="private half"):
        read_identity("alice", spoilt(1, d=ALICE.enc.private()["d"]))


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    "members",
    [
        {"x": "A" * 43},
        {"x": MALLORY.enc.public["x"]},
        {"x": "_" * 42 + "8"},
        {"y": "A" * 42},
        {"y": "A" * 44},
        {"y": 1},
        {"x": "="},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"kty": "RSA"},
        {"kty": None},
        {"use": "sign"},
        {"use": None},
        {"kid": None},
        {"kid": MALLORY.enc.kid},
        {"proof": None},
        {"proof": {}},
    ],
)
def test_a_key_that_is_none(place: int, members: dict[str, Any]) -> None:
    with pytest.raises((Malformed, Forged)):
        read_identity("alice", spoilt(place, **members))


@pytest.mark.parametrize(
    "jwks",
    [
        "",
        "{}",
        "[]",
        '{"keys":[]}',
        '{"keys":{}}',
        json.dumps({"keys": keys()[:1]}),
        json.dumps({"keys": [*keys(), keys()[0]]}),
        json.dumps({"keys": [keys()[0], keys()[0]]}),
        json.dumps({"keys": [1, 2]}),
        JWKS[:-1],
        JWKS.replace('"use":"enc"', '"use":"sig","use":"enc"'),
        JWKS + " " * 8_192,
    ],
)
def test_what_is_no_identity(jwks: str) -> None:
    with pytest.raises(Malformed):
        read_identity("alice", jwks)


@given(
    st.text()
    | st.builds(
        lambda place, name, value: spoilt(place, **{name: value}),
        st.integers(0, 1),
        st.sampled_from(["kty", "crv", "x", "y", "use", "kid", "proof", "d"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()),
    )
)
def test_anything_is_alices_identity_or_refused(jwks: str) -> None:
    identity = unless_refused(lambda: read_identity("alice", jwks))
    assert identity is None or identity.thumbprint == ALICE.sig.kid


@given(NAMES, NAMES)
def test_safety_numbers_are_the_same_on_both_sides(one: str, other: str) -> None:
    here, there = (one, ALICE.sig.kid), (other, BOB.sig.kid)
    number = safety_number(here, there)
    assert number == safety_number(there, here)
    assert re.fullmatch(r"(\d{5} ){11}\d{5}", number)
    assert verification_payload(here, there) == verification_payload(there, here)


def test_safety_numbers_tell_keys_and_names_apart() -> None:
    alice, bob = ("alice", ALICE.sig.kid), ("bob", BOB.sig.kid)
    listening = ("bob", MALLORY.sig.kid)
    pairs = [
        (alice, bob),
        (alice, listening),
        (listening, ("alice", MALLORY.sig.kid)),
        (alice, alice),
    ]
    pairs += [(("alicebob", ALICE.sig.kid), ("", BOB.sig.kid))]
    assert len({safety_number(*pair) for pair in pairs}) == len(pairs)
    assert len({verification_payload(*pair) for pair in pairs}) == len(pairs)


def test_a_safety_number_never_changes() -> None:
    """What people once compared stays so; found with sha512sum and bc."""
    assert safety_number(("bob", "B" * 43), ("alice", "A" * 43)) == (
        "31728 08831 90564 27543 01984 94642 60156 38077 11175 69723 28217 82058"
    )


def test_the_qr_code_holds_names_and_thumbprints() -> None:
    payload = verification_payload(("bob", "B"), ("alice", "A"))
    assert payload == "chat-verify:1:alice:A:bob:B"


def test_rotation_keeps_the_old_keys() -> None:
    rotated = ALICE.rotated(NOW)
    assert rotated.sig.kid != ALICE.sig.kid
    assert [*rotated.opening] == [rotated.enc.kid, ALICE.enc.kid]
    assert [*rotated.signing] == [rotated.sig.kid, ALICE.sig.kid]
    assert OwnKeys(rotated.entries()).exported() == rotated.exported()
    assert rotated.entries()[0]["made"] == "2026-11-21T04:05:06.789Z"


def test_an_export_holds_every_private_key() -> None:
    rotated = ALICE.rotated(NOW)
    exported = json.loads(rotated.exported())["keys"]
    assert [key["use"] for key in exported] == ["sig", "enc", "sig", "enc"]
    assert [key["kid"] for key in exported[:2]] == [rotated.sig.kid, rotated.enc.kid]
    assert all(read_private(json.dumps(key), key["use"]).kid == key["kid"] for key in exported)


def test_entries_of_later_clients_are_left_alone() -> None:
    later = {"kty": "OKP", "crv": "X25519", "use": "enc", "x": "…", "d": "…"}
    entries = [later, {**ALICE.entries()[0], "note": 1}, ALICE.entries()[1]]
    kept = OwnKeys(entries).rotated(NOW)
    assert kept.entries()[2:] == entries
    assert ALICE.enc.kid in kept.opening


@pytest.mark.parametrize(
    "entries", [[], ALICE.entries()[:1], [{**ALICE.entries()[0], "x": 1}], ALICE.entries() * 101]
)
def test_a_list_of_keys_that_is_none(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        OwnKeys(entries)


@pytest.mark.parametrize(
    "jwk",
    [
        json.dumps(ALICE.enc.public),
        json.dumps({**ALICE.enc.private(), "d": MALLORY.enc.private()["d"]}),
        json.dumps({**ALICE.enc.private(), "d": "A" * 43}),
        "{}",
        "secret",
    ],
)
def test_what_is_no_private_key(jwk: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_private(jwk, "enc")
    assert caught.value.__context__ is None


def test_nothing_private_shows() -> None:
    shown = f"{ALICE!r} {ALICE.sig!r} {ALICE.identity('alice')!r} {ALICE.published('alice')}"
    assert ALICE.sig.private()["d"] not in shown
    assert ALICE.enc.private()["d"] not in shown
    with pytest.raises(ValueError, match="no private half"):
        ALICE.identity("alice").sig.private()
