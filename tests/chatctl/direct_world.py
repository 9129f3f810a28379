"""Somebody who takes messages without the server, and who comes to them: everything is real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import trio
from trio.testing import memory_stream_pair

from chatctl.device_key import DeviceKey
from chatctl.direct.caller import Me, deliver
from chatctl.direct.door import Door, open_door, port_of
from chatctl.direct.guest import Guest, Host, Over
from chatctl.direct.standing import Acquaintances
from chatctl.direct.wire import PROLOGUE
from chatctl.e2e import OwnKeys, bind, first_pin
from chatctl.errors import ConnectionLost
from chatctl.locallog import Keeper
from chatctl.locallog.chain import Chain
from chatctl.locallog.log import LocalLog
from chatctl.locallog.store import Store
from chatctl.opener import Opener, Read
from chatctl.people import People
from chatctl.transport import Transport
from chatd.protocol.direct import Whereabouts
from chatd.security.channel import Acceptor
from tests.sealed import Caller, Initiation, raw, text
from tests.serving import Server

from .sealed_world import owner, sealed_by

BOBS, ALICES, MALLORYS = (DeviceKey(bytes([start] * 32)) for start in (65, 33, 1))
"""Keys of their devices."""


@dataclass
class Bob:
    """Who listens; `shown` are the texts that were, in order."""

    user: str
    host: Host
    keys: OwnKeys
    place: Whereabouts
    shown: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def visited_by(self, user: str, keys: OwnKeys) -> Visitor:
        """Somebody at a new connection."""
        return Visitor(self, user, keys)


@asynccontextmanager
async def bob_listens(
    server: Server, folder: Path, user: str, knows: dict[str, OwnKeys]
) -> AsyncIterator[Bob]:
    """An account that exists already, whose vault has pins for these."""
    async with owner(server, user) as (client, vault), trio.open_nursery() as nursery:
        for name, keys in knows.items():
            pin = first_pin(keys.sig.kid, datetime.now(UTC))
            vault.content.set_pin(name, pin)
        shown: list[str] = []
        told: list[str] = []
        people = People(client, vault, told.append)
        keeper = Keeper(lambda: _log(folder), told.append)
        await keeper.open()
        nursery.start_soon(keeper.run)

        async def show(read: Read) -> None:
            assert not any(finding.is_grave for finding in read.findings)
            shown.append(read.text)

        host = Host(
            lambda: client.me,
            lambda: vault.content.keys,
            Acceptor(BOBS.private, PROLOGUE),
            Acquaintances(client, people),
            Opener(client, people),
            keeper,
            lambda user: user != "unwanted",
            show,
        )
        listeners = await open_door("127.0.0.1", 0)
        nursery.start_soon(Door(host).serve, listeners, told.append)
        place = Whereabouts("127.0.0.1", port_of(listeners), BOBS.public)
        yield Bob(user, host, vault.content.keys, place, shown, told)
        nursery.cancel_scope.cancel()


def _log(folder: Path) -> LocalLog:
    store = Store(folder / "bobs-log", "bob", Chain(bytes(32)))
    with store.locked():
        store.begin()
    log = LocalLog(store)
    log.open()
    return log


async def sends(bob: Bob, user: str, keys: OwnKeys, words: str, **claims: object) -> None:
    """As `chatctl send --direct` does."""
    token = sealed_by(keys, user, bob.user, words, bob.keys.identity(bob.user), **claims)
    me = Me(user, keys, ALICES)
    await deliver(me, bob.user, {bob.keys.sig.kid}, bob.place, token)


class Visitor:
    """An initiator by an independent implementation of Noise, that may say anything. `bob` serves
    it in memory, without bounds on how many come."""

    def __init__(self, bob: Bob, user: str, keys: OwnKeys, device: bytes = ALICES.private) -> None:
        self.bob = bob
        self.user = user
        self.keys = keys
        prologue = Initiation(PROLOGUE)
        self.caller = Caller("IK", BOBS.public, device, prologue)
        self.sent: list[bytes] = []
        self.heard: list[bytes] = []
        self._ours, self._theirs = memory_stream_pair()
        self._rest = b""

    async def serve(self) -> None:
        """Bob's side, to its end."""
        transport = Transport(self._theirs)
        try:
            await Guest(self.bob.host, transport).run(lambda: True)
        except (Over, ConnectionLost, trio.TooSlowError):
            await transport.aclose()

    async def say(self, line: bytes) -> bytes | None:
        """Send a line as it is; the line that comes back, None at the end."""
        self.sent.append(line)
        try:
            await self._ours.send_all(line + b"\n")
        except trio.BrokenResourceError:
            return None
        return await self._line()

    async def seal(self) -> None:
        """The handshake."""
        answer = await self.say(self.caller.line.encode())
        assert answer is not None
        self.caller.hear(raw(answer.decode().removeprefix("SEAL|SUCCESS|")))

    @property
    def binding(self) -> bytes:
        """The channel's hash."""
        found: bytes = self.caller._handshake.symmetricstate.get_handshake_hash()
        return found

    def proof(self, **instead: object) -> str:
        """Who this is; `instead` to what it says."""
        said: dict[str, object] = {"channel": self.binding, "role": "initiator", "user": self.user}
        said |= {"to": self.bob.user, "key": self.keys.sig}
        return bind(**{**said, **instead})  # type: ignore[arg-type]

    async def ask(self, line: str) -> str | None:
        """Send a line inside the channel; the answer."""
        answer = await self.say(b"=" + text(self.caller.seal(line.encode() + b"\n")).encode())
        if answer is None:
            return None
        return self.caller.opened(answer.decode()).decode().removesuffix("\n")

    async def greet(self, **instead: object) -> str | None:
        """Handshake and HELLO."""
        await self.seal()
        return await self.ask(f"HELLO|{self.user}|{self.proof(**instead)}")

    def message(self, words: str, **claims: object) -> str:
        """A token for Bob."""
        readers = self.bob.keys.identity(self.bob.user)
        return sealed_by(self.keys, self.user, self.bob.user, words, readers, **claims)

    async def _line(self) -> bytes | None:
        while b"\n" not in self._rest:
            try:
                data = await self._ours.receive_some()
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        self.heard.append(line)
        return line


@asynccontextmanager
async def visiting(visitor: Visitor) -> AsyncIterator[Visitor]:
    """While Bob serves it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(visitor.serve)
        yield visitor
        nursery.cancel_scope.cancel()
