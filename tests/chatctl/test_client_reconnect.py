"""`chatctl` and a server that dies, stops, comes back or speaks faster than one listens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from chatctl.client import connect
from chatctl.errors import ConnectionLost
from chatctl.happenings import Away, Back
from chatd.protocol.commands import (
    Auth,
    Forget,
    Leave,
    Logout,
    Msg,
    Passwd,
    Ping,
    Set,
    Whoami,
)
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import MemberLeft, Message, UnreadSince
from chatd.protocol.replies import Ponged
from tests.chatctl.client_world import SteadyServer, back, mortal, person, texts, until
from tests.serving import SECRET


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SteadyServer]:
    async with mortal(tmp_path) as made:
        yield made


async def elsewhere(server: SteadyServer) -> int:
    """Start the server where its clients do not look for it; the port to come back to."""
    home = server.port
    await server.begin(port=0)
    assert server.port != home
    return home


async def test_after_a_crash_the_client_is_back_and_logged_in(server: SteadyServer) -> None:
    async with person(server, "ann", "#ops") as ann:
        events = ann.events()
        await server.crash()
        [away] = await until(events, Away)
        assert isinstance(away, Away)
        assert not ann.connected
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.begin)
            assert (await ann.call(Whoami())).user == "ann"  # waits for the connection
        assert isinstance(await anext(events), Back)
        assert ann.connected


async def test_what_happened_while_away_is_caught_up_with(server: SteadyServer) -> None:
    """A known room, a person who writes for the first time, and what one posted oneself."""
    async with person(server, "ann", "#ops") as ann:
        events = ann.events()
        async with person(server, "ben", "#ops") as ben:
            await ben.call(Msg("#ops", "1"))
            await ann.call(Msg("#ops", "mine"))
            await ben.call(Msg("#ops", "2"))
            assert await texts(events, 2) == ["1", "2"]
            await ann.call(Msg("#ops", "mine too"))
        await server.crash()
        home = await elsewhere(server)
        async with person(server, "ben") as ben, person(server, "ann") as other_ann:
            for number in range(3, 250):
                await ben.call(Msg("#ops", str(number)))
            await other_ann.call(Msg("#ops", "from my other window"))
            await ben.call(Msg("ann", "psst"))
        await server.close()
        await server.begin(home)
        found: dict[str, list[str]] = {"#ops": [], "ben": []}
        while sum(map(len, found.values())) < 249:
            if isinstance(event := await anext(events), Message):
                found[event.conversation].append(event.text)
    assert found["#ops"] == [*map(str, range(3, 250)), "from my other window"]
    assert found["ben"] == ["psst"]


async def test_unread_is_announced_at_login_and_not_again(server: SteadyServer) -> None:
    async with person(server, "ann", "#ops"):
        pass
    async with person(server, "ben", "#ops") as ben:
        await ben.call(Msg("#ops", "old"))
        async with person(server, "ann") as ann:
            events = ann.events()
            assert isinstance(await anext(events), UnreadSince)
            await server.crash()
            await server.begin()
            await back(events)
            await ben.call(Msg("#ops", "new"))
            assert isinstance(event := await anext(events), Message)
            assert event.text == "new"


async def test_a_room_without_history_goes_on_where_it_is(server: SteadyServer) -> None:
    async with person(server, "ann", "#talk") as ann, person(server, "ben", "#talk") as ben:
        await ann.call(Set("#talk", history=False))
        events, bens_events = ann.events(), ben.events()
        await ben.call(Msg("#talk", "before"))
        assert await texts(events, 1) == ["before"]
        await server.crash()
        await server.begin()
        await back(bens_events)
        await back(events)
        await ben.call(Msg("#talk", "after"))
        assert await texts(events, 1) == ["after"]


async def test_a_membership_that_ended_while_away(server: SteadyServer) -> None:
    async with person(server, "ann", "#ops", "#left") as ann:
        events = ann.events()
        async with person(server, "ben", "#ops", "#left") as ben:
            await ben.call(Msg("#left", "1"))
            await ben.call(Msg("#ops", "2"))
        assert await texts(events, 2) == ["1", "2"]
        await server.crash()
        home = await elsewhere(server)
        async with person(server, "ann") as other_ann, person(server, "ben") as ben:
            await other_ann.call(Leave("#left"))
            await ben.call(Msg("#left", "not for ann"))
            await ben.call(Msg("#ops", "3"))
        await server.close()
        await server.begin(home)
        assert await texts(events, 1) == ["3"]


async def test_a_server_that_stops_is_waited_for(server: SteadyServer) -> None:
    async with person(server, "ann", "#ops") as ann, person(server, "ben", "#ops") as ben:
        events = ann.events()
        await server.close()
        await until(events, Away)
        await server.begin()
        assert isinstance(await anext(events), Back)
        await ben.send_once("#ops", "hello again")
        assert await texts(events, 1) == ["hello again"]


async def test_a_session_that_was_ended_stays_ended(server: SteadyServer) -> None:
    async with person(server, "ann") as ann, person(server, "ann") as other:
        events = ann.events()
        await other.call(Forget((await ann.call(Whoami())).session_id))
        for _ in range(2):
            with pytest.raises(ChatError) as caught:
                await anext(events)
            assert caught.value.code is Code.DENIED
        with pytest.raises(ChatError) as caught:
            await ann.call(Ping())
        assert caught.value.code is Code.DENIED


async def test_a_session_that_was_ended_while_away(server: SteadyServer) -> None:
    async with person(server, "ann") as ann:
        events = ann.events()
        await server.crash()
        home = await elsewhere(server)
        async with person(server, "ann") as other:
            await other.call(Passwd(SECRET, f"{SECRET} staple"))
        await server.close()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.begin, home)
            with pytest.raises(ChatError) as caught:
                await ann.call(Ping("waits, in vain"))
        assert caught.value.code is Code.DENIED
        assert isinstance(await anext(events), Away)
        with pytest.raises(ChatError):
            await anext(events)


async def test_another_server_does_not_get_the_token(server: SteadyServer, tmp_path: Path) -> None:
    async with person(server, "ann") as ann:
        events = ann.events()
        await server.crash()
        (tmp_path / "other").mkdir()
        other = SteadyServer(tmp_path / "other")
        await other.begin(server.port)
        with pytest.raises(ChatError, match="Another server") as caught:
            await until(events, Back)
        assert caught.value.code is Code.DENIED
        await other.crash()


async def test_without_reconnect_the_end_is_the_end(server: SteadyServer) -> None:
    async with person(server, "ann", "#ops", reconnect=False) as ann, person(server, "ben") as ben:
        await ben.call(Msg("ann", "last words"))
        events = ann.events()
        assert await texts(events, 1) == ["last words"]
        await server.crash()
        with pytest.raises(ConnectionLost):
            await anext(events)
        with pytest.raises(ConnectionLost):
            await ann.call(Ping())


async def test_who_is_not_logged_in_comes_back_too(server: SteadyServer) -> None:
    async with person(server, "ann") as ann, connect(server.address) as nobody:
        await ann.call(Logout())
        await server.crash()
        await server.begin()
        for client in (ann, nobody):
            assert await client.call(Ping("hi")) == Ponged("hi")
            with pytest.raises(ChatError) as caught:
                await client.call(Whoami())
            assert caught.value.code is Code.NOT_AUTHENTICATED
        await ann.call(Auth("ann", SECRET))
        assert ann.user == "ann"


async def test_an_end_seen_by_the_one_whom_it_concerns(server: SteadyServer) -> None:
    async with person(server, "ann", "#ops") as ann, person(server, "ben", "#ops") as ben:
        events = ben.events()
        await ann.raw("KICK|#ops|ben|flood")
        assert await anext(events) == MemberLeft("#ops", "ben", "ann", "flood")
