"""Sending without the server: connect, prove who one is, have it proved who is there, hand over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import trio

from chatd.protocol.declare import Reply
from chatd.protocol.direct import Whereabouts
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.sealed import Seal
from chatd.protocol.wire import read_answer, read_known, write_request
from chatd.security.channel import Channel, HandshakeError, Initiator

from ..address import Address
from ..device_key import DeviceKey
from ..e2e import Bound, E2eError, OwnKeys, bind, read_bound
from ..errors import ConnectionLost
from ..sealing import SealedStream
from ..transport import Transport, prepare, reason
from .wire import HELLO, MSG, PROLOGUE, Greeted, Greeting, Numbered, Posting, write

R = TypeVar("R", bound=Reply)

CONNECT_SECONDS_MAX = 4.0
DELIVER_SECONDS_MAX = 10.0
"""In all, with what the other end looks up before it answers."""


class NotDirect(Exception):
    """It did not go without the server; `sentence` says why, as the rest of a sentence about the
    person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Impostor(NotDirect):
    """Who listens there is not the person that was asked for."""


@dataclass(frozen=True)
class Me:
    """Who sends."""

    user: str
    keys: OwnKeys
    device: DeviceKey


async def deliver(me: Me, user: str, signers: set[str], place: Whereabouts, text: str) -> None:
    """Hand `text`, sealed and signed as for the server, to `user`'s client; `signers` are the keys
    (thumbprints) that are theirs. It is in the local log there when this returns. NotDirect."""
    with trio.move_on_after(DELIVER_SECONDS_MAX):
        transport = await _connected(place)
        try:
            await _handed_over(me, user, signers, place, transport, text)
        except ConnectionLost:
            raise NotDirect("broke off, and may not have the message") from None
        finally:
            await transport.aclose()
        return
    raise NotDirect("does not answer")


async def _connected(place: Whereabouts) -> Transport:
    where = Address(place.address, place.port)
    with trio.move_on_after(CONNECT_SECONDS_MAX):
        try:
            stream = await trio.open_tcp_stream(place.address, place.port)
            prepare(stream)
            return Transport(stream)
        except (OSError, ValueError) as error:
            raise NotDirect(f"cannot be reached at {where}: {reason(error)}") from None
    raise NotDirect(f"cannot be reached at {where}")


async def _handed_over(
    me: Me, user: str, signers: set[str], place: Whereabouts, transport: Transport, text: str
) -> None:
    channel = await _sealed(me, place, transport)
    proof = bind(channel.binding, "initiator", me.user, user, me.keys.sig)
    greeted = await _asked(transport, HELLO, Greeting(me.user, proof), Greeted)
    _demand(_bound(greeted, channel, me), user, signers)
    numbered = await _asked(transport, MSG, Posting(1, text), Numbered)
    if numbered.number != 1:
        raise NotDirect("acknowledged something else")
    await transport.send_eof()


async def _sealed(me: Me, place: Whereabouts, transport: Transport) -> Channel:
    """The channel with the device that the server has named."""
    try:
        initiator = Initiator(place.device_key, me.device.private, PROLOGUE)
        await transport.send(write_request(Seal("IK", initiator.message)))
        answer = read_answer(await _line(transport))
        if answer.outcome != "SUCCESS":
            raise NotDirect(f"refuses: {answer.error().sentence}")
        _, channel = initiator.finish(read_known(Seal.reply, answer.rest).message)
    except ConnectionLost:
        raise NotDirect("breaks off: perhaps whoever listens there has another key") from None
    except (ValueError, HandshakeError, ChatError):
        raise Impostor("is not there: whoever listens there does not have that key") from None
    transport.wrap(lambda outer: SealedStream(outer, channel))
    return channel


def _bound(greeted: Greeted, channel: Channel, me: Me) -> Bound:
    try:
        return read_bound(greeted.proof, channel.binding, "acceptor", me.user)
    except E2eError:
        raise Impostor("is not there: whoever listens there proves nothing") from None


def _demand(bound: Bound, user: str, signers: set[str]) -> None:
    if bound.user != user or bound.signer not in signers:
        raise Impostor("is not there: it is somebody else who listens there")


async def _asked(transport: Transport, verb: str, request: Reply, reply: type[R]) -> R:
    """The answer to a request. NotDirect, ConnectionLost; ChatError where it was said before that
    something else has this id, which the server must not be tried with either."""
    await transport.send(write(verb, request))
    try:
        answer = read_answer(await _line(transport))
        if answer.verb == verb and answer.outcome == "SUCCESS":
            found: R = read_known(reply, answer.rest)
            return found
    except (ValueError, ChatError):
        raise NotDirect("answers what cannot be read") from None
    error = answer.error()
    if error.code is Code.CONFLICT:
        raise error
    raise NotDirect(f"refuses: {error.sentence}")


async def _line(transport: Transport) -> str:
    """The next line, with nothing behind it. ConnectionLost."""
    while not (lines := await transport.receive()):
        pass
    if len(lines) > 1:
        raise ConnectionLost("More came than was asked for.")
    return lines[0]
