"""What goes into the columns: keyed hashes to find things, boxes to show them.

Every box is bound to its column and row; every conversation has a key of its own.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from chatd.chat.model import Sent
from chatd.security.boxes import Box
from chatd.security.keys import ServerKey

_ID = Struct(">Q")
_MESSAGE = Struct(">QQQ")
_SENT = Struct(">16sQQ")
_KEYS_CACHED_MAX = 20_000
SENDER_TAG_BYTES = 8


class Codec:
    """Hashes and boxes under one server key. Thread-safe."""

    def __init__(self, key: ServerKey) -> None:
        self._key = key
        self._rows = Box(key.derive("rows"))
        self.conversation_box = lru_cache(_KEYS_CACHED_MAX)(self._conversation_box)
        self.sender_tag = lru_cache(_KEYS_CACHED_MAX)(self._sender_tag)

    def user_hash(self, name: str) -> bytes:
        return self._key.name_hash("user", name)

    def room_hash(self, name: str) -> bytes:
        return self._key.name_hash("room", name)

    def direct_hash(self, low: int, high: int) -> bytes:
        return self._key.tag("direct", low, high, size=32)

    def session_tag(self, account: int, public_id: str) -> bytes:
        return self._key.tag("session", account, public_id)

    def sent_tag(self, account: int, client_id: str) -> bytes:
        return self._key.tag("send id", account, client_id)

    def seal(self, column: str, text: str, *row: int) -> bytes:
        """A text for a column of a row."""
        return self._rows.seal(text.encode(), _identity(column, row))

    def open(self, column: str, boxed: bytes, *row: int) -> str:
        """What `seal` sealed. BoxError where it is not that."""
        return self._rows.open(boxed, _identity(column, row)).decode()

    def seal_message(
        self, conversation: int, seq: int, time_ms: int, sender: int, text: str
    ) -> bytes:
        plain = _ID.pack(sender) + text.encode()
        return self.conversation_box(conversation).seal(
            plain, _MESSAGE.pack(conversation, seq, time_ms)
        )

    def open_message(
        self, conversation: int, seq: int, time_ms: int, boxed: bytes
    ) -> tuple[int, str]:
        """The sender's account and the text."""
        plain = self.conversation_box(conversation).open(
            boxed, _MESSAGE.pack(conversation, seq, time_ms)
        )
        return _ID.unpack_from(plain)[0], plain[_ID.size :].decode()

    def seal_sent(self, account: int, client_id: str, sent: Sent) -> bytes:
        id_bytes = client_id.encode()
        plain = _SENT.pack(sent.digest, sent.conversation, sent.seq) + id_bytes
        return self._rows.seal(plain, _identity("sent", (account, sent.time_ms)))

    def open_sent(self, account: int, time_ms: int, boxed: bytes) -> tuple[str, Sent]:
        plain = self._rows.open(boxed, _identity("sent", (account, time_ms)))
        digest, conversation, seq = _SENT.unpack_from(plain)
        return plain[_SENT.size :].decode(), Sent(conversation, digest, seq, time_ms)

    def _conversation_box(self, conversation: int) -> Box:
        return Box(self._key.derive("conversation", conversation))

    def _sender_tag(self, conversation: int, account: int) -> bytes:
        return self._key.tag("sender", conversation, account, size=SENDER_TAG_BYTES)


def _identity(column: str, row: tuple[int, ...]) -> bytes:
    return column.encode() + b"".join(_ID.pack(part) for part in row)
