"""What one entry of the local log says."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from ..opener import Read

Way = Literal["server", "direct", "sent"]
Key = tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message as it was shown, or, `sent`, as it went directly to somebody.

    `way`: how it came. `kept`, `time`: RFC 3339, when it was kept here, and the message's own.
    `seq` is 0 where the server gave none. `signer` (a thumbprint) and `id` stand where it is
    signed; `findings`: the kinds of what its reader was told; `grave`: it was shown as an alarm.
    """

    way: Way
    kept: str
    user: str
    conversation: str
    sender: str
    time: str
    text: str
    seq: int = 0
    id: str | None = None
    signer: str | None = None
    findings: list[str] = []
    grave: bool = False

    def __repr__(self) -> str:
        return f"Entry({self.way!r}, {self.conversation!r}, seq={self.seq}, id={self.id!r})"

    @property
    def place(self) -> Key | None:
        """What is the server's once and for all."""
        return (self.conversation, str(self.seq)) if self.seq else None

    @property
    def signed_id(self) -> Key | None:
        """What its sender gave to this message alone; nothing of what is not what it seems."""
        if self.id is None or self.signer is None or self.grave:
            return None
        return self.conversation, self.signer, self.id

    @property
    def digest(self) -> bytes:
        """Of its text."""
        return sha256(self.text.encode()).digest()[:16]


def entry_of(read: Read, way: Way, user: str, kept: str) -> Entry:
    """A message that was read."""
    message = read.message
    return Entry(
        way,
        kept,
        user,
        message.conversation,
        message.sender,
        message.time,
        read.text,
        message.seq,
        read.id,
        read.signer,
        [str(finding.kind) for finding in read.findings],
        any(finding.is_grave for finding in read.findings),
    )
