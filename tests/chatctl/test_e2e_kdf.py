"""The password's two keys: the same everywhere, apart from each other, never from a weak kdf."""

from __future__ import annotations

import hmac
import re
from dataclasses import replace

import pytest
from argon2.low_level import Type, hash_secret_raw
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import BadKdf, BadPassword, E2eError, Kdf, Master, accepted_kdf, fresh_kdf
from chatctl.e2e.kdf import parse_kdf
from chatd.protocol import base64url

CHEAP = Kdf(memory_kib=8, passes=1, lanes=1, salt=bytes(range(16)))
"""For tests: `accepted_kdf` refuses it, and what derives from it is derived alike."""
GOOD = fresh_kdf()


def test_a_fresh_kdf_is_accepted_and_new() -> None:
    assert accepted_kdf(str(GOOD)) == GOOD
    assert re.fullmatch(r"argon2id\$v=19\$m=65536,t=3,p=4\$[\w-]{22}", str(GOOD))
    assert fresh_kdf().salt != GOOD.salt


def test_none_is_none() -> None:
    assert accepted_kdf("none") is None


@pytest.mark.parametrize(
    "kdf",
    [
        replace(GOOD, memory_kib=65_535),
        replace(GOOD, passes=2),
        replace(GOOD, salt=bytes(15)),
        replace(GOOD, memory_kib=1_048_577),
        replace(GOOD, passes=21),
        replace(GOOD, lanes=17),
        replace(GOOD, salt=bytes(65)),
        CHEAP,
    ],
)
def test_weak_and_endless_ones_are_refused(kdf: Kdf) -> None:
    assert parse_kdf(str(kdf)) == kdf
    with pytest.raises(BadKdf, match="nothing was sent"):
        accepted_kdf(str(kdf))


@pytest.mark.parametrize(
    "kdf", [replace(GOOD, lanes=1), replace(GOOD, lanes=16), Kdf(1_048_576, 20, 16, bytes(64))]
)
def test_what_is_safe_is_accepted(kdf: Kdf) -> None:
    assert accepted_kdf(str(kdf)) == kdf


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NONE",
        "argon2i$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA",
        "argon2id$v=16$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA",
        "argon2id$v=19$m=65536,t=3$AAAAAAAAAAAAAAAAAAAAAA",
        "argon2id$v=19$m=065536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA",
        "argon2id$v=19$m=٦٥٥٣٦,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA",
        "argon2id$v=19$m=65536,t=-3,p=4$AAAAAAAAAAAAAAAAAAAAAA",
        "argon2id$v=19$m=99999999999,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA",
        "argon2id$v=19$m=65536,t=3,p=4$",
        "argon2id$v=19$m=65536,t=3,p=4$A",
        "argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA==",
        "argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA\n",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(E2eError):
        accepted_kdf(text)


@given(st.text() | st.from_regex(r"argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[\w-]*", fullmatch=True))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    try:
        kdf = accepted_kdf(text)
    except E2eError:
        kdf = None
    assert kdf is None or str(kdf) == text


def test_the_keys_follow_the_recipe() -> None:
    """By the primitives alone, as another implementation would find them."""
    hashed = hash_secret_raw("pässword".encode(), CHEAP.salt, 1, 8, 1, 32, Type.ID, 19)
    extracted = hmac.digest(bytes(32), hashed, "sha256")
    login = hmac.digest(extracted, b"chat/1 authentication\x01", "sha256")
    vault = hmac.digest(extracted, b"chat/1 vault\x01", "sha256")
    master = Master.from_password("pässword", CHEAP)
    assert master.secret_for("chat.example") == base64url.encode(
        hmac.digest(login, b"chat.example", "sha256")
    )
    assert master.wrapping_key.raw == vault


def test_each_server_password_and_salt_has_a_secret_of_its_own() -> None:
    master = Master.from_password("secret", CHEAP)
    others = [
        master.secret_for("b.example"),
        Master.from_password("Secret", CHEAP).secret_for("a.example"),
        Master.from_password("secret", replace(CHEAP, salt=bytes(16))).secret_for("a.example"),
        base64url.encode(master.wrapping_key.raw),
    ]
    assert len({master.secret_for("a.example"), *others}) == 5
    assert re.fullmatch(r"[\w-]{43}", master.secret_for("a.example"))
    assert Master.from_password("secret", CHEAP).secret_for("b.example") == others[0]


def test_one_password_typed_in_two_ways_is_one() -> None:
    composed, decomposed = "caf\u00e9 x", "cafe\u0301\u00a0x"
    secrets = {Master.from_password(p, CHEAP).secret_for("a") for p in (composed, decomposed)}
    assert len(secrets) == 1


@pytest.mark.parametrize("password", ["", "a\x00b", "a\tb", "\ue000", "x" * 1_025])
def test_what_is_no_password(password: str) -> None:
    with pytest.raises(BadPassword) as caught:
        Master.from_password(password, CHEAP)
    assert caught.value.__context__ is None


def test_what_argon2_does_not_take_is_refused() -> None:
    with pytest.raises(BadKdf):
        Master.from_password("secret", replace(CHEAP, salt=b"short"))


def test_nothing_secret_shows() -> None:
    master = Master.from_password("secret", CHEAP)
    assert repr(master) == "Master(…)"
    assert repr(master.wrapping_key) == "WrappingKey(kid='password')"
    with pytest.raises(ValueError, match="32 bytes"):
        Master(b"short")
    with pytest.raises(ValueError, match="name"):
        master.secret_for("")
