"""`chatctl/client.py` with a real server: calls, events, errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import pytest
import trio

from chatctl.client import connect
from chatctl.errors import CannotConnect, ConnectionLost
from chatd.protocol.commands import (
    Auth,
    History,
    Join,
    Leave,
    Logout,
    Msg,
    Ping,
    Quit,
    Resume,
    Rooms,
    Send,
    Whoami,
)
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.events import MemberJoined, Message, UnreadSince
from chatd.protocol.replies import Joined, Ponged, RoomItem
from tests.chatctl.client_world import SteadyServer, person, texts
from tests.peer import nowhere
from tests.serving import SECRET, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all that leaves it standing."""
    folder = tmp_path_factory.mktemp("server")
    made = SteadyServer(folder, unix=folder / "socket")
    made.start()
    yield made
    made.kill()


async def test_replies_are_typed(server: Server) -> None:
    async with person(server, "ann") as ann:
        joined = await ann.call(Join("#Types"))
        rooms = await ann.call(Rooms())
        assert_type(joined, Joined)
        assert_type(rooms, list[RoomItem])
        assert joined == Joined("#types", 0, 1)
        assert RoomItem("#types", 1, True, "") in rooms
        assert ann.user == "ann"
        assert ann.hello.protocol == "chat/1"
        assert ann.connected


async def test_refusals_are_chat_errors_and_nothing_else_breaks(server: Server) -> None:
    async with connect(server.address) as client:
        with pytest.raises(ChatError) as caught:
            await client.call(Whoami())
        assert caught.value.code is Code.NOT_AUTHENTICATED
        with pytest.raises(ChatError) as caught:
            await client.call(Auth("nobody", "wrong secret"))
        assert caught.value.code is Code.DENIED
        assert client.user is None
        with pytest.raises(ChatError) as caught:
            await client.call(Ping("\x1b[2J"))
        assert caught.value.code is Code.BAD_LINE
        with pytest.raises(ChatError) as caught:
            await client.call(Ping("\udcff"))
        assert caught.value.code is Code.BAD_LINE
        assert await client.call(Ping("|\n\\p\r")) == Ponged("|\n\\p\r")


async def test_a_token_logs_in_again(server: Server) -> None:
    async with connect(server.address) as client:
        with pytest.raises(ChatError):
            await client.call(Resume("A" * 43))
    async with person(server, "ben") as ben:
        await ben.call(Logout())
        token = (await ben.call(Auth("Ben", SECRET))).token
        assert ben.user == "ben"
    async with connect(server.address, token=token) as again:
        assert again.user == "ben"
        await again.call(Logout())
    with pytest.raises(ChatError) as caught:
        async with connect(server.address, token=token):
            raise AssertionError("the token is no longer valid")
    assert caught.value.code is Code.DENIED


async def test_many_tasks_call_at_once_and_each_gets_its_answer(server: Server) -> None:
    answers: dict[int, str] = {}

    async def ask(number: int) -> None:
        answers[number] = (await client.call(Ping(str(number)))).text

    async with connect(server.address) as client, trio.open_nursery() as nursery:
        for number in range(2_000):
            nursery.start_soon(ask, number)
    assert answers == {number: str(number) for number in range(2_000)}


async def test_a_call_that_is_given_up_does_not_shift_the_answers(server: Server) -> None:
    async with connect(server.address) as client:
        for _ in range(600):  # more than may be under way at once
            with trio.CancelScope() as scope:
                scope.cancel()
                await client.call(Ping("given up"))
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(client.call, Ping("sent, then given up"))
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.cancel_scope.cancel()
        assert await client.call(Ping("mine")) == Ponged("mine")


async def test_raw_lines_are_answered_as_they_come(server: Server) -> None:
    async with connect(server.address) as client:
        assert [answer.rest for answer in await client.raw("ping|a|b")] == ["a|b"]
        info = await client.raw("INFO")
        assert {answer.outcome for answer in info[:-1]} == {"ITEM"}
        assert info[-1].rest == str(len(info) - 1)
        [refused] = await client.raw("DANCE|now")
        assert (refused.verb, refused.error().code) == ("ERROR", Code.UNKNOWN_VERB)
        [refused] = await client.raw("JOIN")
        assert (refused.verb, refused.error().code) == ("JOIN", Code.BAD_FIELD)
        [refused] = await client.raw("PING|" + "x" * 70_000)
        assert refused.error().code is Code.LINE_TOO_LONG
        for line in ("", "\r", "PING\nPING"):
            with pytest.raises(ChatError):
                await client.raw(line)


async def test_a_raw_login_counts_as_login(server: Server) -> None:
    async with person(server, "cleo"), connect(server.address) as client:
        await client.raw(f"auth|Cleo|{SECRET}")
        assert client.user == "cleo"


