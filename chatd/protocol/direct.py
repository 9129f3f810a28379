"""Commands for talking from client to client: where somebody listens, and who may not be heard."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Annotated

from .declare import Command, Listing, Needs, Reply, command, reply
from .enrolment import DeviceKey
from .errors import Code
from .fields import Kind, User, Word
from .replies import Done

C = Code


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 65_536):
        raise ValueError("must be a port from 1 to 65535, or 0 to listen no more")
    return int(value)


Port = Annotated[int, Kind("port", _port)]


@reply
class Whereabouts(Reply):
    """Where to connect to, and the key that must be found there."""

    address: Word
    port: Port
    device_key: DeviceKey


@reply
class BlockedItem(Reply):
    """A person whose direct messages you refuse."""

    user: User


@command(Needs.LOGIN, Done)
class Listen(Command[Done]):
    """Say at which port this client listens for people who know you; 0: no more."""

    port: Port
    _: KW_ONLY
    key: DeviceKey | None = None


@command(Needs.LOGIN, Whereabouts, C.NO_SUCH_USER, C.OFFLINE)
class Where(Command[Whereabouts]):
    """Tell where a person's client listens."""

    user: User


@command(Needs.LOGIN, BlockedItem)
class Blocks(Listing[BlockedItem]):
    """List those whose direct messages you refuse."""
