"""The web application against what is no request for it, and against a defect of ours."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from chatd.server.web.listener import CONNECTION_SECONDS_MAX
from tests.server.web.site import (
    GET,
    broken,
    deaf,
    listening,
    settle,
    status,
    until,
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 30_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 30_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"*HELLO|chat/1\n\n", 400),
        (b"REGISTER|alice|correct horse\n\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", 400),
        (b"\x00" * 100 + b"\r\n\r\n", 400),
    ],
)
async def test_what_is_no_request_is_refused(data: bytes, expected: int) -> None:
    async with listening(deaf) as site:
        said = await site.ask(data)
        assert said in (b"", b"(reset)") or status(said) == expected
        await until(lambda: site.listener.connections == 0)
        assert status(await site.ask(GET)) == 200


async def test_http_2_is_not_spoken(mock_clock: MockClock) -> None:
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    upgrade += b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings
    async with listening(deaf) as site:
        for data in (preface, upgrade + preface):
            async with await site.connect(data) as stream:
                said = await stream.receive_some()
                assert b"hello" not in said
                mock_clock.jump(CONNECTION_SECONDS_MAX + 1)
                await settle(site, 0)


async def test_web_sockets_are_refused() -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    upgrade += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    async with listening(deaf) as site:
        assert status(await site.ask(upgrade)) == 403


async def test_a_defect_of_ours_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    async with listening(broken) as site:
        said = await site.ask(GET)
        assert status(said) == 500
        assert b"12345678" not in said
        assert status(await site.ask(GET)) == 500
    out, err = capsys.readouterr()
    assert "web request broke" in out + err
