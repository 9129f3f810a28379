"""The local log: whatever somebody without its key makes of its files is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatctl.locallog.chain import Chain

from .local_log_world import Place, filled

LINES = 6


def tampered(draw: st.DataObject, lines: list[bytes]) -> list[bytes]:
    """Something else than these lines: what somebody without the key can make of them."""
    at = draw.draw(st.integers(0, len(lines) - 1))
    other = draw.draw(st.integers(0, len(lines) - 1).filter(lambda one: one != at))
    byte = draw.draw(st.integers(0, len(lines[at]) - 1))
    changed = bytes([lines[at][byte] ^ draw.draw(st.integers(1, 255))])
    moved = [line for place, line in enumerate(lines) if place != at]
    moved.insert(other, lines[at])
    swapped = [*lines]
    swapped[at], swapped[other] = lines[other], lines[at]
    ways: dict[str, list[bytes]] = {
        "changed": [*lines[:at], _with(lines[at], byte, changed), *lines[at + 1 :]],
        "byte dropped": [*lines[:at], _with(lines[at], byte, b""), *lines[at + 1 :]],
        "byte repeated": [*lines[:at], _doubled(lines[at], byte), *lines[at + 1 :]],
        "dropped": [*lines[:at], *lines[at + 1 :]],
        "repeated": [*lines[: at + 1], *lines[at:]],
        "swapped": swapped,
        "moved": moved,
        "cut": lines[:at],
        "cut within": [*lines[:at], lines[at][:byte]],
        "copied": [*lines[:at], lines[other], *lines[at + 1 :]],
        "inserted": [*lines[:at], draw.draw(st.binary(max_size=40)) + b"\n", *lines[at:]],
        "another's": [*lines[:at], _by_another(at + 1) + b"\n", *lines[at + 1 :]],
    }
    return ways[draw.draw(st.sampled_from(sorted(ways)))]


def _with(line: bytes, at: int, byte: bytes) -> bytes:
    return line[:at] + byte + line[at + 1 :]


def _doubled(line: bytes, at: int) -> bytes:
    return line[: at + 1] + line[at:]


def _by_another(seq: int) -> bytes:
    return Chain(bytes(32)).line(seq, "A" * 43, b"{}")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A log in several segments."""
    place = Place(tmp_path_factory.mktemp("written") / "log", 1_100).begin()
    filled(place, LINES)
    return place


@given(draw=st.data())
@settings(max_examples=400, deadline=None)
def test_any_change_of_the_lines_is_noticed(written: Place, draw: st.DataObject) -> None:
    segments = {path: path.read_bytes() for path in written.segments}
    assert len(segments) > 1
    path = draw.draw(st.sampled_from(sorted(segments)))
    lines = segments[path].splitlines(keepends=True)
    if len(lines) < 2:
        lines = [*lines, *lines]
    changed = b"".join(tampered(draw, lines))
    if changed == segments[path]:
        return
    path.write_bytes(changed)
    try:
        written.demand_noticed()
    finally:
        path.write_bytes(segments[path])
    assert len(written.texts()) == LINES


@given(at=st.integers(0, 10_000), change=st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_any_change_of_the_head_is_noticed(written: Place, at: int, change: int) -> None:
    head = written.head.read_bytes()
    at %= len(head)
    changed = head[:at] + bytes([head[at] ^ change] if change else []) + head[at + 1 :]
    written.head.write_bytes(changed)
    try:
        written.demand_noticed()
    finally:
        written.head.write_bytes(head)
    assert len(written.texts()) == LINES
