"""Contacts: which there are, and their one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.contacts import BadContact, contact


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("mailto:alice@example.org", "mailto:alice@example.org"),
        ("mailto:Alice@EXAMPLE.org", "mailto:Alice@example.org"),
        ("mailto:alice+chat@example.org", "mailto:alice+chat@example.org"),
        ("mailto:alice@bücher.example", "mailto:alice@xn--bcher-kva.example"),
        ("mailto:jürgen@bücher.example", "mailto:jürgen@bücher.example"),
        ("tel:+4930901820", "tel:+4930901820"),
        ("tel:+49 (30) 90-18-20", "tel:+4930901820"),
        ("tel:+1 650 253 0000", "tel:+16502530000"),
    ],
)
def test_what_a_contact_becomes(typed: str, kept: str) -> None:
    assert contact(typed) == kept
    assert contact(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "alice@example.org",
        "mailto:",
        "mailto:alice",
        "mailto:alice@",
        "mailto:alice@localhost",
        "mailto:alice@[127.0.0.1]",
        "mailto:alice@example.org,bob@example.org",
        "mailto:alice@example.org bob@example.org",
        "mailto:alice@example.org?bcc=bob@example.org",
        "mailto:Alice <alice@example.org>",
        'mailto:"a b"@example.org',
        "mailto:alice@example.org\r\nBcc: bob@example.org",
        "mailto:alice@exa\u0000mple.org",
        f"mailto:{'a' * 65}@example.org",
        f"mailto:a@{'b' * 300}.org",
        "tel:",
        "tel:112",
        "tel:030 901820",
        "tel:+49",
        "tel:+4930901820;ext=5",
        "tel:+999 1234567",
        "tel:+49 30 901820 and more",
        "tel:+49 30 CHATTING",
        "tel:+٤٩٣٠٩٠١٨٢٠",
        "sms:+4930901820",
        "",
    ],
)
def test_what_is_no_contact(typed: str) -> None:
    with pytest.raises(BadContact) as bad:
        contact(typed)
    assert str(bad.value)
    assert str(bad.value).isprintable()


@given(st.sampled_from(["mailto:", "tel:", ""]), st.text(max_size=60))
def test_whatever_is_typed_is_a_contact_or_is_not(scheme: str, typed: str) -> None:
    try:
        kept = contact(scheme + typed)
    except BadContact:
        return
    assert contact(kept) == kept
    assert kept.isprintable() and not set(kept) & set(" \r\n<>,")
