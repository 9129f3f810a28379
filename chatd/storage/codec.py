"""What goes into the columns: keyed hashes to find things, boxes to show them.

Every box is bound to its column and row; every conversation has a key of its own.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TypeVar

import msgspec

from chatd.chat.model import Sent
from chatd.protocol import kdf
from chatd.security.boxes import Box, BoxError
from chatd.security.keys import ServerKey

from .runs import Entry, Run

T = TypeVar("T")

_ID = Struct(">Q")
_CHUNK = Struct(">QQQQ")
_SENT = Struct(">16sQQ")
_KEYS_CACHED_MAX = 20_000
SENDER_TAG_BYTES = 8
DECOY_SALT_BYTES = 16
NOBODIES = 1 << 62

pack = msgspec.msgpack.Encoder().encode
"""What goes into the box of a chunk (a list of runs) or of a row of the journal (of entries)."""

_runs = msgspec.msgpack.Decoder(list[Run])
_entries = msgspec.msgpack.Decoder(list[Entry])


class Codec:
    """Hashes and boxes under one server key. Thread-safe."""

    def __init__(self, key: ServerKey) -> None:
        self._key = key
        self._rows = Box(key.derive("rows"))
        self._journal = Box(key.derive("journal"))
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

    def device_tag(self, account: int, public_id: str) -> bytes:
        return self._key.tag("device", account, public_id)

    def device_hash(self, device_key: bytes) -> bytes:
        return self._key.tag("device key", device_key, size=32)

    def once_hash(self, one_time_id: str) -> bytes:
        return self._key.tag("one-time id", one_time_id, size=32)

    def token_proof(self, device: int, token_hash: bytes, nonce: bytes) -> bytes:
        return self._key.tag("device token", device, token_hash, nonce)

    def code_hash(self, kind: int, subject: int, expires_ms: int, code: str) -> bytes:
        return self._key.tag("code", kind, subject, expires_ms, code, size=32)

    def sent_tag(self, account: int, client_id: str) -> bytes:
        return self._key.tag("send id", account, client_id)

    def nobody(self, name: str) -> int:
        """A number for a name that nobody has, far above all ids; always the same."""
        tag = self._key.tag("nobody", name, size=8)
        return NOBODIES | int.from_bytes(tag, "big") % NOBODIES

    def decoy_kdf(self, name: str) -> str:
        """What an account of that name might derive its secret with; always the same."""
        salt = self._key.tag("kdf salt", name, size=DECOY_SALT_BYTES)
        return kdf.argon2id(kdf.MEMORY_KIB, kdf.PASSES, kdf.LANES, salt)

    def seal(self, column: str, text: str, *row: int) -> bytes:
        """A text for a column of a row."""
        return self._rows.seal(text.encode(), _identity(column, row))

    def open(self, column: str, boxed: bytes, *row: int) -> str:
        """What `seal` sealed. BoxError where it is not that."""
        return self._rows.open(boxed, _identity(column, row)).decode()

    def seal_entries(self, row: int, packed: bytes) -> bytes:
        """For a row of the journal."""
        return self._journal.seal(packed, _ID.pack(row))

    def open_entries(self, row: int, boxed: bytes) -> list[Entry]:
        """What a row of the journal holds. BoxError where it is not that."""
        return _unpack(_entries, self._journal.open(boxed, _ID.pack(row)))

    def seal_chunk(
        self, conversation: int, first: int, last: int, messages: int, packed: bytes
    ) -> bytes:
        """For a chunk of so many messages with these seqs."""
        identity = _CHUNK.pack(conversation, first, last, messages)
        return self.conversation_box(conversation).seal(packed, identity)

    def open_chunk(
        self, conversation: int, first: int, last: int, messages: int, boxed: bytes
    ) -> list[Run]:
        """The messages of a chunk. BoxError where it is not theirs."""
        identity = _CHUNK.pack(conversation, first, last, messages)
        return _unpack(_runs, self.conversation_box(conversation).open(boxed, identity))

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
    return b"".join([column.encode(), *map(_ID.pack, row)])


def _unpack(decoder: msgspec.msgpack.Decoder[T], packed: bytes) -> T:
    try:
        return decoder.decode(packed)
    except msgspec.MsgspecError:
        raise BoxError("the box holds something else") from None
