"""Session tokens and session ids."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol.fields import CODE_DIGITS
from chatd.security.tokens import new_code, new_session_id, new_token, random_hash, token_hash


def test_tokens_are_43_characters_of_base64url_and_all_different() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert all(len(urlsafe_b64decode(token + "=")) == 32 for token in tokens)


@given(st.binary(min_size=32, max_size=32))
def test_the_hash_is_that_of_the_32_bytes(raw: bytes) -> None:
    token = urlsafe_b64encode(raw).decode().rstrip("=")
    assert token_hash(token) == hashlib.sha256(raw).digest()


@given(st.text(max_size=50))
def test_any_text_gives_a_hash_or_none(text: str) -> None:
    assert token_hash(text) is None


def test_what_is_no_token_has_no_hash() -> None:
    token = new_token()
    spoiled = ["", token[:-1], token + "A", token + "=", token + "\n"]
    spoiled += [char + token[1:] for char in " +/=|١é"]
    assert [text for text in spoiled if token_hash(text) is not None] == []


def test_one_spelling_only_stands_for_a_token() -> None:
    token = "A" * 43
    assert token_hash(token) is not None
    assert [last for last in "BCD" if token_hash("A" * 42 + last) is not None] == []


def test_session_ids_are_short_and_all_different() -> None:
    ids = {new_session_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[a-z2-7]{12}", session_id) for session_id in ids)


def test_codes_are_digits_and_differ() -> None:
    codes = {new_code() for _ in range(1_000)}
    assert all(len(code) == CODE_DIGITS and code.isascii() and code.isdigit() for code in codes)
    assert len(codes) > 990
    assert {code[0] for code in codes} == set("0123456789")


def test_hashes_of_nothing_differ() -> None:
    assert len({random_hash() for _ in range(100)}) == 100
    assert {len(random_hash()) for _ in range(10)} == {32}
