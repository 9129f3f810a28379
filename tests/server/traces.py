"""The ways in which a word may stand in a file: how it can be written, and the hashes of it that
anybody could make.

    search = Search({trace: "a name" for trace in written("quetzalcoatlus")})
    search.found(data)  # {"a name"}
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote

from ahocorasick_rs import BytesAhoCorasick, Implementation

Word = str | bytes

TRACE_BYTES_MIN = 8
"""Shorter ones stand in random bytes by chance."""
TRACE_BYTES_MAX = 64
"""Longer ones are looked for by their beginning."""
DIGEST_BYTES = 8
"""Of a digest so much is looked for: tags are cut short."""
ALGORITHMS = (
    *("md5", "sha1", "sha224", "sha256", "sha384", "sha512"),
    *("blake2b", "blake2s", "sha3_256", "sha3_512"),
)
LAYERS_MAX = 4

_CODINGS = ("utf-8", "utf-16-le", "utf-16-be")
_ENCODERS: tuple[tuple[Callable[[bytes], bytes], int, int], ...] = (
    (base64.b64encode, 3, 6),
    (base64.urlsafe_b64encode, 3, 6),
    (base64.b32encode, 5, 5),
    (lambda raw: base64.b32encode(raw).lower(), 5, 5),
)
"""Each with the bytes of a group, and the bits of a character."""
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")


def written(word: Word) -> set[bytes]:
    """All the ways to write it: as text in several encodings, and each of these in armour."""
    raws = [word] if isinstance(word, bytes) else _as_text(word)
    shorts = {raw[:TRACE_BYTES_MAX] for raw in raws}
    return {trace[:TRACE_BYTES_MAX] for raw in shorts for trace in _armoured(raw)}


def digests(word: Word, salts: Iterable[bytes] = ()) -> set[bytes]:
    """The beginnings of its hashes, plain ones and those with a salt that a thief may know."""
    raw = word if isinstance(word, bytes) else word.encode()
    made = {digest for name in ALGORITHMS for digest in _hashed(raw, salts, name)}
    return {trace for digest in made for trace in _shown(digest[:DIGEST_BYTES])}


class Search:
    """Looks for traces, each of which has a label; labels are what is found."""

    def __init__(self, traces: Mapping[bytes, str]) -> None:
        assert min(map(len, traces)) >= TRACE_BYTES_MIN
        self.traces = traces
        self._labels = list(traces.values())
        self._finder = BytesAhoCorasick(
            list(traces), implementation=Implementation.NoncontiguousNFA
        )

    def found(self, data: bytes) -> set[str]:
        """The labels of all that stands anywhere in `data`."""
        hits = self._finder.find_matches_as_indexes(data, overlapping=True)
        return {self._labels[index] for index, _, _ in hits}


def layers(data: bytes, depth: int = LAYERS_MAX) -> Iterator[bytes]:
    """`data`, and what its runs of base64 hold, and what those hold."""
    yield data
    inner = b"\n".join(map(_decoded, _RUN.findall(data))) if depth else b""
    if inner:
        yield from layers(inner, depth - 1)


def _decoded(run: bytes) -> bytes:
    """The bytes of whole groups; the rest of a group that was cut off is too little to tell."""
    whole = run[: len(run) // 4 * 4]
    return base64.urlsafe_b64decode(whole.translate(_TO_URLSAFE))


def _as_text(word: str) -> set[bytes]:
    return {text.encode(coding) for text in _escaped(word) for coding in _CODINGS}


def _escaped(word: str) -> Iterator[str]:
    yield from (word, quote(word, safe=""))
    yield from (json.dumps(word, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    yield word.replace("\\", "\\\\").replace("|", "\\p")  # as on the wire


def _armoured(raw: bytes) -> Iterator[bytes]:
    yield from (raw, raw.hex().encode(), raw.hex().upper().encode())
    for encode, group_bytes, bits in _ENCODERS:
        for before in range(group_bytes):
            yield _aligned(encode, raw, before, bits)


def _aligned(encode: Callable[[bytes], bytes], raw: bytes, before: int, bits: int) -> bytes:
    """The characters that depend on `raw` alone where it stands behind so many other bytes."""
    text = encode(bytes(before) + raw)
    return text[-(-8 * before // bits) : 8 * (before + len(raw)) // bits]


def _hashed(raw: bytes, salts: Iterable[bytes], algorithm: str) -> Iterator[bytes]:
    yield hashlib.new(algorithm, raw).digest()
    for salt in salts:
        yield hashlib.new(algorithm, salt + raw).digest()
        yield hashlib.new(algorithm, raw + salt).digest()
        yield hmac.digest(salt, raw, algorithm)


def _shown(raw: bytes) -> Iterator[bytes]:
    """By itself, and so at the beginning of a group of base64."""
    yield from (raw, raw.hex().encode(), raw.hex().upper().encode())
    yield _aligned(base64.b64encode, raw, 0, 6)
    yield _aligned(base64.urlsafe_b64encode, raw, 0, 6)