async def test_messages_and_others_events_arrive(server: Server) -> None:
    async with person(server, "dora", "#arrive") as dora, person(server, "emil") as emil:
        await emil.call(Join("#arrive"))
        events = dora.events()
        assert await anext(events) == MemberJoined("#arrive", "emil")
        posted = await emil.call(Msg("#arrive", "a|b\nc"))
        await dora.call(Msg("#arrive", "mine, which is not shown to me"))
        second = await emil.send_once("dora", "hello")
        assert await anext(events) == Message("#arrive", posted.seq, posted.time, "emil", "a|b\nc")
        assert await anext(events) == Message("emil", second.seq, second.time, "emil", "hello")


async def test_what_was_unread_at_login_is_announced(server: Server) -> None:
    async with person(server, "finn"):
        pass
    async with person(server, "gina") as gina:
        first = await gina.call(Msg("finn", "one"))
        last = await gina.call(Msg("finn", "two"))
        async with person(server, "finn") as finn:
            events = finn.events()
            assert await anext(events) == UnreadSince("gina", 2, first.seq, last.seq)
            missed = await finn.call(History("gina", after=first.seq - 1))
            assert [item.text for item in missed] == ["one", "two"]
            await gina.call(Msg("finn", "three"))
            assert await texts(events, 1) == ["three"]


async def test_a_message_sent_once_is_posted_once(server: Server) -> None:
    async with person(server, "hugo") as hugo:
        first = await hugo.send_once("hugo", "note", id="42")
        assert await hugo.send_once("hugo", "note", id="42") == first
        assert (await hugo.send_once("hugo", "note")).seq > first.seq
        with pytest.raises(ChatError) as caught:
            await hugo.call(Send("hugo", "42", "another note"))
        assert caught.value.code is Code.CONFLICT


async def test_a_reader_that_makes_calls_is_never_stuck(server: Server) -> None:
    """Far more comes than is kept; each message is answered from within the loop."""
    count = 3_000
    async with person(server, "ida", "#flood") as ida, person(server, "jan", "#flood") as jan:
        async with trio.open_nursery() as nursery:
            for number in range(count):
                nursery.start_soon(jan.call, Msg("#flood", str(number)))
        events = ida.events()
        found: list[int] = []
        while len(found) < count:
            event = await anext(events)
            if isinstance(event, Message):
                await ida.call(Ping(event.text))
                found.append(int(event.text))
        assert sorted(found) == list(range(count))
        history = await ida.call(History("#flood", limit=1_000))
        assert [int(item.text) for item in history] == found[-1_000:]


async def test_after_leaving_nothing_more_is_shown(server: Server) -> None:
    async with person(server, "kim", "#door") as kim, person(server, "leo", "#door") as leo:
        events = kim.events()
        await leo.call(Msg("#door", "before"))
        await kim.call(Leave("#door"))
        await leo.call(Msg("#door", "while away"))
        await kim.call(Join("#door"))
        await leo.call(Msg("#door", "after"))
        assert await texts(events, 2) == ["before", "after"]


async def test_quit_ends_the_events(server: Server) -> None:
    async with person(server, "mia") as mia:
        events = mia.events()
        await mia.call(Quit())
        assert [event async for event in events] == []
        with pytest.raises(ConnectionLost):
            await mia.call(Ping())


async def test_a_unix_socket_serves_as_well(server: Server) -> None:
    async with connect(f"unix:{server.settings['unix']}") as client:
        assert await client.call(Ping("hi")) == Ponged("hi")


async def test_where_nobody_listens() -> None:
    with nowhere() as port:
        for server, why in (
            (f"127.0.0.1:{port}", "127.0.0.1:[0-9]+: Connection refused"),
            (f"localhost:{port}", "Connection refused"),
            ("no-such-host.invalid", "no-such-host.invalid:4040: "),
            ("unix:/nowhere/at/all", "unix:/nowhere/at/all: No such file"),
            ("no address:x", "HOST:PORT"),
        ):
            with pytest.raises(CannotConnect, match=why):
                async with connect(server):
                    raise AssertionError("nobody listens there")


async def test_what_is_no_chat_server(tmp_path: Path) -> None:
    async def greet(stream: trio.SocketStream) -> None:
        await stream.send_all(b"SSH-2.0-OpenSSH_9.9\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, greet, 0)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(CannotConnect, match="does not speak"):
            async with connect(f"127.0.0.1:{port}"):
                raise AssertionError("it is no chat server")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("error", [ValueError("x"), ExceptionGroup("mine", [ValueError("x")])])
async def test_what_the_body_raises_comes_out_as_it_is(server: Server, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        async with connect(server.address):
            raise error
    assert repr(caught.value) == repr(error)


async def test_a_closed_client_says_so(server: Server) -> None:
    async with connect(server.address) as client:
        events = client.events()
    with pytest.raises(ConnectionLost):
        await client.call(Ping())
    with pytest.raises(ConnectionLost):
        await anext(events)
