"""What two clients say to each other, inside a channel of Noise IK; the lines are as everywhere."""

from __future__ import annotations

from typing import Annotated

from chatd.protocol.declare import Reply, reply, write_fields
from chatd.protocol.fields import Kind, Seq, Text, User

PROLOGUE = b"chat/1-direct"
HELLO, MSG = "HELLO", "MSG"
FIRST_LINE_BYTES_MAX = 256
"""SEAL, with a message of 96 bytes."""

Proof = Annotated[str, Kind("compact JWS")]


@reply
class Greeting(Reply):
    """Who is at the initiator's end."""

    user: User
    proof: Proof


@reply
class Greeted(Reply):
    """Who is at the acceptor's end."""

    proof: Proof


@reply
class Posting(Reply):
    """A message, sealed and signed as for the server; `number` grows by one from 1."""

    number: Seq
    text: Text


@reply
class Numbered(Reply):
    """The message is in the receiver's local log."""

    number: Seq


def write(verb: str, value: Reply) -> bytes:
    """A request as its line, LF included."""
    return ("|".join([verb, *write_fields(value)]) + "\n").encode()
