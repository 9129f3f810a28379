"""Lines that somebody made to do harm: each is refused, and says why in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwe import GeneralJSONEncryption, encrypt_json

from chatctl.e2e import (
    DoesNotOpen,
    E2eError,
    Malformed,
    NotForUs,
    Unsafe,
    looks_sealed,
    open_message,
)
from chatctl.e2e.jwe import TRIES_MAX

from .e2e_strategies import HEADERS, JSON_VALUES
from .e2e_world import (
    BOB,
    HEADER,
    MALLORY,
    NOW,
    b64,
    changed,
    message,
    unless_refused,
    with_header,
)

LINE = message()
PARTS = json.loads(LINE)
BOBS = PARTS["recipients"][1]
EPK = BOBS["header"]["epk"]


def refused(line: str, error: type[E2eError]) -> str:
    """The sentence with which Bob's client refuses `line`; it looks sealed and still is none."""
    with pytest.raises(error) as caught:
        open_message(line, BOB)
    return caught.value.sentence


def for_bob(**header: Any) -> str:
    """The line with Bob's own header changed; None takes a member out."""
    merged = {**BOBS["header"], **header}
    kept = {name: value for name, value in merged.items() if value is not None}
    return changed(LINE, recipients=[{**BOBS, "header": kept}])


@pytest.mark.parametrize(
    "members",
    [
        {"alg": "none"},
        {"alg": "dir"},
        {"alg": "RSA1_5"},
        {"alg": "A256KW"},
        {"alg": "ECDH-1PU+A256KW"},
        {"alg": "PBES2-HS512+A256KW", "p2c": 2**31 - 1, "p2s": "AAAA"},
        {"alg": ["ECDH-ES+A256KW"]},
        {"alg": {}},
        {"alg": None},
        {"p2c": 2**31 - 1},
        {"enc": "A192GCM"},
        {"enc": "none"},
        {"enc": []},
        {"zip": "DEF"},
        {"zip": None, "crit": ["exp"], "exp": 1},
        {"crit": ["typ"], "typ": "x"},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
    ],
)
def test_methods_and_extensions_that_are_refused(members: dict[str, Any]) -> None:
    assert "The message" in refused(with_header(LINE, **members), Unsafe)


@pytest.mark.parametrize(
    "members",
    [
        {"crit": ["x"]},
        {"zip": "DEF"},
        {"p2c": 10**9},
        {"b64": False},
        {"epk": {**EPK, "d": "A" * 43}},
    ],
)
def test_they_are_refused_outside_of_the_protected_header_too(members: dict[str, Any]) -> None:
    refused(for_bob(**members), Unsafe)
    if "epk" not in members:
        refused(changed(LINE, unprotected=members), Unsafe)


def test_a_bomb_is_not_unfolded() -> None:
    """Good in every other way: ten million zeros in less than 16 kB."""
    bomb = GeneralJSONEncryption({**HEADER, "zip": "DEF"}, bytes(10_000_000))
    bomb.add_recipient({"kid": BOB.enc.kid}, BOB.enc.loaded)
    methods = [*HEADER.values(), "DEF"]
    line = json.dumps(encrypt_json(bomb, None, methods))
    assert len(line) < 16_000
    assert "compressed" in refused(line, Unsafe)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("", Malformed),
        ("hello", Malformed),
        ("{}", Malformed),
        ("x" * 32_769, Malformed),
        ('{"a":' * 6_000, Malformed),
        (LINE[:-1], Malformed),
        (LINE[: len(LINE) // 2], Malformed),
        (LINE.replace('"iv"', '"iv":"AAAA","iv"'), Malformed),
        (changed(LINE, protected=None), Malformed),
        (changed(LINE, protected="!"), Malformed),
        (changed(LINE, protected=b64(b"[]")), Malformed),
        (changed(LINE, protected=b64({})), Malformed),
        (changed(LINE, protected=b64(b'{"enc":"A256GCM","enc":"A256GCM"}')), Malformed),
        (changed(LINE, protected=b64(b'{ "alg":"ECDH-ES+A256KW","enc":"A256GCM"}')), Malformed),
        (changed(LINE, ciphertext=None), Malformed),
        (changed(LINE, ciphertext=1), Malformed),
        (changed(LINE, ciphertext="="), DoesNotOpen),
        (changed(LINE, ciphertext=PARTS["ciphertext"][:-4]), DoesNotOpen),
        (changed(LINE, ciphertext=""), DoesNotOpen),
        (changed(LINE, tag=PARTS["tag"][:-6]), DoesNotOpen),
        (changed(LINE, tag=""), DoesNotOpen),
        (changed(LINE, iv="AAAA"), DoesNotOpen),
        (changed(LINE, iv=""), DoesNotOpen),
        (changed(LINE, iv="A" * 16), DoesNotOpen),
        (changed(LINE, aad="AAAA"), Unsafe),
        (changed(LINE, aad=None, recipients=[]), NotForUs),
        (changed(LINE, recipients={}), Malformed),
        (changed(LINE, recipients=[1]), Malformed),
        (changed(LINE, recipients=[BOBS] * 111), Malformed),
        (changed(LINE, recipients=[{}]), DoesNotOpen),
        (changed(LINE, recipients=PARTS["recipients"][:1]), NotForUs),
        (changed(LINE, encrypted_key="AAAA"), Malformed),
        (changed(LINE, header={"kid": BOB.enc.kid}), Malformed),
        (changed(LINE, unprotected={"enc": "A128GCM"}), Malformed),
        (changed(LINE, recipients=[{**BOBS, "encrypted_key": "AAAA"}]), DoesNotOpen),
        (changed(LINE, recipients=[{**BOBS, "encrypted_key": "!"}]), DoesNotOpen),
        (changed(LINE, recipients=[{"header": BOBS["header"]}]), DoesNotOpen),
        (
            changed(LINE, recipients=[{**PARTS["recipients"][0], "header": BOBS["header"]}]),
            DoesNotOpen,
        ),
        (with_header(LINE, typ="JOSE"), DoesNotOpen),
        (with_header(LINE, enc="A128GCM"), DoesNotOpen),
        (with_header(LINE, enc="A128CBC-HS256"), DoesNotOpen),
        (with_header(LINE, alg="ECDH-ES"), DoesNotOpen),
    ],
)
def test_broken_and_changed_lines(line: str, error: type[E2eError]) -> None:
    refused(line, error)


