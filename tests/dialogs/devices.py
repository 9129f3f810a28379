"""The devices of those who play in dialogs, and what they were given to come in."""

from __future__ import annotations

import re
from hashlib import sha256

from tests.sealed import Caller, text

_ONE_TIME_ID = re.compile(r"^ +([2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4})$", re.MULTILINE)


def private(client: str) -> bytes:
    """The private key of a client's device."""
    return sha256(client.encode()).digest()


def public(client: str) -> str:
    """The public key that goes with it, as it stands on the wire."""
    return text(Caller.public(private(client)))


def one_time_ids(said: str) -> list[str]:
    """What `chatd invite` has printed."""
    return _ONE_TIME_ID.findall(said)
