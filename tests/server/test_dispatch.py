"""From lines to replies: their order, what waits for what, and what a failure leaves behind."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from chatd.chat.chat import Chat
from chatd.chat.ports import Client as ChatClient
from chatd.chat.ports import Unavailable
from chatd.chat.registry import HANDLERS, Handler
from chatd.protocol import commands
from chatd.protocol.declare import Reply
from tests.chat.harness import SECRET, heads, in_ops, serving


async def test_replies_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        lines = await world.ask(
            client,
            "PING|1",
            f"REGISTER|alice|{SECRET}",
            "PING|2",
            f"AUTH|alice|{SECRET}",
            "JOIN|#ops",
            "PING|3",
            "MSG|#ops|hi",
            "WHAT",
            "HISTORY|#ops",
            "NOSUCH|x",
            "TOPIC|#ops|t",
            "WHOAMI",
            "PING|4",
        )
        assert heads([line for line in lines if line[0] != "*"]) == [
            "PING|SUCCESS",
            "REGISTER|SUCCESS",
            "PING|SUCCESS",
            "AUTH|SUCCESS",
            "JOIN|SUCCESS",
            "PING|SUCCESS",
            "MSG|SUCCESS",
            "ERROR|FAILURE",
            "HISTORY|ITEM",
            "HISTORY|SUCCESS",
            "ERROR|FAILURE",
            "TOPIC|SUCCESS",
            "WHOAMI|SUCCESS",
            "PING|SUCCESS",
        ]


async def test_what_is_wrong_is_looked_for_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        lines = await world.ask(
            client, "JOIN\x01", "NOSUCH|a", "JOIN", "JOIN|#ops", f"AUTH|nobody|{SECRET}"
        )
        assert heads(lines, 3) == [
            "ERROR|FAILURE|BAD_LINE",
            "ERROR|FAILURE|UNKNOWN_VERB",
            "JOIN|FAILURE|BAD_FIELD",
            "JOIN|FAILURE|NOT_AUTHENTICATED",
            "AUTH|FAILURE|DENIED",
        ]
        alice = await world.login("alice")
        lines = await world.ask(alice, f"AUTH|alice|{SECRET}", f"RESUME|{alice.token}")
        assert heads(lines, 3) == [
            "AUTH|FAILURE|ALREADY_AUTHENTICATED",
            "RESUME|FAILURE|ALREADY_AUTHENTICATED",
        ]


async def test_a_reply_waits_for_those_before_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")
        world.store.hold()
        assert await world.ask(alice, "MSG|#ops|hi", "PING|x", "MSG|nobody|x") == []
        world.store.let_go()
        await world.rest()
        assert heads(alice.news()) == ["MSG|SUCCESS", "PING|SUCCESS", "MSG|FAILURE"]


async def test_nothing_after_quit_is_carried_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        lines = await world.ask(alice, "PING|a", "QUIT", "MSG|#ops|too late", "PING|b")
        assert heads(lines) == ["PING|SUCCESS", "QUIT|SUCCESS", "*BYE|QUIT"]
        assert bob.news() == []
        assert await world.ask(bob, "HISTORY|#ops") == ["HISTORY|SUCCESS|0"]


async def test_quit_waits_for_what_was_asked_before(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")
        world.store.hold()
        assert await world.ask(alice, "MSG|#ops|hi", "QUIT") == []
        world.store.let_go()
        await world.rest()
        assert heads(alice.news()) == ["MSG|SUCCESS", "QUIT|SUCCESS", "*BYE|QUIT"]


async def test_a_browser_gets_nothing_carried_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        lines = await world.ask(
            client, "POST / HTTP/1.1", f"REGISTER|alice|{SECRET}", f"AUTH|alice|{SECRET}"
        )
        assert heads(lines) == ["*BYE|BAD_LINE"]
        assert await world.store.account_named("alice") is None


@pytest.mark.parametrize("ends", ["LOGOUT", f"ERASE|{SECRET}"])
async def test_who_vanishes_while_a_log_out_fails_is_forgotten(tmp_path: Path, ends: str) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        world.store.hold()
        await world.ask(alice, ends)
        alice.sock.close()
        await world.rest()
        world.store.fail()
        await world.rest()
        assert not world.hub.online(1)
        assert "WHO|ITEM|alice|owner|offline" in await world.ask(bob, "WHO|#ops")
        await world.ask(bob, "QUIT")
        assert world.is_empty()


@pytest.mark.parametrize("ends", ["LOGOUT", f"ERASE|{SECRET}"])
async def test_a_log_out_that_fails_did_not_happen(tmp_path: Path, ends: str) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        world.store.hold()
        await world.ask(alice, ends)
        world.store.fail()
        await world.rest()
        assert heads(alice.news(), 3) == [f"{ends.split('|')[0]}|FAILURE|UNAVAILABLE"]
        assert heads(await world.ask(alice, "WHOAMI"), 3) == ["WHOAMI|SUCCESS|alice"]
        await world.ask(bob, "MSG|#ops|still there?")
        assert alice.news()[-1].endswith("|bob|still there?")


async def test_a_log_in_that_fails_did_not_happen(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        await in_ops(world, "alice", "bob")
        client = world.connect()
        world.store.hold()
        assert await world.ask(client, f"AUTH|alice|{SECRET}", "WHOAMI") == []
        world.store.fail()
        await world.rest()
        assert heads(client.news(), 3) == [
            "AUTH|FAILURE|UNAVAILABLE",
            "WHOAMI|FAILURE|NOT_AUTHENTICATED",
        ]
        assert client.connection not in world.hub.clients(1)


def breaking(after: Callable[..., Any]) -> Handler:
    """A handler that changes something, then breaks."""

    def at_once(chat: Chat, client: ChatClient, request: Any) -> Reply:
        after(chat, client, request)
        raise ZeroDivisionError

    return Handler(at_once=at_once)


async def test_a_defect_fails_one_request_and_half_of_it_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await in_ops(world, "alice", "bob")
        real = HANDLERS[commands.Leave].at_once
        assert real is not None
        monkeypatch.setitem(HANDLERS, commands.Leave, breaking(real))
        lines = await world.ask(alice, "LEAVE|#ops")
        assert heads(lines, 3) == ["LEAVE|FAILURE|UNAVAILABLE"]
        assert bob.news() == []
        assert heads(await world.ask(bob, "WHO|#ops"), 4)[:2] == [
            "WHO|ITEM|alice|owner",
            "WHO|ITEM|bob|member",
        ]
        assert heads(await world.ask(alice, "MSG|#ops|all is well")) == ["MSG|SUCCESS"]


async def test_reads_that_fail_are_unavailable_and_the_connection_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as world:
        (alice,) = await in_ops(world, "alice")

        async def failing(*_: object) -> Any:
            raise Unavailable("IOError: disk I/O error") from apsw.IOError()

        with monkeypatch.context() as patched:
            patched.setattr(world.store, "_read", failing)
            world.forget()
            lines = await world.ask(alice, "MSG|#ops|x", "HISTORY|#ops", "UNREAD", "PING|x")
        assert heads(lines, 3) == [
            "MSG|FAILURE|UNAVAILABLE",
            "HISTORY|FAILURE|UNAVAILABLE",
            "UNREAD|FAILURE|UNAVAILABLE",
            "PING|SUCCESS|x",
        ]
        assert heads(await world.ask(alice, "MSG|#ops|x")) == ["MSG|SUCCESS"]


async def test_what_is_refused_is_not_kept(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        for number in range(5):
            await world.ask(client, f"RESUME|{number:043}", f"AUTH|no-one-else|wrong {number}")
        gc.collect()
        kept = gc.get_objects()
        tokens = {one.token for one in kept if isinstance(one, commands.Resume)}
        assert tokens & {f"{number:043}" for number in range(5)} == set()
        assert "no-one-else" not in {one.user for one in kept if isinstance(one, commands.Auth)}
