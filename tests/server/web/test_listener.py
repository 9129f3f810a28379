"""The web listener against clients that are slow, greedy or many."""

from __future__ import annotations

import socket

import pytest
from starlette.types import ASGIApp
from trio.testing import MockClock, wait_all_tasks_blocked

from chatd.server.web.app import REQUEST_SECONDS_MAX
from chatd.server.web.bounded import INPUT_BYTES_MAX, SEND_SECONDS_MAX
from chatd.server.web.listener import CONNECTION_SECONDS_MAX, HEAD_SECONDS_MAX
from tests.server.web.site import (
    CHUNKED,
    CUSHION_SECONDS,
    GET,
    POST,
    UNSENDABLE_BYTES,
    deaf,
    huge,
    listening,
    reader,
    rest,
    settle,
    status,
    until,
)
from tests.serving import own_address


async def test_one_request_a_connection() -> None:
    async with listening(deaf) as site:
        said = await site.ask(GET + GET)
        assert status(said) == 200
        assert b"connection: close" in said.lower()
        assert said.count(b"HTTP/1.1") == 1


async def test_who_sends_no_whole_head_is_let_go(mock_clock: MockClock) -> None:
    """Also one who goes on and on, byte by byte."""
    async with listening(deaf) as site:
        silent, slow = await site.connect(), await site.connect(b"GET / HT")
        await settle(site, 2)
        mock_clock.jump(HEAD_SECONDS_MAX - 1)
        await slow.send_all(b"TP/1.1\r\nX-")
        await wait_all_tasks_blocked(CUSHION_SECONDS)
        assert site.listener.connections == 2
        mock_clock.jump(2)
        assert await rest(silent) == b""
        assert await rest(slow) in (b"", b"(reset)")
        await settle(site, 0)


async def test_who_sends_no_whole_body_is_told_so(mock_clock: MockClock) -> None:
    async with listening(reader) as site:
        slow = await site.connect(POST % 100, b"x" * 99)
        await settle(site, 1)
        mock_clock.jump(REQUEST_SECONDS_MAX + 1)
        assert status(await rest(slow)) == 408
        await settle(site, 0)


async def test_who_does_not_read_is_let_go(mock_clock: MockClock) -> None:
    async with listening(huge) as site:
        stalled = await site.connect(GET)
        await settle(site, 1)
        mock_clock.jump(SEND_SECONDS_MAX + 1)
        await settle(site, 0)
        assert len(await rest(stalled)) < UNSENDABLE_BYTES


async def test_who_does_not_read_does_not_keep_the_server() -> None:
    """Were the end of `listening` to wait for it, this would never end."""
    async with listening(huge) as site:
        await site.connect(GET)
        await until(lambda: site.listener.connections == 1)
        await wait_all_tasks_blocked(CUSHION_SECONDS)


async def test_no_connection_is_for_ever(mock_clock: MockClock) -> None:
    async with listening(reader) as site:
        slow = await site.connect(CHUNKED)
        await settle(site, 1)
        mock_clock.jump(CONNECTION_SECONDS_MAX + 1)
        assert (await rest(slow))[:12] in (b"", b"(reset)", b"HTTP/1.1 408")
        await settle(site, 0)


@pytest.mark.parametrize("app", [deaf, reader])
async def test_a_body_in_a_thousand_pieces(app: ASGIApp) -> None:
    """Also where nobody reads it."""
    pieces = b"1\r\nx\r\n" * 1_000 + b"0\r\n\r\n"
    async with listening(app) as site:
        assert status(await site.ask(CHUNKED, pieces)) == 200
        await until(lambda: site.listener.connections == 0)


async def test_a_body_without_end() -> None:
    async with listening(reader) as site:
        said = await site.ask(POST % (1 << 30), bytes(INPUT_BYTES_MAX))
        assert b" 200 " not in said
        await until(lambda: site.listener.connections == 0)


async def test_who_comes_when_it_is_full_waits_for_a_place(mock_clock: MockClock) -> None:
    async with listening(reader, connections_max=2) as site:
        slow = [await site.connect(POST % 3, b"x") for _ in range(2)]
        await settle(site, 2)
        third = await site.connect(POST % 3, b"abc")
        await wait_all_tasks_blocked(CUSHION_SECONDS)
        assert site.listener.connections == 2
        await slow[0].send_all(b"yz")
        assert (await rest(slow[0])).endswith(b"3")
        assert (await rest(third)).endswith(b"3")


async def test_one_address_has_so_many_places() -> None:
    async with listening(reader, own_address(), of_address_max=2) as site:
        slow = [await site.connect(POST % 3, b"x") for _ in range(2)]
        await until(lambda: site.listener.connections == 2)
        assert await site.ask() == b""
        await slow[0].send_all(b"yz")
        assert (await rest(slow[0])).endswith(b"3")
        await until(lambda: site.listener.connections == 1)
        assert (await site.ask(POST % 3, b"abc")).endswith(b"3")


async def test_who_is_gone_at_once_harms_nobody() -> None:
    async with listening(deaf) as site:
        for _ in range(50):
            sock = socket.create_connection((site.host, site.port))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            sock.close()
        assert status(await site.ask(GET)) == 200
        await until(lambda: site.listener.connections == 0)


async def test_once_closed_nobody_comes_in_and_what_is_under_way_goes_on() -> None:
    async with listening(reader) as site:
        slow = await site.connect(POST % 3, b"x")
        await until(lambda: site.listener.connections == 1)
        site.listener.close()
        await wait_all_tasks_blocked(CUSHION_SECONDS)
        with pytest.raises(OSError, match="all attempts"):
            await site.connect()
        await slow.send_all(b"yz")
        assert (await rest(slow)).endswith(b"3")
