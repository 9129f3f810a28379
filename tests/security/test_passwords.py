"""Hashes of secrets, and how easily a secret is guessed. The parameters are argon2's smallest."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2.exceptions import HashingError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatd.security.passwords import MALFORMED, Hasher, weakness

HASHER = Hasher(memory_kib=8, passes=1, lanes=1)
STRONG = "correct horse battery staple"


def test_a_hash_is_argon2id_with_the_parameters_and_a_salt() -> None:
    first, second = HASHER.hash(STRONG), HASHER.hash(STRONG)
    assert first.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert first != second
    assert STRONG not in first


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.booleans())
def test_only_the_same_secret_verifies(secret: str, same: bool) -> None:
    hashed = HASHER.hash(secret)
    assert HASHER.verify(secret if same else secret + "x", hashed) is same


def test_a_long_secret_counts_to_its_end() -> None:
    hashed = HASHER.hash("a" * 60_000)
    assert HASHER.verify("a" * 60_000, hashed)
    assert not HASHER.verify("a" * 59_999 + "b", hashed)


@pytest.mark.parametrize("malformed", ["", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$AA$!"])
def test_a_malformed_hash_raises(malformed: str) -> None:
    with pytest.raises(MALFORMED):
        HASHER.verify(STRONG, malformed)


def test_other_parameters_ask_for_a_new_hash_and_still_verify() -> None:
    stronger = Hasher(memory_kib=16, passes=2, lanes=1)
    hashed = HASHER.hash(STRONG)
    assert not HASHER.needs_rehash(hashed)
    assert stronger.needs_rehash(hashed)
    assert stronger.verify(STRONG, hashed)


def test_parameters_that_allow_no_hash_are_refused_at_once() -> None:
    with pytest.raises(HashingError):
        Hasher(memory_kib=1, passes=1, lanes=4)


def test_the_decoy_is_a_hash_of_the_same_cost_that_nothing_verifies() -> None:
    assert not HASHER.needs_rehash(HASHER.decoy)
    assert not any(HASHER.verify(secret, HASHER.decoy) for secret in ("", STRONG, HASHER.decoy))
    assert HASHER.decoy != Hasher(memory_kib=8, passes=1, lanes=1).decoy


@pytest.mark.parametrize(
    "secret", ["", "password", "123456", "qwerty", "aaaaaaaa", "a" * 5000, "ababababab", "a", "é"]
)
def test_easy_secrets_are_named_weak_in_one_sentence(secret: str) -> None:
    why = weakness(secret)
    assert why is not None
    assert re.fullmatch(r"[A-Z][^\n]{10,150}\.", why)
    assert why.count(". ") == 0


def test_the_reason_is_told_but_not_the_secret() -> None:
    why = weakness("letmein")
    assert why is not None and "common" in why and "letmein" not in why


@pytest.mark.parametrize(
    "secret",
    [
        STRONG,
        "kX9#vQ2m",
        "тихая вода точит камень",
        "x9" + "abc-DEF_012" * 40,
        "gK7-" * 3,
        "4@8({[<3",
    ],
)
def test_good_secrets_pass(secret: str) -> None:
    assert weakness(secret) is None


def test_ones_own_name_is_known() -> None:
    assert weakness("zorvelqua") is None
    assert weakness("zorvelqua", "zorvelqua") is not None
    assert weakness("Zorvelqua", "zorvelqua") is not None


@pytest.fixture
def threads_that_switch_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_one_persons_names_do_not_weigh_on_anothers_secret(threads_that_switch_often: None) -> None:
    """Also while others are scored: the library has one dictionary for all threads."""
    names = [f"zorvelqua{chr(97 + at)}{chr(97 + at)}v" for at in range(20)]
    with ThreadPoolExecutor(8) as pool:
        own = list(pool.map(lambda name: weakness(name, name), names * 5))
    assert None not in own


def test_a_secret_full_of_substitutes_is_judged_by_its_beginning() -> None:
    """All that its characters may stand for would take over a second to go through."""
    assert weakness("4@8({[<369!1|705$+%2" * 4) is None
    assert weakness("aaaaaaaaaaaaaaaa4@8({[<369!1|705$+%2") is not None


@settings(deadline=None)
@given(st.text(max_size=100))
@example("İ" * 30)
@example("4@8({[<369!1|705$+%2" * 4)
@example("ß\u0130ﬁ" * 20)
def test_any_text_is_scored(secret: str) -> None:
    why = weakness(secret, secret[:5], "alice")
    assert why is None or why.endswith(".")
