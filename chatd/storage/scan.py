"""Looks for known names and texts in the clear, byte by byte, in every file of a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ahocorasick_rs import BytesAhoCorasick, Implementation

from .findings import Report

SPOOL = "spool"
"""A folder beside the database. It holds messages to people, in the clear on purpose."""

PATTERN_BYTES_MAX = 16
PATTERNS_MAX = 100_000
CHUNK_BYTES = 1_048_576

# What is boxed looks random, and a short word turns up in random bytes by chance. These are the
# expected numbers of such hits that are put up with, for one word and for a whole check.
CHANCE_OF_ONE_MAX = 1e-7
CHANCE_OF_ALL_MAX = 1e-4


class Scan:
    """Gathers what must not stand in the clear, and looks for it whenever there is enough.

    `own_words` is what the files hold of their own accord, such as the names of tables.
    """

    def __init__(self, folder: Path, own_words: bytes, report: Report) -> None:
        self._folder = folder
        self._own_words = own_words
        self._report = report
        self._origins: dict[bytes, str] = {}
        self._chance_left = CHANCE_OF_ALL_MAX
        sizes = [size for _, size in _files(folder)]
        report.files, report.file_bytes = len(sizes), sum(sizes)

    def add(self, origin: str, text: str) -> None:
        """Look for the beginning of `text`, sooner or later."""
        pattern = text.strip().removeprefix("#").encode()[:PATTERN_BYTES_MAX]
        if pattern in self._origins:
            self._report.texts += 1
            return
        chance = max(self._report.file_bytes, 1) / 256 ** len(pattern)
        if chance > min(CHANCE_OF_ONE_MAX, self._chance_left):
            self._report.texts_untold += 1
            return
        self._chance_left -= chance
        self._report.texts += 1
        self._origins[pattern] = origin
        if len(self._origins) >= PATTERNS_MAX:
            self.finish()

    def finish(self) -> None:
        """Look for all that was gathered since."""
        patterns = self._without_own_words(list(self._origins))
        if patterns:
            finder = _finder(patterns)
            for file, _ in _files(self._folder):
                self._scan(file, finder, patterns)
        self._origins.clear()

    def _without_own_words(self, patterns: list[bytes]) -> list[bytes]:
        if not patterns:
            return []
        found = _finder(patterns).find_matches_as_indexes(self._own_words, overlapping=True)
        own = {index for index, _, _ in found}
        self._report.texts -= len(own)
        self._report.texts_untold += len(own)
        return [pattern for index, pattern in enumerate(patterns) if index not in own]

    def _scan(self, file: Path, finder: BytesAhoCorasick, patterns: list[bytes]) -> None:
        shown = ascii(str(file.relative_to(self._folder)))[1:-1]
        told: set[int] = set()
        try:
            for index, place in _hits(file, finder):
                if index not in told:
                    told.add(index)
                    origin = self._origins[patterns[index]]
                    self._report.add(f"{shown}, byte {place}: {origin} stands there in the clear")
        except FileNotFoundError:
            return  # a server that stops takes its -wal away
        except OSError as error:
            self._report.add(f"{shown}: can't be read: {error.strerror}")


def _finder(patterns: list[bytes]) -> BytesAhoCorasick:
    return BytesAhoCorasick(patterns, implementation=Implementation.ContiguousNFA)


def _hits(file: Path, finder: BytesAhoCorasick) -> Iterator[tuple[int, int]]:
    """Which pattern was found, and at which byte of the file. OSError."""
    with file.open("rb") as stream:
        for offset, chunk in _chunks(stream):
            for index, start, _ in finder.find_matches_as_indexes(chunk):
                yield index, offset + start


def _chunks(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Offsets and bytes; chunks overlap, so that a word across their edge is whole in one."""
    offset, tail = 0, b""
    while data := stream.read(CHUNK_BYTES):
        chunk = tail + data
        yield offset, chunk
        tail = chunk[-(PATTERN_BYTES_MAX - 1) :]
        offset += len(chunk) - len(tail)


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every regular file but those of the spool, with its size in bytes; links are not followed."""
    for parent, folders, names in os.walk(folder):
        if Path(parent) == folder and SPOOL in folders:
            folders.remove(SPOOL)
        for name in sorted(names):
            file = Path(parent, name)
            with suppress(FileNotFoundError):
                found = file.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield file, found.st_size
