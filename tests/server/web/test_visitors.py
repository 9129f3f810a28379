"""Whose request it is, and who may lie about that."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from chatd.server.web.visitors import NOBODY, exposed, visitor

PROXY = "192.0.2.7"


def request(peer: str, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return HTTPConnection({"type": "http", "client": (peer, 4711), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "whose"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        ("198.51.100.1", ["127.0.0.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
        (PROXY, [], PROXY),
        (PROXY, ["198.51.100.1"], "198.51.100.1"),
        (PROXY, ["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
        (PROXY, ["127.0.0.1", "198.51.100.1"], "198.51.100.1"),
        (PROXY, [f"127.0.0.1, 198.51.100.1, {PROXY}"], "198.51.100.1"),
        (PROXY, ["2001:db8::1"], "2001:db8::1"),
        (f"::ffff:{PROXY}", ["::ffff:198.51.100.1"], "198.51.100.1"),
        (PROXY, ["unknown"], NOBODY),
        (PROXY, ["127.0.0.1, <script>"], NOBODY),
        (PROXY, [""], NOBODY),
        (PROXY, ["127.0.0.1,"], NOBODY),
        ("::1", [], "::1"),
    ],
)
def test_what_a_proxy_has_added_is_believed_and_nothing_else(
    peer: str, forwarded: list[str], whose: str
) -> None:
    assert visitor(request(peer, *forwarded), {PROXY}) == whose


@pytest.mark.parametrize(
    ("peer", "is_exposed"),
    [("127.0.0.1", False), ("::1", False), (PROXY, False), ("198.51.100.1", True)],
)
def test_what_others_may_read(peer: str, is_exposed: bool) -> None:
    assert exposed(request(peer, "127.0.0.1"), {PROXY}) == is_exposed
