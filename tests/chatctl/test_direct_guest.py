"""Who comes in without the server: only who proves to be somebody, with what is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from chatctl.direct.caller import NotDirect
from chatctl.direct.door import GUESTS_OF_ADDRESS_MAX, HANDSHAKES_MAX, Door
from chatctl.direct.guest import Guest, Host, Over
from chatctl.e2e import OwnKeys, bind
from chatctl.errors import ConnectionLost
from chatctl.transport import Transport
from chatd.protocol.errors import ChatError
from tests.serving import Server

from .client_world import WHOLE_TEST_SECONDS
from .direct_world import Bob, Visitor, bob_listens, sends, visiting
from .sealed_world import entered, keyed, newcomer, sealed_by
from .shell import by_netcat

KEYS, MALLORYS = OwnKeys.fresh(datetime.now(UTC)), OwnKeys.fresh(datetime.now(UTC))


@dataclass
class People:
    """Names of their own for each test."""

    alice: str
    bob: str


@pytest.fixture
async def bob(
    shared_server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Bob]:
    """He listens; Alice, whose keys are `KEYS`, he knows."""
    name = f"{abs(hash(request.node.name)) % 10**8}"
    keyed(shared_server, tmp_path, f"bob{name}")
    newcomer(shared_server, f"alice{name}", KEYS).close()
    knows = {f"alice{name}": KEYS}
    with trio.fail_after(WHOLE_TEST_SECONDS):
        async with bob_listens(shared_server, tmp_path, f"bob{name}", knows) as listens:
            yield listens


def alice(bob: Bob) -> str:
    """Her name."""
    return bob.user.replace("bob", "alice")


def visitor(bob: Bob, keys: OwnKeys = KEYS) -> Visitor:
    """At a new connection, who says to be her."""
    return bob.visited_by(alice(bob), keys)


async def test_a_message_is_shown_once(bob: Bob) -> None:
    await sends(bob, alice(bob), KEYS, "hello", id="one")
    await sends(bob, alice(bob), KEYS, "hello", id="one")
    await sends(bob, alice(bob), KEYS, "again", id="two")
    assert bob.shown == ["hello", "again"]
    with pytest.raises(ChatError, match="CONFLICT"):
        await sends(bob, alice(bob), KEYS, "something else", id="two")
    assert bob.shown == ["hello", "again"]


async def test_another_implementation_says_what_the_document_says(bob: Bob) -> None:
    async with visiting(visitor(bob)) as her:
        answer = await her.greet()
        assert answer is not None and answer.startswith("HELLO|SUCCESS|ey")
        for number in (1, 2, 3):
            assert await her.ask(f"MSG|{number}|{her.message(str(number))}") == (
                f"MSG|SUCCESS|{number}"
            )
    assert bob.shown == ["1", "2", "3"]


async def test_every_byte_of_the_handshake_counts(bob: Bob) -> None:
    first = visitor(bob).caller.line.encode()
    for at in range(len("SEAL|IK|"), len(first)):
        other = b"A" if first[at : at + 1] != b"A" else b"B"
        async with visiting(visitor(bob)) as her:
            assert await her.say(first[:at] + other + first[at + 1 :]) is None
    for line in (b"", b"PING", b"SEAL|NX|" + b"A" * 43, b"x" * 300, b"GET / HTTP/1.1", b"\xff"):
        async with visiting(visitor(bob)) as her:
            assert await her.say(line or b"HELLO|x|y") is None
    assert bob.shown == []


async def test_every_byte_of_what_follows_counts(bob: Bob) -> None:
    """Of the greeting some, of a message all that tell kinds of places apart."""
    async with visiting(visitor(bob)) as her:
        await her.seal()
        greeting = her.caller.as_it_was().sealed(f"HELLO|{her.user}|{her.proof()}\n".encode())
    for at in range(0, len(greeting) - 1, 7):
        async with visiting(visitor(bob)) as her:
            await her.seal()
            line = her.caller.sealed(f"HELLO|{her.user}|{her.proof()}\n".encode())[:-1]
            other = b"A" if line[at : at + 1] != b"A" else b"B"
            assert await her.say(line[:at] + other + line[at + 1 :]) is None
    for part in range(24):
        async with visiting(visitor(bob)) as her:
            await her.greet()
            line = her.caller.sealed(f"MSG|1|{her.message('changed')}\n".encode())[:-1]
            at = part * len(line) // 24
            other = b"A" if line[at : at + 1] != b"A" else b"B"
            assert await her.say(line[:at] + other + line[at + 1 :]) is None
    assert bob.shown == []


async def test_a_session_that_was_recorded_gets_nowhere(bob: Bob) -> None:
    async with visiting(visitor(bob)) as her:
        await her.greet()
        await her.ask(f"MSG|1|{her.message('said once')}")
    async with visiting(visitor(bob)) as again:
        first, *rest = her.sent
        assert await again.say(first) is not None  # a fresh answer, which opens nothing for it
        assert await again.say(rest[0]) is None
    async with visiting(visitor(bob)) as again:
        await again.greet()
        assert await again.say(rest[1]) is None
    async with visiting(visitor(bob)) as again:
        await again.greet()
        assert (await again.ask(f"MSG|1|{again.message('new')}")) == "MSG|SUCCESS|1"
        assert await again.say(again.sent[-1]) is None  # the same line twice
    assert bob.shown == ["said once", "new"]


async def test_nobody_is_taken_for_somebody_else(bob: Bob) -> None:
    async with visiting(visitor(bob)) as earlier:
        await earlier.seal()
        old = earlier.proof()
    lies: list[dict[str, object]] = [
        {"key": MALLORYS.sig},
        {"channel": bytes(32)},
        {"role": "acceptor"},
        {"to": "somebody"},
        {"user": bob.user},
    ]
    for lie in lies:
        async with visiting(visitor(bob)) as her:
            answer = await her.greet(**lie)
            assert answer is not None and answer.startswith("HELLO|FAILURE|DENIED|"), lie
    for proof in (old, "", "ey.ey.ey", KEYS.published("x"), "x" * 5_000):
        async with visiting(visitor(bob)) as her:
            await her.seal()
            answer = await her.ask(f"HELLO|{her.user}|{proof}")
            assert answer is None or answer.startswith("HELLO|FAILURE|DENIED|"), proof
    assert bob.shown == []


async def test_a_stranger_is_looked_up(bob: Bob, shared_server: Server) -> None:
    """By the keys that the server shows, as with messages through it."""
    name = bob.user.replace("bob", "carol")
    carols = OwnKeys.fresh(datetime.now(UTC))
    newcomer(shared_server, name, carols).close()
    async with visiting(bob.visited_by(name, MALLORYS)) as somebody:
        answer = await somebody.greet()
        assert answer is not None and answer.startswith("HELLO|FAILURE|DENIED|")
    await sends(bob, name, carols, "we have not met")
    assert any("key is new to you" in said for said in bob.told)
    nobody = bob.user.replace("bob", "dora")
    by_netcat(shared_server, nobody)
    for unknown in (nobody, "no-such-user-at-all"):
        async with visiting(bob.visited_by(unknown, MALLORYS)) as somebody:
            answer = await somebody.greet()
            assert answer is not None and answer.startswith("HELLO|FAILURE|DENIED|")
    assert bob.shown == ["we have not met"]


async def test_messages_must_be_hers_and_for_him(bob: Bob) -> None:
    her = visitor(bob)
    to_bob = bob.keys.identity(bob.user)
    wrong = [
        sealed_by(MALLORYS, her.user, bob.user, "not by her key", to_bob),
        sealed_by(KEYS, "somebody", bob.user, "from another", to_bob, to=f"{bob.user},somebody"),
        sealed_by(KEYS, her.user, "#ops", "for a room", to_bob),
        sealed_by(KEYS, her.user, "dora", "for another", to_bob),
        sealed_by(KEYS, her.user, bob.user, "for herself alone"),
        "in the clear",
        "ey.a.b.c.d",
        "{}",
    ]
    for token in wrong:
        async with visiting(visitor(bob)) as her:
            await her.greet()
            answer = await her.ask(f"MSG|1|{token}")
            assert answer is not None and answer.startswith("MSG|FAILURE|DENIED|"), token
            assert await her.ask(f"MSG|2|{her.message('too late')}") is None
    assert bob.shown == []


async def test_what_is_wrong_with_his_log_is_his_alone(bob: Bob, tmp_path: Path) -> None:
    await sends(bob, alice(bob), KEYS, "hello")
    [log] = (tmp_path / "bobs-log").glob("*.1.log")
    log.write_bytes(b"")
    with pytest.raises(NotDirect) as refused:
        await sends(bob, alice(bob), KEYS, "more")
    assert refused.value.sentence == f"refuses: {bob.user} cannot keep messages now."
    assert any("tampered with" in said for said in bob.told)
    assert bob.shown == ["hello"]


async def test_numbers_go_up_by_one(bob: Bob) -> None:
    for number in (0, 2, 10**18 - 1):
        async with visiting(visitor(bob)) as her:
            await her.greet()
            answer = await her.ask(f"MSG|{number}|{her.message('hello')}")
            assert answer is not None and answer.startswith("MSG|FAILURE|BAD_FIELD|1 is the next")
    for line in ("MSG", "MSG|1", "MSG|x|y", "PING", "", "HELLO|a|b"):
        async with visiting(visitor(bob)) as her:
            await her.greet()
            assert await her.ask(line) is None
    async with visiting(visitor(bob)) as her:
        await her.greet()  # and nothing comes behind a line before it is answered
        assert await her.ask(f"MSG|1|{her.message('a')}\nMSG|2|{her.message('b')}") is None
    assert bob.shown == []


async def test_whom_he_blocks_or_does_not_want(bob: Bob, shared_server: Server) -> None:
    with entered(shared_server, bob.user) as peer:
        assert peer.ask(f"BLOCK|{alice(bob)}") == "BLOCK|SUCCESS"
        async with visiting(visitor(bob)) as her:
            answer = await her.greet()
            assert answer is not None and answer.startswith("HELLO|FAILURE|BLOCKED|")
        assert peer.ask(f"UNBLOCK|{alice(bob)}") == "UNBLOCK|SUCCESS"
    await sends(bob, alice(bob), KEYS, "hello")
    assert bob.shown == ["hello"]


async def test_what_was_made_for_one_channel_opens_no_other(bob: Bob) -> None:
    """A server that stands between has two channels, with two hashes."""
    async with visiting(visitor(bob)) as hers, visiting(visitor(bob)) as between:
        await hers.seal()
        await between.seal()
        assert hers.binding != between.binding
        answer = await between.ask(f"HELLO|{hers.user}|{hers.proof()}")
        assert answer is not None and answer.startswith("HELLO|FAILURE|DENIED|")
    assert bind(bytes(32), "initiator", "a", "b", KEYS.sig) != ""


async def test_one_address_gets_so_many_places(bob: Bob) -> None:
    streams = [
        await trio.open_tcp_stream("127.0.0.1", bob.place.port)
        for _ in range(GUESTS_OF_ADDRESS_MAX)
    ]
    late = await trio.open_tcp_stream("127.0.0.1", bob.place.port)
    assert await late.receive_some() == b""
    for stream in [*streams, late]:
        await stream.aclose()
    while not bob.shown:  # that they have gone is noticed by and by
        with suppress(NotDirect):
            await sends(bob, alice(bob), KEYS, "hello", id="x")


def test_so_many_handshakes_and_no_more() -> None:
    async def main() -> None:
        door = Door(cast(Host, None))
        assert [door._may_begin() for _ in range(HANDSHAKES_MAX + 2)] == (
            [True] * HANDSHAKES_MAX + [False] * 2
        )
        await trio.sleep(11)
        assert door._may_begin()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_who_says_nothing_is_shown_out() -> None:
    async def main() -> None:
        _, theirs = memory_stream_pair()
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError):
            await Guest(cast(Host, None), Transport(theirs)).run(lambda: True)
        assert trio.current_time() - began == 10

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_who_may_not_begin_is_shown_out_unheard(bob: Bob) -> None:
    ours, theirs = memory_stream_pair()
    await ours.send_all(visitor(bob).caller.line.encode() + b"\n")
    with pytest.raises(Over):
        await Guest(bob.host, Transport(theirs)).run(lambda: False)
    await ours.aclose()
    with pytest.raises(ConnectionLost):
        await Guest(bob.host, Transport(theirs)).run(lambda: True)