@pytest.mark.parametrize(
    "epk",
    [
        {**EPK, "x": "A" * 43},
        {**EPK, "x": "A" * 42},
        {**EPK, "x": MALLORY.enc.public["x"]},
        {**EPK, "crv": "P-384"},
        {**EPK, "crv": "X25519"},
        {**EPK, "kty": "oct", "k": "AAAA"},
        {},
        [],
        "key",
        1,
    ],
)
def test_an_ephemeral_key_that_is_none(epk: Any) -> None:
    refused(for_bob(epk=epk), Malformed)


def test_a_missing_or_wrong_ephemeral_key() -> None:
    refused(for_bob(epk=None), DoesNotOpen)
    refused(for_bob(epk=MALLORY.enc.public), DoesNotOpen)
    refused(for_bob(apu="AAAA"), DoesNotOpen)
    refused(for_bob(apv=1), DoesNotOpen)


def test_a_recipient_named_in_a_wrong_way_is_nobody() -> None:
    refused(for_bob(kid=1), NotForUs)
    refused(for_bob(kid=MALLORY.enc.kid), NotForUs)


def test_many_nameless_recipients_take_a_bounded_number_of_tries() -> None:
    nameless = {"header": {"epk": EPK}, "encrypted_key": "A" * 54}
    line = changed(LINE, recipients=[nameless] * 110)
    old = BOB
    for _ in range(3):
        old = old.rotated(NOW)
    assert 110 * len(old.opening) > TRIES_MAX
    with pytest.raises(DoesNotOpen):
        open_message(line, old)


def compact(header: dict[str, Any] | bytes, *parts: str) -> str:
    return ".".join([b64(header), *(parts or ("", "AAAA", "AAAA", "AAAA"))])


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (compact({"alg": "none", "enc": "A256GCM"}), Unsafe),
        (compact({"alg": "dir", "enc": "A256GCM"}), Unsafe),
        (compact({"alg": "PBES2-HS256+A128KW", "p2c": 10**9, "enc": "A256GCM"}), Unsafe),
        (compact({**HEADER, "zip": "DEF"}), Unsafe),
        (compact({**HEADER, "crit": ["exp"], "exp": 1}), Unsafe),
        (compact({"enc": "A256GCM"}), Unsafe),
        (compact({"alg": "ECDH-ES"}), Unsafe),
        (compact({**HEADER, "kid": MALLORY.enc.kid}), NotForUs),
        (compact({**HEADER, "epk": EPK}), DoesNotOpen),
        (compact({**HEADER, "epk": EPK, "kid": BOB.enc.kid}), DoesNotOpen),
        (compact({**HEADER, "epk": {**EPK, "y": "A" * 43}}), Malformed),
        (compact(b'{"alg":"ECDH-ES","alg":"ECDH-ES"}'), Malformed),
        (compact({**HEADER, "epk": EPK, "pad": "x" * 2_000}), DoesNotOpen),
        (compact(b'{"x'), Malformed),
    ],
)
def test_compact_lines(line: str, error: type[E2eError]) -> None:
    assert looks_sealed(line)
    refused(line, error)


def opens_as_it_was(line: str) -> bool:
    opened = unless_refused(lambda: open_message(line, BOB))
    return opened is None or opened.text == "hello"


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_line_is_refused(line: str) -> None:
    assert unless_refused(lambda: open_message(line, BOB)) is None


@given(st.dictionaries(st.sampled_from([*PARTS, "unprotected", "header", "aad"]), JSON_VALUES))
def test_any_members_open_or_are_refused(members: dict[str, Any]) -> None:
    assert opens_as_it_was(changed(LINE, **members))


@given(HEADERS, HEADERS, HEADERS)
def test_any_headers_open_or_are_refused(
    protected: dict[str, Any], own: dict[str, Any], shared: dict[str, Any]
) -> None:
    line = changed(with_header(LINE, **protected), recipients=[{**BOBS, "header": own}])
    assert opens_as_it_was(changed(line, unprotected=shared))
    assert opens_as_it_was(for_bob(**own))


@given(HEADERS, st.lists(st.text("AQgw"), min_size=4, max_size=4))
def test_any_compact_line_is_refused(header: dict[str, Any], parts: list[str]) -> None:
    assert unless_refused(lambda: open_message(compact(header, *parts), BOB)) is None


@given(st.integers(0, len(LINE) - 1), st.characters(codec="ascii"))
def test_one_character_changed_anywhere(place: int, char: str) -> None:
    assert opens_as_it_was(LINE[:place] + char + LINE[place + 1 :])
