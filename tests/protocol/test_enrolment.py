"""One-time IDs and enrolment lines: what is written is read, and nothing else is."""

from __future__ import annotations

import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol.enrolment import (
    ALPHABET,
    CHARACTERS,
    EnrolmentLine,
    grouped,
    new_one_time_id,
    one_time_id,
)
from chatd.security.names import BadName, user_name

KEY = bytes(range(32))
ID = "K7QM2VXR9HDP"
LINE = EnrolmentLine("chat.example.net", 4040, "alice", KEY, ID)
WRITTEN = (
    "chat-enrol://chat.example.net:4040/alice/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    "/K7QM-2VXR-9HDP"
)

ids = st.text(ALPHABET, min_size=CHARACTERS, max_size=CHARACTERS)
hosts = st.sampled_from(["chat.example.net", "192.0.2.7", "2001:db8::7", "localhost"])


def named(raw: str) -> str | None:
    with suppress(BadName):
        return user_name(raw)
    return None


names = st.text(min_size=1, max_size=32).map(named).filter(bool)


def test_ids_have_no_lookalikes_and_enough_to_guess() -> None:
    assert not set("0O1IL") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 31 and CHARACTERS >= 12
    made = {new_one_time_id() for _ in range(200)}
    assert len(made) == 200 and all(one_time_id(one) == one for one in made)


@given(ids, st.sampled_from([str.lower, str.upper, str.title]))
def test_an_id_is_read_however_it_is_typed(made: str, case: object) -> None:
    assert callable(case)
    assert one_time_id(case(grouped(made))) == made
    assert one_time_id(f" {made[:5]} {made[5:]}\t") == made


@pytest.mark.parametrize("typed", ["", "K7QM-2VXR", "K7QM-2VXR-9HDP-X", "K7QM-2VXR-9HD0", "é" * 12])
def test_what_is_no_id_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"must have|holds"):
        one_time_id(typed)


@given(hosts, st.integers(1, 65_535), names, st.binary(min_size=32, max_size=32), ids)
def test_a_line_is_read_as_it_was_written(
    host: str, port: int, name: str, key: bytes, one: str
) -> None:
    line = EnrolmentLine(host, port, name, key, one)
    assert EnrolmentLine.read(f" {line.write()}\n") == line
    assert shlex.split(f"chatctl enrol '{line.write()}'")[2] == line.write()


def test_how_it_looks() -> None:
    assert LINE.write() == WRITTEN == shlex.quote(WRITTEN)
    assert ID not in repr(LINE)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "chat-enrol://",
        WRITTEN.replace("chat-enrol", "https"),
        WRITTEN.replace(":4040", ""),
        WRITTEN.replace(":4040", ":65536"),
        WRITTEN.replace(":4040", ":0"),
        WRITTEN.replace("/alice", ""),
        WRITTEN.replace("alice", "%ff"),
        WRITTEN.replace("AAEC", "AAE"),
        WRITTEN.replace("9HDP", "9HD1"),
        f"{WRITTEN}/more",
        f"{WRITTEN}?more=yes",
        WRITTEN.replace("//", "//me@"),
        WRITTEN.replace("chat.", "a chat."),
        WRITTEN.replace("chat.", "'chat."),
        WRITTEN.replace("chat.example.net", "[fe80::1%eth0]"),
    ],
)
def test_what_is_no_line_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(ValueError, match="enrolment line") as refused:
        EnrolmentLine.read(wrong)
    assert "K7QM" not in str(refused.value)


@given(st.text())
def test_any_text_is_a_line_or_refused(text: str) -> None:
    with suppress(ValueError):
        EnrolmentLine.read(text)
