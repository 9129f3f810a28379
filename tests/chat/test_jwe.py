"""What passes for a JWE in a room that takes nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

from chatd.chat.jwe import is_jwe
from chatd.protocol import base64url

KEY = ECKey.generate_key("P-256")
OCT = OctKey.generate_key(256)
PROTECTED = {"enc": "A256GCM"}


def encoded(value: Any) -> str:
    return base64url.encode(json.dumps(value).encode())


def compact(algorithm: str, key: Any) -> str:
    return jwe.encrypt_compact({"alg": algorithm, **PROTECTED}, "hi", key, [algorithm, "A256GCM"])


def as_json(kind: type[jwe.GeneralJSONEncryption | jwe.FlattenedJSONEncryption]) -> str:
    made = kind(PROTECTED, b"hi")
    made.add_recipient({"alg": "ECDH-ES+A256KW"}, KEY)
    return json.dumps(jwe.encrypt_json(made, None, ["ECDH-ES+A256KW", "A256GCM"]))


REAL = {
    "compact": compact("ECDH-ES+A256KW", KEY),
    "compact without a wrapped key": compact("dir", OCT),
    "general": as_json(jwe.GeneralJSONEncryption),
    "flattened": as_json(jwe.FlattenedJSONEncryption),
}
GOOD = json.loads(REAL["general"])
PARTS = REAL["compact"].split(".")


@pytest.mark.parametrize("form", REAL)
def test_what_a_library_makes_passes(form: str) -> None:
    assert is_jwe(REAL[form])


def test_it_may_be_laid_out_for_people() -> None:
    assert is_jwe(json.dumps(GOOD, indent=2))
    assert is_jwe(json.dumps({**GOOD, "unprotected": {"jku": "x"}}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hi",
        "hello, how are you?",
        "....",
        "a.b.c.d.e",
        "eyJ",
        ".".join(PARTS[:4]),
        ".".join([*PARTS, "AA"]),
        ".".join([encoded({"alg": "dir"}), *PARTS[1:]]),
        ".".join([encoded({"enc": "A256GCM"}), *PARTS[1:]]),
        ".".join([encoded(["alg", "enc"]), *PARTS[1:]]),
        ".".join([encoded("alg enc"), *PARTS[1:]]),
        ".".join([PARTS[0] + "=", *PARTS[1:]]),
        ".".join([*PARTS[:3], "in the clear", PARTS[4]]),
        ".".join([*PARTS[:3], "", PARTS[4]]),
        ".".join([*PARTS[:2], "", *PARTS[3:]]),
        ".".join([*PARTS[:4], ""]),
        " " + REAL["compact"],
        REAL["compact"] + "\n",
        "{}",
        "[]",
        "{" * 30_000,
        '{"protected":' + "[" * 30_000,
        json.dumps({**GOOD, "ciphertext": "in the clear"}),
        json.dumps({**GOOD, "ciphertext": ""}),
        json.dumps({**GOOD, "protected": "e30="}),
        json.dumps({**GOOD, "protected": ""}),
        json.dumps({**GOOD, "protected": encoded(7)}),
        json.dumps({**GOOD, "recipients": []}),
        json.dumps({**GOOD, "recipients": [{}]}),
        json.dumps({**GOOD, "recipients": [{"encrypted_key": ""}]}),
        json.dumps({**GOOD, "recipients": "all"}),
        *(json.dumps({k: v for k, v in GOOD.items() if k != gone}) for gone in GOOD),
        json.dumps(GOOD) + " P.S. in the clear",
    ],
)
def test_what_is_none_does_not(text: str) -> None:
    assert not is_jwe(text)


@given(st.text(max_size=200))
def test_whatever_is_said_is_judged(text: str) -> None:
    assert not is_jwe(text)


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_json_of_any_kind_is_judged(inner: Any) -> None:
    for member in GOOD:
        text = json.dumps({**GOOD, member: inner})
        assert isinstance(is_jwe(text), bool)
