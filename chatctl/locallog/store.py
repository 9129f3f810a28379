"""The files of a local log: segments of lines, and the head; of mode 0600, in a folder of 0700.

    NAME-KEY.1.log, NAME-KEY.20417.log …   lines from that number on
    NAME-KEY.head                          replaced whole with each append
    NAME-KEY.lock                          held by who appends or reads

First the lines are on disk, then the head: what a crash leaves beyond the head are lines of one
append, the last of them perhaps cut. The former are taken in, the latter is cut off: by whoever
appends, not by whoever reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from ..files import locked, sync_folder
from .chain import START, Broken, Chain, Head, Line, hash_of

SEGMENT_BYTES_MAX = 16 * 1024 * 1024
SEGMENTS_MAX = 4
APPEND_LINES_MAX = 256
"""In one go, and so beyond the head after a crash."""
LINE_BYTES_MAX = 524_288


class Damaged(Exception):
    """The log is not as it was written; `sentence` names the first entry that is not."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Unfinished(Damaged):
    """All entries are as they were written, but bytes of none stand behind them."""


class Store:
    """One log. Everything blocks, and wants the lock to be held."""

    def __init__(
        self, folder: Path, name: str, chain: Chain, segment_bytes_max: int = SEGMENT_BYTES_MAX
    ) -> None:
        self._base = f"{name}-{chain.name}"
        self._folder = folder
        self._chain = chain
        self._segment_bytes_max = segment_bytes_max

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else appends or reads meanwhile. OSError."""
        with locked(self._path("lock")):
            yield

    def begin(self) -> None:
        """Make an empty log. OSError."""
        self._write_head(Head())

    def remove(self) -> None:
        """All of it, and what a crash may have left. OSError."""
        for one in self._segments():
            self._path(f"{one}.log").unlink()
        for ending in ("head.new", "head", "lock"):
            with suppress(FileNotFoundError):
                self._path(ending).unlink()

    def head(self) -> Head:
        """As it was written last. Damaged, OSError."""
        try:
            raw = self._path("head").read_bytes()
            if not raw.endswith(b"\n"):
                raise Broken
            return self._chain.read_head(raw[:-1])
        except FileNotFoundError:
            what = "The file that says where it ends" if self._segments() else "All of it"
            raise Damaged(f"{what} is gone") from None
        except Broken:
            raise Damaged("The file that says where it ends was changed") from None

    def lines(self) -> Iterator[Line]:
        """All that are there, each held against the one before and the end against the head.
        Damaged, at the very end Unfinished, OSError."""
        head = self.head()
        start = START if head.first == 1 else ""
        last = Head(head.first - 1, start, head.first, head.first, 0)
        for line, place in self._on(last):
            last = place
            if last.seq == head.seq and last.hash != head.hash:
                raise Damaged(f"Entry {head.seq} was changed")
            yield line
        _demand_end(head, last)
        if behind := sum(path.stat().st_size - end for path, end in self._behind(last)):
            raise Unfinished(f"What stands behind entry {last.seq} is no entry (bytes: {behind})")

    def catch_up(self, known: Head | None) -> tuple[Head, list[Line]]:
        """Where the log ends, and the lines behind what was `known`; what a crash left is taken in,
        or cut off. Damaged, OSError."""
        head = self.head()
        if known is not None and known.seq > head.seq:
            raise Damaged(f"Entry {head.seq + 1} is missing: the log was put back")
        if known is None or known.segment < head.first:
            known = head
        self._demand_newest(known)
        found = [*self._on(known)]
        places = [known, *(place for _, place in found)]
        _demand_end(head, places[-1])
        if places[head.seq - known.seq].hash != head.hash:
            raise Damaged(f"Entry {head.seq} was changed")
        last = msgspec.structs.replace(places[-1], first=head.first)
        self._cut(last)
        if last.seq > head.seq:
            self._write_head(last)
        return last, [line for line, _ in found]

    def append(self, head: Head, plains: Sequence[bytes]) -> Head:
        """Write lines behind `head`, where `catch_up` said that the log ends; durably, or none of
        them. OSError."""
        lines, prev = self._chained(head, plains)
        segment, offset = head.segment, head.offset
        if offset >= self._segment_bytes_max:
            segment, offset = head.seq + 1, 0
        end = self._write_lines(segment, offset, lines)
        kept = [one for one in self._segments() if one >= head.first][-SEGMENTS_MAX:]
        head = Head(head.seq + len(plains), prev, kept[0], segment, end)
        try:
            self._replace_head(head)
        except OSError:
            os.truncate(self._path(f"{segment}.log"), offset)  # or they would be taken in later
            raise
        sync_folder(self._folder)
        for one in self._segments():
            if one < head.first:  # the head says already that they are no more
                self._path(f"{one}.log").unlink()
        return head

    def _chained(self, head: Head, plains: Sequence[bytes]) -> tuple[bytes, str]:
        """The lines that follow `head`, and the hash of the last."""
        prev, lines = head.hash, []
        for seq, plain in enumerate(plains, head.seq + 1):
            line = self._chain.line(seq, prev, plain)
            lines.append(line + b"\n")
            prev = hash_of(line)
        return b"".join(lines), prev

    def _on(self, at: Head) -> Iterator[tuple[Line, Head]]:
        """The lines behind a place, each held against the one before, with the place behind it.
        A place without hash is behind a line that is no more there."""
        seq, prev, offset = at.seq, at.hash, at.offset
        segments = [one for one in self._segments() if one >= at.segment]
        for first in segments:
            if first != at.segment:
                offset = 0
                if first != seq + 1:
                    raise Damaged(f"Entry {seq + 1} is missing")
            for raw in self._raw(first, offset, last=first == segments[-1]):
                line = self._checked(raw, seq + 1, prev)
                seq, prev, offset = line.seq, hash_of(raw), offset + len(raw) + 1
                yield line, Head(seq, prev, at.first, first, offset)

    def _checked(self, raw: bytes, expected: int, prev: str) -> Line:
        try:
            line = self._chain.opened(raw)
        except Broken:
            raise Damaged(f"Entry {expected} was changed") from None
        if line.seq != expected:
            raise Damaged(f"In the place of entry {expected} stands entry {line.seq}")
        if prev and line.prev != prev:
            raise Damaged(f"Entry {expected} does not follow the one before it")
        return line

    def _raw(self, first: int, offset: int, *, last: bool) -> Iterator[bytes]:
        """The lines of a segment; at the end of the last one there may be one that was cut."""
        with self._path(f"{first}.log").open("rb") as file:
            file.seek(offset)
            while raw := file.readline(LINE_BYTES_MAX):
                if raw.endswith(b"\n"):
                    yield raw[:-1]
                elif last:
                    return
                else:
                    yield b""  # it never ended so

    def _demand_newest(self, place: Head) -> None:
        """The line before a place still stands there."""
        if not place.seq:
            return
        size = min(place.offset, LINE_BYTES_MAX)
        try:
            with self._path(f"{place.segment}.log").open("rb") as file:
                file.seek(place.offset - size)
                raw = file.read(size)
        except FileNotFoundError:
            raw = b""
        whole = len(raw) == size and raw.endswith(b"\n")
        if not whole or hash_of(raw[:-1].rpartition(b"\n")[2]) != place.hash:
            raise Damaged(f"Entry {place.seq} is not where it was: something was changed before it")

    def _cut(self, last: Head) -> None:
        """Off with a last line that was not written to its end."""
        for path, end in self._behind(last):
            os.truncate(path, end)

    def _behind(self, last: Head) -> list[tuple[Path, int]]:
        """The files that go on behind the last line, and up to where they are right."""
        segments = [one for one in self._segments() if one >= last.segment]
        ends = {one: last.offset if one == last.segment else 0 for one in segments}
        files = [(self._path(f"{one}.log"), end) for one, end in ends.items()]
        return [(path, end) for path, end in files if path.stat().st_size > end]

    def _segments(self) -> list[int]:
        """The first numbers of the segments, in order."""
        found = self._folder.glob(f"{self._base}.*.log")
        names = [path.name.removeprefix(f"{self._base}.").removesuffix(".log") for path in found]
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def _write_lines(self, segment: int, offset: int, lines: bytes) -> int:
        """All or none; the offset behind them."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self._path(f"{segment}.log"), flags, 0o600)
        with os.fdopen(handle, "wb", buffering=0) as file:
            try:
                file.seek(offset)
                rest = memoryview(lines)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(handle)
            except OSError:
                file.truncate(offset)
                raise
        return offset + len(lines)

    def _write_head(self, head: Head) -> None:
        self._replace_head(head)
        sync_folder(self._folder)

    def _replace_head(self, head: Head) -> None:
        """Whole or not at all; for good once the folder is synced."""
        scratch = self._path("head.new")
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(self._chain.head(head) + b"\n")
            file.flush()
            os.fsync(handle)
        scratch.replace(self._path("head"))

    def _path(self, ending: str) -> Path:
        return self._folder / f"{self._base}.{ending}"


def _demand_end(head: Head, last: Head) -> None:
    if last.seq < head.seq:
        raise Damaged(f"Entry {last.seq + 1} is missing, and what followed it")
    if last.seq > head.seq + APPEND_LINES_MAX:
        raise Damaged(f"Entry {head.seq + 1} stands where the log had ended")
