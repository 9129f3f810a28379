"""The life of a sealed connection: how it begins, what ends it, and what is left of its keys."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from chatd.protocol.errors import Code
from chatd.protocol.lifecycle import State
from tests.chat.harness import SECRET, heads, serving
from tests.sealed import PATTERNS, Caller, raw, text
from tests.server.sealed_world import DEVICE, ELSEWHERE, after_the_delay, hear, seal, tell
from tests.server.test_sweeper import jump, left, swept

# The handshake, and what comes behind it


async def test_commands_work_inside_unchanged(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client, caller = await seal(world)
        register = f"REGISTER|alice|{SECRET}\nAUTH|alice|{SECRET}\n".encode()
        said = await tell(world, client, caller, register)
        assert heads(said) == ["REGISTER|SUCCESS", "AUTH|SUCCESS"]
        long = b"x" * 60_000
        assert await tell(world, client, caller, b"PING|he") == []
        assert await tell(world, client, caller, b"llo\n") == ["PING|SUCCESS|hello"]
        client.sock.sendall(caller.sealed(b"STORE|0|" + long[:40_000]))
        assert await tell(world, client, caller, long[40_000:49_000] + b"\n") == ["STORE|SUCCESS|1"]
        assert await tell(world, client, caller, b"VAULT\n") == [f"VAULT|SUCCESS|1|{'x' * 49_000}"]
        assert all(line.startswith("=") for line in client.lines[1:])


async def test_seal_waits_for_earlier_answers(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client, caller = world.connect(), Caller()
        said = await world.ask(client, f"REGISTER|alice|{SECRET}", "PING", caller.line)
        assert heads(said) == ["REGISTER|SUCCESS", "PING|SUCCESS", "SEAL|SUCCESS"]
        caller.hear(raw(said[2].removeprefix("SEAL|SUCCESS|")))
        assert await tell(world, client, caller, b"PING|1\n") == ["PING|SUCCESS|1"]


@pytest.mark.parametrize("behind", [b"PING|injected\n", b"PING|inj", b"\x80", b"=AAAA\n"])
async def test_what_comes_behind_seal_is_never_carried_out(tmp_path: Path, behind: bytes) -> None:
    async with serving(tmp_path) as world:
        client = world.connect()
        client.sock.sendall(f"{Caller().line}\n".encode() + behind)
        await world.rest()
        assert heads(client.news(), 3) == [
            "SEAL|FAILURE|BAD_LINE",
            "*BYE|BAD_LINE|Nothing may come behind SEAL before its answer; start anew.",
        ]
        assert client.ended


async def test_what_comes_before_the_answer_is_never_carried_out(tmp_path: Path) -> None:
    """It is still in the socket when the server goes over."""
    async with serving(tmp_path) as world:
        client, caller = world.connect(), Caller()
        world.store.hold()
        client.send(f"REGISTER|alice|{SECRET}", caller.line)
        await world.rest()
        client.send("REGISTER|mallory|correct horse battery")
        await world.rest()
        world.store.let_go()
        await world.rest()
        registered, answer, *sealed = client.news()
        assert registered == "REGISTER|SUCCESS"
        caller.hear(raw(answer.removeprefix("SEAL|SUCCESS|")))
        assert b"".join(map(caller.opened, sealed)).startswith(b"*BYE|BAD_LINE|")
        bob = world.connect()
        assert await world.ask(bob, f"REGISTER|mallory|{SECRET}") == ["REGISTER|SUCCESS"]


async def test_what_is_not_sealed_ends_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client, caller = await seal(world)
        client.send("PING|in the clear")
        await world.rest()
        assert [line[:13] for line in hear(client, caller)] == ["*BYE|BAD_LINE"]
        assert client.ended


async def test_an_end_that_is_not_announced_may_be_a_cut(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client, caller = await seal(world)
        client.sock.sendall(caller.sealed(b"PING|1\nPING|ha") + caller.sealed(b"lf\n")[:20])
        client.sock.shutdown(1)
        await world.rest()
        said = [line.split("|")[:3] for line in hear(client, caller)]
        assert said[:2] == [["PING", "SUCCESS", "1"], ["ERROR", "FAILURE", "BAD_LINE"]]
        assert said[2][:2] == ["*BYE", "EOF"]


# Messages that do not open


async def test_what_does_not_open_is_denied_after_a_while(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with serving(tmp_path) as world:
        client, caller = await seal(world, ELSEWHERE)
        good, bad = caller.sealed(b"PING|before\n"), bytearray(caller.sealed(b"PING|bad\n"))
        bad[5] ^= 1
        client.sock.sendall(good + bad + caller.sealed(b"PING|after\n"))
        await wait_all_tasks_blocked(0.01)
        assert hear(client, caller) == ["PING|SUCCESS|before"]
        assert not client.ended
        await after_the_delay(world, mock_clock)
        (bye,) = hear(client, caller)
        assert bye.startswith("*BYE|DENIED|")
        assert client.ended


async def test_where_they_came_from_is_slowed_down(tmp_path: Path, mock_clock: MockClock) -> None:
    async with serving(tmp_path, failures_free=1) as world:
        for _ in range(2):
            client, _ = await seal(world, ELSEWHERE)
            client.send("=" + text(bytes(40)))
            await after_the_delay(world, mock_clock)
        client = world.connect(ELSEWHERE)
        (line,) = await world.ask(client, Caller().line)
        assert line.startswith("SEAL|FAILURE|RATE_LIMITED|")
        await seal(world, "198.51.100.1")
        mock_clock.jump(3)
        await seal(world, ELSEWHERE)


async def test_handshakes_that_lead_nowhere_count_as_well(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with serving(tmp_path, failures_free=2) as world:
        client = world.connect(ELSEWHERE)
        line, codes = f"SEAL|NK|{text(bytes(48))}", []
        for _ in range(3):
            codes += [said.split("|")[2] for said in await world.ask(client, line)]
        assert codes == ["BAD_FIELD", "BAD_FIELD", "RATE_LIMITED"]


async def test_handshakes_are_counted_by_address(tmp_path: Path, mock_clock: MockClock) -> None:
    async with serving(tmp_path, handshakes_max=2) as world:
        for address in (ELSEWHERE, ELSEWHERE, "127.0.0.1", "127.0.0.1", "127.0.0.1", ""):
            await seal(world, address)
        said = await world.ask(world.connect(ELSEWHERE), Caller().line)
        assert said == [
            "SEAL|FAILURE|RATE_LIMITED|10 seconds to wait. Too many handshakes from your address."
        ]


async def test_who_leaves_before_being_told_leaves_nothing(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with serving(tmp_path) as world:
        client, _ = await seal(world)
        client.send("=AAAA")
        await wait_all_tasks_blocked(0.01)
        client.sock.close()
        await after_the_delay(world, mock_clock)
        assert client.where() is State.CLOSED
        assert world.reactor.connections == {}


async def test_after_a_goodbye_nothing_that_comes_matters(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        client, caller = await seal(world)
        client.connection.goodbye(Code.SHUTDOWN, "Bye.")
        client.send("=AAAA", "not sealed", "=AAAA")
        await world.rest()
        assert hear(client, caller) == ["*BYE|SHUTDOWN|Bye."]
        client.send("=AAAA")
        await world.rest()
        client.sock.close()
        await world.rest()
        assert world.reactor.connections == {}


# Time, and keys


async def test_300_seconds_without_a_line_end_it(tmp_path: Path, mock_clock: MockClock) -> None:
    async with swept(tmp_path) as world:
        client, caller = await seal(world)
        await jump(world, mock_clock, 250)
        assert await tell(world, client, caller, b"PING|1\n") == ["PING|SUCCESS|1"]
        assert await tell(world, client, caller, b"half a line") == []
        await jump(world, mock_clock, 298)
        assert hear(client, caller) == []
        await jump(world, mock_clock, 3)
        assert [line[:12] for line in hear(client, caller)] == ["*BYE|TIMEOUT"]
        assert client.ended


async def test_who_is_logged_in_may_stay_quiet(tmp_path: Path, mock_clock: MockClock) -> None:
    async with swept(tmp_path) as world:
        client, caller = await seal(world)
        login = f"REGISTER|alice|{SECRET}\nAUTH|alice|{SECRET}\n"
        assert len(await tell(world, client, caller, login.encode())) == 2
        await jump(world, mock_clock, 700)
        assert left(client) == []
        assert await tell(world, client, caller, b"PING\n") == ["PING|SUCCESS"]


async def test_a_connection_that_is_closed_holds_no_keys(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with swept(tmp_path) as world:
        client, _ = await seal(world)
        keys = weakref.ref(client.connection.codec)
        await jump(world, mock_clock, 301)
        client.sock.close()
        gc.disable()
        try:
            await jump(world, mock_clock, 3)
            assert client.where() is State.CLOSED
            assert keys() is None
        finally:
            gc.enable()


async def test_a_device_is_known_by_its_key_once_that_is_proved(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        for pattern in PATTERNS:
            client, caller = await seal(world, pattern=pattern)
            assert client.connection.device_key is None
            assert await tell(world, client, caller, b"PING\n") == ["PING|SUCCESS"]
            known = client.connection.device_key
            assert known == (Caller.public(DEVICE) if pattern == "IK" else None)
        assert world.connect().connection.device_key is None
