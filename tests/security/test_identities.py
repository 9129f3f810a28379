"""Public identities: what is taken for one, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.identities import BadIdentity, verified
from tests.identities import Jwk, Maker, as_text, new_key

ALICE, MALLORY = Maker("alice"), Maker("mallory")
SIG, ENC = ALICE.keys()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_a_good_one_has_the_thumbprint_of_its_signing_key() -> None:
    assert verified(ALICE.jwks(), "alice") == ALICE.thumbprint
    assert verified(as_text([ENC, SIG]), "alice") == ALICE.thumbprint
    assert verified(json.dumps({"keys": [SIG, ENC]}, indent=2), "alice") == ALICE.thumbprint


def test_members_that_a_later_client_adds_do_no_harm() -> None:
    assert verified(as_text([{**SIG, "made": 2026}, ENC]), "alice") == ALICE.thumbprint


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    """Computed by hand, over the members in their order."""
    import hashlib  # noqa: PLC0415
    from base64 import urlsafe_b64encode  # noqa: PLC0415

    members = {name: SIG[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    assert verified(ALICE.jwks(), "alice") == urlsafe_b64encode(digest).rstrip(b"=").decode()


def without(key: Jwk, member: str) -> Jwk:
    return {name: value for name, value in key.items() if name != member}


def off_the_curve() -> Jwk:
    return {**SIG, "x": SIG["y"], "y": SIG["x"]}


def signed_by(maker: Maker, key: Any) -> str:
    """A proof with the right words and another signature."""
    words = ALICE.proof(key).rpartition(".")[0]
    return f"{words}.{maker.proof(key).rpartition('.')[2]}"


WRONG: dict[str, tuple[Callable[[], list[Any]], str]] = {
    "one key": (lambda: [SIG], "two keys"),
    "three keys": (lambda: [SIG, ENC, ENC], "two keys"),
    "twice the same use": (lambda: [SIG, ALICE.jwk(new_key(), "sig")], "two keys"),
    "a private member": (lambda: [{**SIG, "d": "AA"}, ENC], "private key"),
    "another curve": (lambda: [{**SIG, "crv": "P-521"}, ENC], r"at `\$\.keys\[0\]\.crv`"),
    "another kind": (lambda: [{**SIG, "kty": "RSA"}, ENC], "right form"),
    "another use": (lambda: [SIG, {**ENC, "use": "both"}], "right form"),
    "no proof": (lambda: [SIG, without(ENC, "proof")], "right form"),
    "no kid": (lambda: [without(SIG, "kid"), ENC], "right form"),
    "a number": (lambda: [SIG, 7], "right form"),
    "x too short": (lambda: [{**SIG, "x": SIG["x"][:-4]}, ENC], "32 bytes"),
    "x with padding": (lambda: [{**SIG, "x": SIG["x"] + "="}, ENC], "32 bytes"),
    "no point": (lambda: [off_the_curve(), ENC], "no point"),
    "the other's kid": (lambda: [SIG, {**ENC, "kid": SIG["kid"]}], "not its thumbprint"),
    "the other's proof": (lambda: [SIG, {**ENC, "proof": SIG["proof"]}], "something else"),
    "another user": (
        lambda: [SIG, {**ENC, "proof": ALICE.proof(ALICE.encryption, user="bob")}],
        "something else",
    ),
    "more in the payload": (
        lambda: [SIG, {**ENC, "proof": ALICE.proof(ALICE.encryption, more="x")}],
        "something else",
    ),
    "another type": (
        lambda: [SIG, {**ENC, "proof": ALICE.proof(ALICE.encryption, typ="JWT")}],
        "another header",
    ),
    "signed by another": (
        lambda: [SIG, {**ENC, "proof": signed_by(MALLORY, ALICE.encryption)}],
        "does not hold",
    ),
    "another's key": (lambda: [SIG, MALLORY.keys()[1]], "another header"),
    "no signature": (
        lambda: [SIG, {**ENC, "proof": ENC["proof"].rpartition(".")[0]}],
        "no compact JWS",
    ),
    "no jws": (lambda: [SIG, {**ENC, "proof": "proof"}], "no compact JWS"),
    "an empty proof": (lambda: [SIG, {**ENC, "proof": ""}], "no compact JWS"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_refused_and_said(wrong: str) -> None:
    keys, why = WRONG[wrong]
    with pytest.raises(BadIdentity, match=why):
        verified(as_text(keys()), "alice")


def test_a_proof_without_an_algorithm_is_refused() -> None:
    header = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    payload = ENC["proof"].split(".")[1]
    with pytest.raises(BadIdentity, match="another header"):
        verified(as_text([SIG, {**ENC, "proof": f"{header}.{payload}."}]), "alice")


def test_an_identity_is_for_one_user() -> None:
    with pytest.raises(BadIdentity, match="something else"):
        verified(ALICE.jwks(), "bob")


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[" * 8_000, "7" * 8_000, "{}", "[]", '{"keys":{}}', '{"keys":[]}', "null"],
)
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(BadIdentity):
        verified(text, "alice")


def test_a_member_that_stands_twice_is_refused() -> None:
    text = ALICE.jwks().replace('"use":"sig"', '"use":"sig","use":"sig"')
    with pytest.raises(BadIdentity, match="twice"):
        verified(text, "alice")


def test_the_refusal_shows_nothing_of_what_was_sent() -> None:
    with pytest.raises(BadIdentity) as refused:
        verified(as_text([{**SIG, "crv": "xyzzy\u0007"}, ENC]), "alice")
    assert "xyzzy" not in str(refused.value)


@given(at=st.integers(0, 2_000), flip=st.integers(1, 127))
def test_a_changed_character_is_noticed(at: int, flip: int) -> None:
    text = ALICE.jwks()
    at %= len(text)
    changed = text[:at] + chr(ord(text[at]) ^ flip) + text[at + 1 :]
    with pytest.raises(BadIdentity):
        verified(changed, "alice")


def test_nothing_of_it_is_loaded_before_it_is_needed() -> None:
    code = "import sys, chatd.server.run; sys.exit('joserfc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
