"""The activation page, of a real server: what the mail's link leads to, and who abuses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from chatd.server.web.activation import BODY_BYTES_MAX, TRIES_MAX
from tests.server.web.world import get, give, head, is_open, post, register, request, web_server
from tests.serving import Server, own_address

FORM = "application/x-www-form-urlencoded"
BEYOND = "203.0.113.9"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with web_server(tmp_path) as server:
        yield server


def fields(page: str) -> dict[str, str]:
    """The form's fields, as a browser would send them."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def test_the_link_opens_nothing_however_often_and_the_button_does(server: Server) -> None:
    letter = register(server, "alice")
    pages = [get(letter.link) for _ in range(3)]
    assert [page.status_code for page in pages] == [200] * 3
    assert head(letter.link).status_code == 200
    assert not is_open(server, "alice")
    said = give(server, fields(pages[-1].text))
    assert said.status_code == 200
    assert "Welcome, alice" in said.text
    assert is_open(server, "alice")


def test_it_is_on_disk_before_it_is_told(server: Server) -> None:
    letter = register(server, "alice")
    assert give(server, letter.form).status_code == 200
    server.kill()
    server.start()
    assert is_open(server, "alice")


def test_a_code_is_good_once(server: Server) -> None:
    letter = register(server, "alice")
    give(server, letter.form)
    again = give(server, letter.form)
    assert again.status_code == 403
    assert "just log in" in again.text
    assert letter.code not in again.text


def test_after_five_wrong_codes_the_right_one_is_void(server: Server) -> None:
    letter = register(server, "alice")
    wrong = {**letter.form, "code": "00000000" if letter.code != "00000000" else "11111111"}
    said = [give(server, wrong).status_code for _ in range(5)]
    assert said[0] == 403
    assert set(said) <= {403, 429}
    assert give(server, letter.form).status_code in (403, 429)
    assert not is_open(server, "alice")


def test_somebody_elses_code_opens_nothing(server: Server) -> None:
    alice, bob = register(server, "alice"), register(server, "bob")
    assert give(server, {**alice.form, "code": bob.code}).status_code == 403
    assert give(server, {"user": "nobody", "code": bob.code}).status_code == 403
    assert not is_open(server, "alice")
    assert not is_open(server, "bob")


def test_neither_log_nor_output_has_the_code(server: Server) -> None:
    letter = register(server, "alice")
    get(letter.link)
    give(server, {**letter.form, "user": "bob"})
    give(server, letter.form)
    assert server.stop() == 0
    assert letter.code not in server.log.read_text()
    assert server.complaints() == []


def test_the_headers_are_strict(server: Server) -> None:
    letter = register(server, "alice")
    for said in (get(letter.link), give(server, letter.form), get(f"{server.web}/no")):
        policy = said.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert said.headers["referrer-policy"] == "no-referrer"
        assert said.headers["x-content-type-options"] == "nosniff"
        assert said.headers["cache-control"] == "no-store"
        assert not {"server", "set-cookie", "x-powered-by"} & said.headers.keys()


@pytest.mark.parametrize(
    "user",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "your account is locked, call 555-0100",
        "alice\r\nSet-Cookie: a=b",
        "alice\u202egnp.exe",
        "x" * 2_000,
    ],
)
def test_what_is_no_name_is_not_shown(server: Server, user: str) -> None:
    where, form = f"{server.web}/activate", {"user": user, "code": "12345678"}
    for said in (get(where, params=form), post(where, data=form)):
        assert said.status_code in (200, 400)
        assert user not in unescape(said.text)
        assert not set("\r\n") & set("".join(said.headers.values()))
        assert "set-cookie" not in said.headers
        assert '<input name="user" value=""' in said.text


@pytest.mark.parametrize("code", ["", "1234567x", "-1", "1" * 65, "<b>", "12345678|x", "١٢٣٤٥٦٧٨"])
def test_what_is_no_code_asks_for_one(server: Server, code: str) -> None:
    shown = get(f"{server.web}/activate", params={"user": "alice", "code": code})
    assert (shown.status_code, fields(shown.text)) == (200, {})
    assert '<input name="code" inputmode="numeric"' in shown.text
    assert give(server, {"user": "alice", "code": code}).status_code == 400


def test_a_code_may_be_typed_as_it_is_read_aloud(server: Server) -> None:
    letter = register(server, "alice")
    typed = f" {letter.code[:4]} - {letter.code[4:]} "
    assert give(server, {"user": "ALICE ".strip(), "code": typed}).status_code == 200
    assert is_open(server, "alice")


def test_the_servers_name_is_escaped(tmp_path: Path) -> None:
    with web_server(tmp_path, name='<b>"Tom & Jerry\'s"') as server:
        page = get(f"{server.web}/activate?user=alice&code=12345678").text
    assert "&lt;b&gt;&quot;Tom &amp; Jerry&#x27;s&quot;" in page
    assert "<b>" not in page


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(server: Server, method: str) -> None:
    said = request(method, f"{server.web}/activate?user=alice&code=12345678")
    assert said.status_code == 405


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"user=alice&code=1", "text/plain", 415),
        (b'{"user": "alice"}', "application/json", 415),
        (b"", FORM, 400),
        (b"\xff\xfe", FORM, 400),
        (b"user=%ff&code=1", FORM, 400),
        (b"&".join([b"user=alice"] * 100), FORM, 400),
        (b"user=alice&code=" + b"1" * BODY_BYTES_MAX, FORM, 413),
    ],
)
def test_a_body_that_is_no_form_is_refused(
    server: Server, body: bytes, kind: str, status: int
) -> None:
    headers = {"content-type": kind}
    said = post(f"{server.web}/activate", content=body, headers=headers)
    assert said.status_code == status
    assert server.complaints() == []


def test_one_address_may_try_so_often(tmp_path: Path) -> None:
    with web_server(tmp_path, http_proxies="127.0.0.1") as server:

        def tried(number: int, address: str) -> httpx.Response:
            form = {"user": f"user{number}", "code": "12345678"}
            return give(server, form, x_forwarded_for=f"127.0.0.1, {address}")

        said = [tried(number, BEYOND).status_code for number in range(TRIES_MAX)]
        assert set(said) == {403}
        refused = tried(TRIES_MAX, BEYOND)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert tried(TRIES_MAX, "203.0.113.10").status_code == 403


def test_nobody_makes_others_wait_by_naming_their_address(server: Server) -> None:
    """What no proxy says is not believed."""
    said = [
        give(server, {"user": f"user{number}", "code": "12345678"}, x_forwarded_for=BEYOND)
        for number in range(TRIES_MAX + 1)
    ]
    assert {one.status_code for one in said} == {403}


def test_a_private_server_takes_no_code_in_the_clear(tmp_path: Path) -> None:
    """From this machine it does, and from a proxy."""
    own = own_address()
    with web_server(tmp_path, http=f"{own}:0", transport="private") as server:
        letter = register(server, "alice")
        assert get(letter.link).status_code == 403
        assert give(server, letter.form).status_code == 403
        assert not is_open(server, "alice")
        server.settings["http_proxies"] = own
        server.kill()
        server.start()
        assert give(server, letter.form).status_code == 200
        assert is_open(server, "alice")


def test_a_wait_is_told_in_words(server: Server) -> None:
    letter = register(server, "alice")
    wrong = {**letter.form, "code": "00000000" if letter.code != "00000000" else "11111111"}
    # However slowly one asks: each wrong one makes the wait longer.
    while (said := give(server, wrong)).status_code != 429:
        assert said.status_code == 403
    assert "Wait a moment" in said.text
    assert int(said.headers["retry-after"]) >= 1
