"""The local log: kept whole, and every change of it is noticed."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from chatctl.locallog import Damaged, Kept, Unfinished
from chatctl.locallog.chain import Chain
from chatctl.locallog.log import LocalLog
from chatctl.locallog.store import APPEND_LINES_MAX, SEGMENTS_MAX

from .local_log_world import Place, direct, entry, filled, full_disk


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "log").begin()


def test_what_is_kept_is_there_for_the_next_process(place: Place) -> None:
    filled(place, 3)
    filled(place, 5)  # the first three are known by then
    assert place.texts() == [f"text {number}" for number in range(1, 6)]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    assert b"text" not in b"".join(path.read_bytes() for path in place.segments)


def test_a_message_is_kept_once_however_it_comes(place: Place) -> None:
    log = place.log()
    signed = {"id": "x", "signer": "key"}
    assert log.append([direct("hi", "x"), direct("hi", "x")]) == [Kept.NEW, Kept.KNOWN]
    assert log.append([direct("other", "x")]) == [Kept.CONFLICT]
    assert log.came_directly(entry("hi", 7, **signed))
    assert not log.came_directly(entry("other", 7, **signed))
    assert not log.came_directly(entry("hi", 7, conversation="#ops", **signed))
    assert not log.came_directly(entry("hi", 7, grave=True, **signed))
    assert log.append([entry("hi", 7, **signed)]) == [Kept.KNOWN]
    again = place.log()
    assert again.append([direct("hi", "x")]) == [Kept.KNOWN]
    assert again.append([direct("hi", "x", signer="another")]) == [Kept.NEW]


def test_what_is_not_what_it_seems_takes_no_id_from_what_is(place: Place) -> None:
    log = place.log()
    forged = entry("hi", 3, id="x", signer="key", grave=True)
    assert log.append([forged]) == [Kept.NEW]
    assert log.append([direct("hi", "x")]) == [Kept.NEW]


def test_two_processes_take_turns(place: Place) -> None:
    one, other = place.log(), place.log()
    assert one.append([direct("a", "1")]) == [Kept.NEW]
    assert other.append([direct("a", "1"), direct("b", "2")]) == [Kept.KNOWN, Kept.NEW]
    assert one.append([direct("b", "2"), direct("c", "3")]) == [Kept.KNOWN, Kept.NEW]
    assert place.texts() == ["a", "b", "c"]


def test_the_oldest_segments_make_room(tmp_path: Path) -> None:
    place = Place(tmp_path / "log", 2_000).begin()
    one, other = place.log(), place.log()
    for number in range(1, 60):
        (one if number % 5 else other).append([entry(f"text {number}", number)])
    texts = place.texts()
    assert texts == [f"text {number}" for number in range(60 - len(texts), 60)]
    assert len(texts) < 40
    assert len(place.segments) == SEGMENTS_MAX
    assert one.first == place.log().first > 1
    place.segments[0].unlink()
    place.demand_noticed()


def test_a_crash_before_the_head_was_written_is_no_tampering(place: Place) -> None:
    filled(place, 3)
    head = place.head.read_bytes()
    log = place.log()
    log.append([entry(f"more {number}", 100 + number) for number in range(APPEND_LINES_MAX)])
    whole = place.segments[0].read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in (len(whole), len(whole) - 1, len(b"".join(lines[:5])) + 7, len(b"".join(lines[:3]))):
        place.segments[0].write_bytes(whole[:cut])
        place.head.write_bytes(head)
        complete = whole[:cut].count(b"\n")
        assert len(place.texts()) == complete
        place.log().append([direct("after", "x")])
        assert place.texts()[-1] == "after"
        assert len(place.texts()) == complete + 1


def test_more_beyond_the_head_than_a_crash_can_leave_is_noticed(place: Place) -> None:
    filled(place, 1)
    head = place.head.read_bytes()
    log = place.log()
    for batch in range(2):
        log.append([entry("more", 1_000 * batch + one + 10) for one in range(APPEND_LINES_MAX)])
    place.head.write_bytes(head)
    place.demand_noticed()


def test_a_log_that_goes_back_under_who_has_it_open_is_noticed(place: Place) -> None:
    log = filled(place, 3)
    before = [(path, path.read_bytes()) for path in (*place.segments, place.head)]
    log.append([entry("new", 9)])
    for path, was in before:
        path.write_bytes(was)
    with pytest.raises(Damaged):
        log.append([entry("newer", 10)])


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_line_that_goes_under_who_has_it_open_is_noticed(place: Place, at: int) -> None:
    log = filled(place, 3)
    lines = place.segments[0].read_bytes().splitlines(keepends=True)
    place.segments[0].write_bytes(b"".join([*lines[:at], *lines[at + 1 :]]))
    changed = place.segments[0].read_bytes()
    with pytest.raises(Damaged):
        log.append([entry("new", 9)])
    assert place.segments[0].read_bytes() == changed
    place.demand_noticed()


@pytest.mark.parametrize("which", ["head", "segments", "both"])
def test_a_file_that_is_gone_is_noticed(place: Place, which: str) -> None:
    filled(place, 3)
    for path in [place.head] * (which != "segments") + place.segments * (which != "head"):
        path.unlink()
    place.demand_noticed()
    with pytest.raises(Damaged):
        place.log()


def test_another_key_opens_nothing(place: Place) -> None:
    filled(place, 1)
    store = place.store(Chain(os.urandom(32)))
    with store.locked(), pytest.raises(Damaged):
        list(store.lines())


@pytest.mark.parametrize("segment_bytes_max", [10_000, 100])
def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, segment_bytes_max: int) -> None:
    place = Place(tmp_path / "log", segment_bytes_max).begin()
    log = filled(place, 2)
    new = [entry("new", 9, id="x", signer="key")]
    with full_disk(place), pytest.raises(OSError, match="directory"):
        log.append(new)
    assert not log.came_directly(new[0])
    assert place.texts() == ["text 1", "text 2"]
    assert log.append(new) == [Kept.NEW]
    assert log.append(new) == [Kept.KNOWN]
    assert place.texts() == ["text 1", "text 2", "new"]


@pytest.mark.parametrize("segment", [1, 4])  # the last, and what would be the next
def test_what_is_no_entry_at_the_end_is_told_and_cut_off(place: Place, segment: int) -> None:
    filled(place, 3)
    with (place.folder / f"{place.head.stem}.{segment}.log").open("ab") as file:
        file.write(b"x")
    with pytest.raises(Unfinished, match=r"behind entry 3 .*\(bytes: 1\)"):
        list(LocalLog(place.store()).entries())
    place.log()  # opened to append
    assert len(list(LocalLog(place.store()).entries())) == 3


def test_nothing_is_left_of_what_is_removed_not_even_of_a_crash(place: Place) -> None:
    filled(place, 2)
    shutil.copy(place.head, f"{place.head}.new")  # killed before it was put in place
    place.store().remove()
    assert list(place.folder.iterdir()) == []
