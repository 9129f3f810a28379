"""The look for known words in the clear, in real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chatd.chat import changes as c
from chatd.storage import scan
from chatd.storage.findings import Report
from chatd.storage.scan import CHUNK_BYTES, PATTERN_BYTES_MAX, Scan

from .sample import SECRET, TEXTS, Sample, findings, make


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return make(tmp_path / "data")


CLEAR = [
    ("anastasia", "the name of account 1"),
    ("gardeners", "the name of conversation 1"),
    ("about the roses", "the topic of conversation 1"),
    (TEXTS[7], "the text with seq 8 of chunk 2"),
    ("client-id-9", "the id of sent (account 2)"),
    ("192.0.2.77", "the address of session 1"),
    (SECRET, "the secret of account 1"),
]


@pytest.mark.parametrize(("text", "origin"), CLEAR)
@pytest.mark.parametrize("name", ["notes", "chatd.db.before-x", "deep/er/notes", "chatd.db-wal2"])
def test_a_known_text_in_the_clear_is_found_in_any_file(
    sample: Sample, text: str, origin: str, name: str
) -> None:
    file = sample.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(1_000) + text.encode() + os.urandom(50))
    assert findings(sample) == [f"{name}, byte 1000: {origin} stands there in the clear"]


@pytest.mark.parametrize(("text", "origin"), CLEAR)
def test_a_known_text_in_the_database_s_own_files_is_found(
    sample: Sample, text: str, origin: str
) -> None:
    """In a blob that is long enough to pass for a box, even for a moment."""
    clear = b"\0" * 40 + text.encode()
    with sample.writing():
        sample.execute("UPDATE member SET label_box = ?", clear)
        files = {f.partition(",")[0] for f in findings(sample) if origin in f}
        assert files == {"chatd.db-wal"}
    files = {f.partition(",")[0] for f in findings(sample) if origin in f}
    assert files == {"chatd.db"}


@pytest.mark.parametrize("before", [-1, 0, 1, 5, PATTERN_BYTES_MAX, PATTERN_BYTES_MAX + 1])
def test_a_text_across_the_edge_of_what_is_read_at_once_is_found_once(
    sample: Sample, before: int
) -> None:
    start = CHUNK_BYTES - before
    (sample.folder / "big").write_bytes(b"\0" * start + TEXTS[0].encode() + b"\0" * CHUNK_BYTES)
    assert findings(sample) == [
        f"big, byte {start}: the text with seq 1 of chunk 1 stands there in the clear"
    ]


def test_what_is_too_short_to_tell_is_counted_and_not_guessed(sample: Sample) -> None:
    """A name of two letters stands in any file by chance, so nothing can be said about it."""
    (sample.folder / "noise").write_bytes(os.urandom(1_000_000))
    untold = sample.check().texts_untold
    assert untold >= 2  # the name, of its account and as a label
    assert findings(sample) == []


def test_what_the_database_calls_its_own_things_is_no_finding(sample: Sample) -> None:
    sample.write(c.AccountMade(9, "conversation", SECRET, 1_000))
    report = sample.check()
    assert report.findings == []


def test_links_and_sockets_are_left_alone(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text(TEXTS[0])
    (sample.folder / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(sample.folder / "pipe")
    assert findings(sample) == []


def test_what_is_looked_for_is_bounded(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for three words at a time, the files are looked through often, for all of them."""
    monkeypatch.setattr(scan, "PATTERNS_MAX", 3)
    (sample.folder / "notes").write_text("\n".join(TEXTS))
    assert len(findings(sample)) == len(TEXTS)


def test_chance_hits_are_improbable_however_many_words(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(300_000))
    report = Report()
    looking = Scan(tmp_path, b"", report)
    for number in range(20_000):
        looking.add("a word", f"{number:05}")
    looking.finish()
    assert report.findings == []
    assert report.texts + report.texts_untold == 20_000


def test_any_name_of_a_file_can_be_told(sample: Sample) -> None:
    (sample.folder / os.fsdecode(b"a\n\xff\xc3\xa4")).write_text(TEXTS[0])
    (found,) = findings(sample)
    assert found.isascii()
    assert found.isprintable()


def test_what_is_in_the_spool_is_no_finding(sample: Sample) -> None:
    """Messages to people are in the clear there, on purpose; but only right beside the database."""
    spool = sample.folder / scan.SPOOL
    spool.mkdir()
    (spool / "1-1.eml").write_bytes(b"Hello anastasia, your code: 12345678")
    assert findings(sample) == []
    deeper = sample.folder / "deeper" / scan.SPOOL
    deeper.mkdir(parents=True)
    (deeper / "1-1.eml").write_bytes(b"Hello anastasia, your code: 12345678")
    assert len(findings(sample)) == 1
