"""What is known in memory: a bounded cache of the model, the truth for judging requests.

A handler asks plainly; what is not in memory raises `Miss`, the caller loads it and asks again.
Handlers look up all they need before they change anything, so asking again is safe. A load is
admitted only if what it brings was not dropped from memory while it was under way: it might be old.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from .gateway_changes import CodeKind
from .model import (
    Account,
    Device,
    Direct,
    Enrolment,
    OneCode,
    PendingAccount,
    Room,
    Sent,
    SentIds,
    Session,
)
from .ports import Archive
from .routes import Epoch

Key = tuple[Any, ...]


class Miss(Exception):
    """Something is not in memory: `await directory.load(miss.key)`, then ask again."""

    def __init__(self, key: Key) -> None:
        super().__init__(key[0])
        self.key = key


class Flight(Protocol):
    """Wakes those who wait for a load under way (trio.Event fits)."""

    def set(self) -> None: ...

    async def wait(self) -> None: ...


@dataclass(slots=True)
class _Load:
    done: Flight
    dropped: set[Key | None] = field(default_factory=set)


class Directory:
    """Accounts, rooms, direct conversations, sessions, devices, one-time IDs, registrations that
    wait, codes and SEND ids by their keys."""

    def __init__(
        self, archive: Archive, epoch: Epoch, flight: Callable[[], Flight], objects_max: int
    ) -> None:
        self._archive = archive
        self._epoch = epoch
        self._flight = flight
        self._objects_max = objects_max
        self._objects: OrderedDict[Key, Any] = OrderedDict()
        self._aliases: dict[Key, Key] = {}  # of objects
        self._absent: OrderedDict[Key, None] = OrderedDict()  # aliases known not to exist
        self._loads: dict[Key, _Load] = {}
        self._given: dict[int, int] = {}  # the last seqs of rooms that were forgotten

    def account(self, account: int) -> Account:
        return cast(Account, self._object(("account", account)))

    def account_named(self, name: str) -> Account | None:
        return cast("Account | None", self._alias(("user", name)))

    def room(self, room: int) -> Room:
        return cast(Room, self._object(("room", room)))

    def room_named(self, name: str) -> Room | None:
        return cast("Room | None", self._alias(("#", name)))

    def direct(self, one: int, other: int) -> Direct | None:
        return cast("Direct | None", self._alias(("pair", min(one, other), max(one, other))))

    def session(self, token_hash: bytes) -> Session | None:
        return cast("Session | None", self._alias(("token", token_hash)))

    def device(self, device: int) -> Device | None:
        key = ("device", device)
        return None if key in self._absent else cast(Device, self._object(key))

    def device_with(self, key: bytes) -> Device | None:
        """The device with that public key."""
        return cast("Device | None", self._alias(("device key", key)))

    def enrolment(self, name: str) -> Enrolment | None:
        """The one-time ID for that name, used or not, expired or not."""
        return cast("Enrolment | None", self._alias(("enrolment of", name)))

    def pending_named(self, name: str) -> PendingAccount | None:
        """Also one that is gone, until that is stored."""
        return cast("PendingAccount | None", self._alias(("pending", name)))

    def code(self, kind: CodeKind, subject: int) -> OneCode | None:
        """Also one that is gone, until that is stored."""
        return cast("OneCode | None", self._alias(("code", kind, subject)))

    def sent_ids(self, account: int) -> SentIds:
        return cast(SentIds, self._object(("sent", account)))

    def sent(self, account: int, client_id: str) -> Sent | None:
        """What a SEND id stands for; None where it is new."""
        ids = self.sent_ids(account)
        if client_id not in ids.known and not ids.complete:
            raise Miss(("sent id", account, client_id))
        return ids.known.get(client_id)

    def __len__(self) -> int:
        return len(self._objects)

    def admit(self, thing: Any) -> Any:
        """Take in what is new or was loaded; what is there already wins."""
        key, alias = _keys(thing)
        if key not in self._objects:
            self._objects[key] = thing
            self._resume_seq(thing)
        thing = self._objects[key]
        if alias is not None:
            self._absent.pop(alias, None)
            self._aliases[alias] = key
        self._evict()
        return thing

    def replace(self, thing: Any) -> Any:
        """Take in what is new, in the place of what is known under its names, if anything is."""
        self._drop(thing)
        return self.admit(thing)

    def forget(self, thing: Any) -> None:
        """It is no more, and known not to exist under its name."""
        self._drop(thing)
        key, alias = _keys(thing)
        if alias is not None:
            self._absent[alias] = None
        if isinstance(thing, Device):
            self._absent[key] = None

    def clear(self) -> None:
        """Forget everything: what is not on disk was not stored."""
        self._epoch.end()
        for load in self._loads.values():
            load.dropped.update(self._objects, self._aliases, self._absent)
        rooms = [thing for thing in self._objects.values() if isinstance(thing, Room)]
        self._given |= {room.id: room.last_seq for room in rooms if room.ceiling}
        self._objects.clear()
        self._aliases.clear()
        self._absent.clear()

    async def load(self, key: Key) -> None:
        """Bring into memory what a `Miss` named; one load at a time for each key."""
        if (under_way := self._loads.get(key)) is not None:
            await under_way.done.wait()
            return
        load = self._loads[key] = _Load(self._flight())
        try:
            found = await self._fetch(key)
            if key[0] == "sent id":
                self._sent_id(key, found)
            elif found is None:
                if key not in load.dropped:
                    self._miss_for_good(key)
            else:
                self._admit_loaded(found if isinstance(found, tuple) else (found,), load)
        finally:
            del self._loads[key]
            load.done.set()

    def _admit_loaded(self, things: tuple[Any, ...], load: _Load) -> None:
        for thing in things:
            if _keys(thing)[0] not in load.dropped:
                self.admit(thing)

    def _resume_seq(self, thing: Any) -> None:
        """A room that does not store its messages goes on where it was, below its ceiling: so it
        need not reserve seqs again, which a full disk would refuse."""
        if isinstance(thing, Room):
            thing.last_seq = self._given.pop(thing.id, thing.last_seq)

    def _sent_id(self, key: Key, found: Any) -> None:
        ids = self._objects.get(("sent", key[1]))
        if ids is not None:
            ids.known.setdefault(key[2], found)

    def _object(self, key: Key) -> Any:
        try:
            self._objects.move_to_end(key)
        except KeyError:
            raise Miss(key) from None
        return self._objects[key]

    def _alias(self, alias: Key) -> Any:
        key = self._aliases.get(alias)
        if key is not None:
            return self._object(key)
        if alias not in self._absent:
            raise Miss(alias)
        self._absent.move_to_end(alias)
        return None

    def _miss_for_good(self, key: Key) -> None:
        if key[0] in ("account", "room"):
            raise LookupError(f"no {key[0]} has this id")
        if key not in self._aliases:
            self._absent[key] = None
        self._evict()

    def _fetch(self, key: Key) -> Awaitable[Any]:
        fetch: dict[str, Callable[..., Awaitable[Any]]] = {
            "account": self._archive.account,
            "user": self._archive.account_named,
            "room": self._archive.room,
            "#": self._archive.room_named,
            "pair": self._archive.direct,
            "token": self._archive.session_and_account,
            "device": self._archive.device,
            "device key": self._archive.device_with,
            "enrolment of": self._archive.enrolment_named,
            "sent": self._archive.sent_ids,
            "sent id": self._archive.sent,
            "pending": self._archive.pending_named,
            "code": self._archive.code,
        }
        return fetch[key[0]](*key[1:])

    def _drop(self, thing: Any) -> None:
        self._epoch.end()
        key, alias = _keys(thing)
        for load in self._loads.values():
            load.dropped.update((key, alias))
        self._objects.pop(key, None)
        if alias is not None:
            self._aliases.pop(alias, None)

    def _evict(self) -> None:
        if len(self._objects) > self._objects_max:
            for thing in list(self._objects.values())[: self._objects_max // 8 + 1]:
                if not thing.pending:
                    self._drop(thing)
        while len(self._absent) > self._objects_max:
            self._absent.popitem(last=False)


_KEYS: dict[type, Callable[[Any], tuple[Key, Key | None]]] = {
    Account: lambda a: (("account", a.id), ("user", a.name)),
    Room: lambda r: (("room", r.id), ("#", r.name)),
    Direct: lambda d: (("direct", d.id), ("pair", d.low, d.high)),
    Session: lambda s: (("session", s.id), ("token", s.token_hash)),
    Device: lambda d: (("device", d.id), ("device key", d.key)),
    Enrolment: lambda e: (("enrolment", e.id), ("enrolment of", e.name)),
    PendingAccount: lambda p: (("pending id", p.id), ("pending", p.name)),
    OneCode: lambda c: (("code of", c.kind, c.subject), ("code", c.kind, c.subject)),
    SentIds: lambda s: (("sent", s.account), None),
}


def _keys(thing: Any) -> tuple[Key, Key | None]:
    """The key of an object, and the other one by which it is found."""
    return _KEYS[type(thing)](thing)
