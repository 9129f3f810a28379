"""What a vault holds: one JSON object of format 1.

    {"format":1, "version":N, "recovery":B64, "keys":[…], "people":{USER:PIN}, "rooms":{ROOM:{…}},
     "settings":{…}, "data":{…}}

`version` is that of the server's under which it lies; `recovery` is the recovery key's wrapping
key, so that a device that knows only the password can wrap for both; `keys` is as in own_keys.py,
PIN as in trust.py; `rooms` are those known to be end-to-end encrypted, so that a server cannot
quietly say otherwise; `data` is the user's own. Members that a later client adds stay as they are.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from chatd.protocol import base64url

from .errors import Malformed, NewerFormat
from .own_keys import OwnKeys
from .recovery import RecoveryKey
from .strict import encoded, from_base64url, parse_object, shaped
from .times import time_text
from .trust import Pin
from .wrapping import KEY_BYTES, WrappingKey

FORMAT = 1

_WHAT = "The vault"
_PIN_MEMBERS = frozenset(Pin.__struct_fields__)


class _Format(msgspec.Struct):
    format: int


class _Known(msgspec.Struct):
    """The shape of what this client understands."""

    version: int
    recovery: str
    keys: list[dict[str, Any]]
    people: dict[str, dict[str, Any]] = {}
    rooms: dict[str, dict[str, Any]] = {}
    settings: dict[str, Any] = {}
    data: dict[str, Any] = {}


class Content:
    """An open vault. Changes are made in place and last once it is sealed and stored.

    Its repr shows the version alone.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        """`raw` as parsed. Raises Malformed, NewerFormat."""
        if shaped(raw, _Format, _WHAT).format > FORMAT:
            raise NewerFormat("The vault was written by a newer chatctl; update this one")
        known = shaped(raw, _Known, _WHAT)
        self.version = known.version
        self.recovery = _wrapping_key(known.recovery)
        self.keys = OwnKeys(known.keys)
        self.rooms = known.rooms
        self.settings = known.settings
        self.data = known.data
        self._people = known.people
        self._unknown = {k: v for k, v in raw.items() if k not in _Known.__struct_fields__}

    def __repr__(self) -> str:
        return f"Content(version={self.version})"

    @classmethod
    def fresh(cls, keys: OwnKeys, recovery: RecoveryKey) -> Content:
        """For a new account: keys, and nothing else. Its version is 0, nothing is stored yet."""
        secret = base64url.encode(recovery.wrapping_key.raw)
        return cls({"format": FORMAT, "version": 0, "recovery": secret, "keys": keys.entries()})

    @classmethod
    def parse(cls, text: bytes) -> Content:
        """What `encoded` gave. Raises Malformed, NewerFormat."""
        return cls(parse_object(text, _WHAT))

    def encoded(self, version: int) -> bytes:
        """The JSON, as `version`. Raises Malformed where `data` or `settings` were given what no
        vault may hold (strict.py), so that nothing is stored that would not open again."""
        known = {
            "format": FORMAT,
            "version": version,
            "recovery": base64url.encode(self.recovery.raw),
            "keys": self.keys.entries(),
            "people": self._people,
            "rooms": self.rooms,
            "settings": self.settings,
            "data": self.data,
        }
        text = encoded({**self._unknown, **known})
        parse_object(text, "What is to be kept in the vault")
        return text.encode()

    def renew_recovery(self, recovery: RecoveryKey) -> None:
        """From the next version on, the old recovery key opens nothing.

        Whoever has once opened the vault knows the recovery key's wrapping key: a password that is
        changed because somebody knows it calls for a new recovery key too.
        """
        self.recovery = recovery.wrapping_key

    def rotate(self, made: datetime) -> None:
        """New keys in front of the others."""
        self.keys = self.keys.rotated(made)

    def people(self) -> list[str]:
        """The names that have a pin, sorted."""
        return sorted(self._people)

    def pin(self, user: str) -> Pin | None:
        """What is known of `user`'s key. Raises Malformed."""
        entry = self._people.get(user)
        return None if entry is None else shaped(entry, Pin, f"The vault's entry for {user}")

    def set_pin(self, user: str, pin: Pin) -> None:
        """Replaces it; what a later client added to the entry stays."""
        before = self._people.get(user, {})
        unknown = {name: value for name, value in before.items() if name not in _PIN_MEMBERS}
        self._people[user] = {**unknown, **msgspec.to_builtins(pin)}

    def forget_pin(self, user: str) -> None:
        """As if `user` had never been seen."""
        self._people.pop(user, None)

    def is_e2e(self, room: str) -> bool:
        """Whether `room` was ever seen to be end-to-end encrypted, whatever the server says now."""
        return room in self.rooms

    def remember_e2e(self, room: str, since: datetime) -> None:
        """Nothing goes there in clear text any more; the first time stays."""
        self.rooms.setdefault(room, {"since": time_text(since)})


def _wrapping_key(text: str) -> WrappingKey:
    raw = from_base64url(text, "The vault's recovery key")
    if len(raw) != KEY_BYTES:
        raise Malformed("The vault's recovery key is cut short")
    return WrappingKey("recovery", raw)
