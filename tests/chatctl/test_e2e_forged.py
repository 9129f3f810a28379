"""Signatures that somebody forged, weakened or broke: each is refused, and says why in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import E2eError, Forged, Malformed, Unsafe, open_message

from .e2e_strategies import HEADERS, JSON_VALUES
from .e2e_world import ALICE, BOB, MALLORY, b64, payload, sealed, signed, unless_refused

TOKEN = signed(payload())


def refused(line: str, error: type[E2eError]) -> str:
    """The sentence with which Bob's client refuses `line`."""
    with pytest.raises(error) as caught:
        open_message(line, BOB)
    return caught.value.sentence


@pytest.mark.parametrize(
    "token",
    [
        b64({"alg": "none"}) + "." + b64(payload()) + ".",
        b64({"alg": "HS256", "jwk": ALICE.sig.public}) + "." + b64(payload()) + ".AAAA",
        b64({"alg": "ES384", "jwk": ALICE.sig.public}) + "." + b64(payload()) + ".AAAA",
        b64({"kid": ALICE.sig.kid}) + "." + b64(payload()) + ".AAAA",
        signed(payload(), crit=["typ"], typ="x"),
        signed(payload(), b64=True),
        b64({"alg": "ES256", "zip": "DEF"}) + ".e30.AAAA",
        b64({"alg": "ES256", "b64": False, "crit": ["b64"]}) + ".hello.AAAA",
        signed(payload(), jwk=ALICE.sig.private()),
    ],
)
def test_signatures_that_are_refused(token: str) -> None:
    refused(sealed(token), Unsafe)


@pytest.mark.parametrize(
    "token",
    [
        TOKEN.rpartition(".")[0] + ".",
        TOKEN[:-4] + "AAAA",
        TOKEN[:-2],
        TOKEN.rpartition(".")[0] + "." + b64(bytes(64)),
        ".".join([TOKEN.split(".")[0], b64(payload(text="bye")), TOKEN.split(".")[2]]),
        signed(payload(), MALLORY.sig, jwk=ALICE.sig.public, kid=ALICE.sig.kid),
        signed(payload(), MALLORY.sig, kid=ALICE.sig.kid),
        signed(payload(), MALLORY.sig, jwk=ALICE.sig.public),
    ],
)
def test_signatures_that_are_forged(token: str) -> None:
    assert "somebody" in refused(sealed(token), Forged)


@pytest.mark.parametrize(
    "token",
    [
        signed(b"hello"),
        signed(b"[]"),
        signed(b"\xff"),
        signed(payload(text=None)),
        signed(payload(text=1)),
        signed(payload(id="")),
        signed(payload(id="x" * 65)),
        signed(payload(time="now")),
        signed(payload(time=1)),
        signed({"from": "alice"}),
        signed(b'{"from":"alice","from":"bob","to":"alice,bob","id":"1","time":"","text":""}'),
        signed(b'{"text":"\\ud800"}'),
        signed(payload(), jwk="key"),
        signed(payload(), jwk={**ALICE.sig.public, "x": "A" * 43}),
        b64({"alg": "ES256", "kid": 1, "jwk": ALICE.sig.public}) + ".e30.AAAA",
        b64(b'{"alg":"ES256","alg":"ES256"}') + ".e30.AAAA",
        b64({"alg": "ES256", "jwk": ALICE.sig.public, "pad": "x" * 600}) + ".e30.AAAA",
        b64({"alg": "ES256", "jwk": ALICE.sig.public}) + ".A.AAAA",
        "eyJhbGciOiJFUzI1NiJ.e30.AAAA",
    ],
)
def test_signatures_and_payloads_that_are_broken(token: str) -> None:
    refused(sealed(token), Malformed)


def test_what_is_no_text() -> None:
    refused(sealed(b"\xff\xfe"), Malformed)


def test_a_message_that_somebody_signed_anew_names_its_new_signer() -> None:
    """The judge compares it with whose key it ought to be."""
    opened = open_message(sealed(signed(payload(), MALLORY.sig)), BOB)
    assert opened.signer == MALLORY.sig.kid


@given(st.dictionaries(st.sampled_from([*payload()]), JSON_VALUES), HEADERS)
def test_anything_signed_is_read_or_refused(said: dict[str, Any], header: dict[str, Any]) -> None:
    text = json.dumps({**payload(), **said}).encode()
    line = sealed(signed(text, **header))
    opened = unless_refused(lambda: open_message(line, BOB))
    assert opened is None or opened.signer in (None, ALICE.sig.kid)
