"""The spool: a file a message in a folder, for whoever carries it on. In the clear, on purpose."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import trio

from chatd.chat.gateway_changes import KEPT_MS
from chatd.storage.files import sync, write_new

from .base import Message, Retry
from .letters import payload

FILES_MAX = 10_000
_OURS = (".eml", ".json", ".new")
SENDER = "chatd@localhost"
"""Where no other is set."""


@dataclass(slots=True, frozen=True)
class Spool:
    """Mail as RFC 5322 (.eml), what goes to telephones as JSON (.json). A file is whole as soon as
    it has its name, which is the same however often a message is sent."""

    folder: Path
    sender: str
    server: str

    async def carry(self, message: Message) -> None:
        try:
            await trio.to_thread.run_sync(self._write, message)
        except OSError as error:
            raise Retry(f"the spool cannot be written: {error.strerror}") from None

    def _write(self, message: Message) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if self._tidied() >= FILES_MAX:
            raise Retry(f"the spool holds {FILES_MAX} files; carry them on, or away")
        suffix, data = self._written(message)
        draft = self.folder / f".{message.id}.new"
        draft.unlink(missing_ok=True)
        try:
            write_new(draft, data)
            draft.rename(self.folder / f"{message.id}{suffix}")
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        sync(self.folder)

    def _tidied(self) -> int:
        """Throw away what nobody has carried on for a day: its code is long dead, and the rest is
        nobody's business. How many files are left."""
        left, before = 0, time.time() - KEPT_MS / 1000
        for file in self.folder.iterdir():
            with suppress(FileNotFoundError):  # somebody carries it on just now
                if file.suffix in _OURS and file.stat().st_mtime < before:
                    file.unlink()
                else:
                    left += 1
        return left

    def _written(self, message: Message) -> tuple[str, bytes]:
        from .mail import mail  # noqa: PLC0415  (it takes a while to load)

        if message.by_mail:
            return ".eml", mail(message, self.sender, self.server).as_bytes()
        return ".json", payload(message)
