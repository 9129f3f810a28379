"""Sending without the server: to the person that was meant and to nobody else, whatever is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import trio

from chatctl.direct.caller import Impostor, Me, NotDirect, deliver
from chatctl.direct.door import open_door, port_of
from chatctl.direct.wire import PROLOGUE
from chatctl.e2e import OwnKeys, bind
from chatctl.transport import Transport
from chatd.protocol import base64url
from chatd.protocol.channel import write_sealed
from chatd.protocol.direct import Whereabouts
from chatd.protocol.replies import Handshaken
from chatd.protocol.sealed import Seal
from chatd.protocol.wire import read_request, write_success
from chatd.security.channel import Acceptor, Channel
from tests.peer import PATIENCE_SECONDS, nowhere

from .direct_world import ALICES, BOBS, MALLORYS

ALICE, BOB, MALLORY = (OwnKeys.fresh(datetime.now(UTC)) for _ in range(3))
Says = Callable[["There"], Awaitable[None]]
TOKEN = '{"protected":"x"}'


class There:
    """Whoever listens at a port that a server has named; what it was told is `heard`."""

    def __init__(self, stream: trio.SocketStream, private: bytes) -> None:
        self.stream = stream
        self.heard: list[str] = []
        self._lines = Transport(stream)
        self._private = private
        self.channel: Channel

    async def line(self) -> str:
        while not (lines := await self._lines.receive()):
            pass
        return lines[0]

    async def seals(self, changed: Callable[[bytes], bytes] = bytes) -> None:
        """Answer the handshake; `changed`: the answer as it goes out."""
        request = read_request(await self.line())
        assert isinstance(request, Seal)
        answer, self.channel = Acceptor(self._private, PROLOGUE).accept("IK", request.message)
        await self.stream.send_all(changed(write_success("SEAL", Handshaken(answer))))

    async def asked(self) -> str:
        """The next line inside the channel."""
        raw = base64url.decode((await self.line())[1:])
        self.heard.append(self.channel.open(raw).decode())
        return self.heard[-1]

    async def says(self, line: str, changed: Callable[[bytes], bytes] = bytes) -> None:
        await self.stream.send_all(changed(write_sealed(self.channel.seal(line.encode() + b"\n"))))

    def proof(self, **instead: Any) -> str:
        said = {"channel": self.channel.binding, "role": "acceptor", "user": "bob", "to": "alice"}
        return bind(**{**said, "key": BOB.sig, **instead})


async def bob_takes_it(there: There) -> None:
    await there.seals()
    await there.asked()
    await there.says(f"HELLO|SUCCESS|{there.proof()}")
    await there.asked()
    await there.says("MSG|SUCCESS|1")


@asynccontextmanager
async def listening(
    says: Says, private: bytes = BOBS.private
) -> AsyncIterator[tuple[int, list[There]]]:
    """A port at which somebody says so to each who comes; and all whom that were."""
    listeners = await open_door("127.0.0.1", 0)
    met: list[There] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            met.append(There(stream, private))
            await says(met[-1])
            with trio.move_on_after(PATIENCE_SECONDS):
                await stream.receive_some(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield port_of(listeners), met
        nursery.cancel_scope.cancel()


async def sent(port: int, key: bytes = BOBS.public) -> None:
    me = Me("alice", ALICE, ALICES)
    with trio.fail_after(PATIENCE_SECONDS):
        place = Whereabouts("127.0.0.1", port, key)
        await deliver(me, "bob", {BOB.sig.kid}, place, TOKEN)


async def test_it_says_no_more_than_it_must() -> None:
    async with listening(bob_takes_it) as (port, met):
        await sent(port)
    hello, message = met[0].heard
    assert hello.startswith("HELLO|alice|ey")
    assert message == f"MSG|1|{TOKEN}\n"


async def test_a_server_that_names_a_key_of_its_own_gets_no_message() -> None:
    """Mallory has the key of WHERE, and lacks that of Bob."""

    def greets(**lie: Any) -> Says:
        async def says(there: There) -> None:
            await there.seals()
            await there.asked()
            await there.says(f"HELLO|SUCCESS|{there.proof(**lie)}")

        return says

    lies: list[dict[str, Any]] = [
        {"key": MALLORY.sig},
        {"key": ALICE.sig},
        {"key": MALLORY.sig, "user": "mallory"},
        {"user": "mallory"},
        {"role": "initiator"},
        {"channel": bytes(32)},
        {"to": "carol"},
    ]
    for lie in lies:
        async with listening(greets(**lie), MALLORYS.private) as (port, met):
            with pytest.raises(Impostor):
                await sent(port, MALLORYS.public)
            assert [heard[:5] for heard in met[0].heard] == ["HELLO"], lie


async def test_what_she_shows_can_not_be_shown_on() -> None:
    """Mallory stands between, and repeats to each what the other says."""

    async def repeats(there: There) -> None:
        await there.seals()
        hello = await there.asked()
        await there.says(hello.strip().replace("HELLO|alice", "HELLO|SUCCESS"))

    async with listening(repeats, MALLORYS.private) as (port, _):
        with pytest.raises(Impostor):
            await sent(port, MALLORYS.public)


async def test_another_key_than_was_named() -> None:
    async def closes(there: There) -> None:
        with pytest.raises(ValueError, match="not made for"):
            await there.seals()
        await there.stream.aclose()

    async with listening(closes) as (port, _):
        with pytest.raises(NotDirect):
            await sent(port, MALLORYS.public)
    for key in (bytes(32), b"", b"A"):
        async with listening(bob_takes_it) as (port, _):
            with pytest.raises(NotDirect):
                await sent(port, key)


async def test_every_byte_that_comes_back_counts() -> None:
    answer = len("SEAL|SUCCESS|") + 64
    for at in [*range(0, answer, 3), answer - 1]:

        async def says(there: There, at: int = at) -> None:
            await there.seals(lambda line: _flipped(line, at))
            await there.stream.send_eof()

        async with listening(says) as (port, met):
            with pytest.raises(NotDirect):
                await sent(port)
            assert met[0].heard == []
    for at in range(0, 700, 29):

        async def greets(there: There, at: int = at) -> None:
            await there.seals()
            await there.asked()
            await there.says(f"HELLO|SUCCESS|{there.proof()}", lambda line: _flipped(line, at))
            await there.stream.send_eof()

        async with listening(greets) as (port, met):
            with pytest.raises(NotDirect):
                await sent(port)
            assert len(met[0].heard) == 1


def _flipped(line: bytes, at: int) -> bytes:
    return line[:at] + (b"A" if line[at : at + 1] != b"A" else b"B") + line[at + 1 :]


@pytest.mark.parametrize(
    "answer", ["MSG|SUCCESS|2", "MSG|SUCCESS", "HELLO|SUCCESS|1", "what?", "MSG|FAILURE|DENIED|no."]
)
async def test_an_acknowledgement_of_something_else_is_none(answer: str) -> None:
    async def says(there: There) -> None:
        await there.seals()
        await there.asked()
        await there.says(f"HELLO|SUCCESS|{there.proof()}")
        await there.asked()
        await there.says(answer)

    async with listening(says) as (port, _):
        with pytest.raises(NotDirect):
            await sent(port)


@pytest.mark.parametrize("first", [b"*HELLO|chat/1|x|y\n", b"SEAL|FAILURE|DENIED|no\n", b"\xff\n"])
async def test_what_is_no_client_at_all(first: bytes) -> None:
    async def says(there: There) -> None:
        await there.stream.send_all(first)

    async with listening(says) as (port, _):
        with pytest.raises(NotDirect):
            await sent(port)


async def test_who_hangs_up_is_no_server() -> None:
    async def hangs_up(there: There) -> None:
        await there.seals()
        await there.asked()
        await there.says(f"HELLO|SUCCESS|{there.proof()}")
        await there.asked()
        await there.stream.aclose()

    async with listening(hangs_up) as (port, _):
        with pytest.raises(NotDirect, match="broke off, and may not have the message"):
            await sent(port)


async def test_nobody_there() -> None:
    with nowhere() as port, pytest.raises(NotDirect) as told:
        await sent(port)
    assert told.value.sentence == f"cannot be reached at 127.0.0.1:{port}: Connection refused"
