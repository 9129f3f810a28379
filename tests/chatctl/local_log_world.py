"""A local log of its own for each test, and entries for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chatctl.locallog import Damaged, Entry
from chatctl.locallog.chain import Chain
from chatctl.locallog.log import LocalLog
from chatctl.locallog.store import Store

SECRET = bytes(range(32))
CHAIN = Chain(SECRET)


@dataclass
class Place:
    """A log of its own."""

    folder: Path
    segment_bytes_max: int = 16 * 1024 * 1024

    def store(self, chain: Chain = CHAIN) -> Store:
        return Store(self.folder, "me", chain, self.segment_bytes_max)

    def log(self) -> LocalLog:
        """Opened by one process."""
        log = LocalLog(self.store())
        log.open()
        return log

    def begin(self) -> Place:
        store = self.store()
        with store.locked():
            store.begin()
        return self

    @property
    def segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"), key=lambda path: int(path.suffixes[-2][1:]))

    @property
    def head(self) -> Path:
        return next(self.folder.glob("*.head"))

    def texts(self) -> list[str]:
        return [entry.text for _, entry in self.log().entries()]

    def demand_noticed(self) -> None:
        """A full check finds fault, and so it does with whoever would append."""
        with pytest.raises(Damaged):
            list(LocalLog(self.store()).entries())


@contextmanager
def full_disk(place: Place) -> Iterator[None]:
    """Lines can be written meanwhile, but no head, as where a disk is full by then."""
    (scratch := place.folder / f"{place.head.name}.new").mkdir()
    yield
    scratch.rmdir()


def entry(text: str, seq: int = 0, **more: Any) -> Entry:
    """What came in some conversation."""
    told: dict[str, Any] = {"way": "server", "kept": "now", "user": "bob", "sender": "alice"}
    told |= {"conversation": "alice", "time": "then"}
    return Entry(**{**told, "text": text, "seq": seq, **more})


def direct(text: str, id_: str, **more: Any) -> Entry:
    return entry(text, 0, **{"way": "direct", "id": id_, "signer": "key", **more})


def filled(place: Place, entries: int) -> LocalLog:
    log = place.log()
    for number in range(1, entries + 1):
        log.append([entry(f"text {number}", number)])
    return log
