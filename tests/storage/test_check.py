"""`chatd check` on real databases: sound ones, and ones that somebody has meddled with."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from chatd.chat import changes as c
from chatd.security.keys import ServerKey
from chatd.storage.codec import Codec
from chatd.storage.database import SCHEMA_VERSION, OpenError, open_database
from chatd.storage.findings import FINDINGS_MAX, Report
from chatd.storage.tables import fresh, pages, tables
from chatd.storage.verify import SIZES_BYTES, VERIFY, key_fits

from .sample import DIRECT, TEXTS, Sample, findings, make


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return make(tmp_path / "data")


def test_a_sound_database_has_no_findings(sample: Sample) -> None:
    report = sample.check()
    assert report.findings == []
    assert report.rows["chunk"] == report.rows["conversation"] - 2
    assert report.rows["journal"] == 1
    assert report.rows.keys() == VERIFY.keys()
    assert all(report.rows[table] for table in VERIFY if table != "doomed")
    # 4 names and secrets less 1 erased, a kdf, a vault, an identity, a session, 2 rooms, a topic, 3
    # labels, a device, who is invited, and each id; then the messages. All are taken into account
    # one way or the other.
    boxes = 6 + 1 + 1 + 2 + 2 + 3 + 3 + 3 + 1 + len(TEXTS)
    boxes += 1 + 4 + 1  # a contact; a registration that waits; a message on its way
    assert report.boxes == boxes + 2 + 1
    assert report.texts + report.texts_untold == boxes + len(TEXTS)
    assert report.texts_untold < 10


def test_a_server_may_run_meanwhile(sample: Sample) -> None:
    with sample.writing() as writer:
        writer.write([c.SeenSet(DIRECT, 1, 9)])
        assert (sample.folder / "chatd.db-wal").stat().st_size > 0
        assert sample.check().findings == []
        writer.write([c.SeenSet(DIRECT, 1, 10)])


def test_nothing_is_written(sample: Sample) -> None:
    before = sample.database.read_bytes()
    sample.check()
    assert sample.database.read_bytes() == before


def test_what_was_not_checkpointed_is_looked_at_too(sample: Sample, tmp_path: Path) -> None:
    """As after kill -9: the last changes are in the log alone."""
    copied = Sample(tmp_path / "copy", sample.key)
    copied.folder.mkdir(mode=0o700)
    with sample.writing() as writer:
        writer.write([c.MessagesPosted(DIRECT, 99, 9_000, 1, ["the very last of the words"])])
        for file in sample.folder.iterdir():
            (copied.folder / file.name).write_bytes(file.read_bytes())
    assert copied.seqs()[-1] == 99
    assert copied.check().rows["journal"] == 2
    assert copied.check().findings == []


def test_another_key_opens_nothing(sample: Sample) -> None:
    sample.key = ServerKey.generate()
    report = sample.check()
    assert report.found == report.boxes
    assert "account 1: the box of its name does not open with this server key" in report.findings
    assert report.texts == 0


def test_which_key_a_database_was_written_with(sample: Sample) -> None:
    with closing(open_database(sample.database, Codec(sample.key))) as db:
        assert key_fits(db, Codec(sample.key))
        assert not key_fits(db, Codec(ServerKey.generate()))
        db.execute("UPDATE account SET name_box = zeroblob(40) WHERE id = 1")
        assert key_fits(db, Codec(sample.key))
    assert key_fits(fresh(), Codec(ServerKey.generate()))


def test_every_table_and_hash_of_the_schema_is_verified() -> None:
    known = tables(fresh())
    assert {table.name for table in known} == VERIFY.keys()
    columns = {column for table in known for column in table.columns}
    assert {
        column for column in columns if column.endswith(("_hash", "_tag"))
    } == SIZES_BYTES.keys()


BOXES = [
    ("account", "name_box", "account 1", "name"),
    ("account", "secret_box", "account 1", "secret"),
    ("account", "kdf_box", "account 2", "kdf"),
    ("account", "contact_box", "account 1", "contact"),
    ("pending", "name_box", "pending 1", "name"),
    ("pending", "secret_box", "pending 1", "secret"),
    ("pending", "kdf_box", "pending 1", "kdf"),
    ("pending", "contact_box", "pending 1", "contact"),
    ("outgoing", "message_box", "outgoing 1", "message"),
    ("vault", "blob_box", "vault (account 1)", "blob"),
    ("identity", "thumbprint_box", "identity (account 1)", "thumbprint"),
    ("identity", "keys_box", "identity (account 1)", "keys"),
    ("session", "public_box", "session 1", "public"),
    ("session", "address_box", "session 1", "address"),
    ("device", "public_box", "device 1", "public"),
    ("device", "key_box", "device 1", "key"),
    ("device", "address_box", "device 1", "address"),
    ("enrolment", "name_box", "enrolment 1", "name"),
    ("conversation", "name_box", "conversation 1", "name"),
    ("conversation", "topic_box", "conversation 1", "topic"),
    ("member", "label_box", "member (conversation 2, account 1)", "label"),
    ("journal", "box", "journal 2", "texts"),
    ("chunk", "body_box", "chunk 1", "texts"),
    ("sent", "sent_box", "sent (account 1)", "id"),
]


@pytest.mark.parametrize(("table", "column", "place", "what"), BOXES)
def test_a_box_that_was_changed_is_found(
    sample: Sample, table: str, column: str, place: str, what: str
) -> None:
    sample.execute(
        f"UPDATE {table} SET {column} = zeroblob(length({column})) WHERE {column} IS NOT NULL"
    )
    assert f"{place}: the box of its {what} does not open with this server key" in findings(sample)


@pytest.mark.parametrize(("table", "column", "place", "what"), BOXES)
def test_a_box_from_another_row_is_found(
    sample: Sample, table: str, column: str, place: str, what: str
) -> None:
    """Every other column stays; the row takes over the box that another one had."""
    other = Codec(sample.key).seal(f"{table}.{what}", "whatever", 77, 77)
    sample.execute(f"UPDATE {table} SET {column} = ? WHERE {column} IS NOT NULL", other)
    assert f"{place}: the box of its {what} does not open with this server key" in findings(sample)


def test_the_table_of_boxes_is_complete() -> None:
    boxes = {
        (t.name, column) for t in tables(fresh()) for column in t.columns if column.endswith("box")
    }
    assert boxes == {(table, column) for table, column, _, _ in BOXES}


@pytest.mark.parametrize(
    ("table", "column", "place"),
    [
        ("account", "name_hash", "account 1"),
        ("session", "public_tag", "session 1"),
        ("device", "public_tag", "device 1"),
        ("device", "key_hash", "device 1"),
        ("enrolment", "name_hash", "enrolment 1"),
        ("pending", "name_hash", "pending 1"),
        ("conversation", "name_hash", "conversation 1"),
        ("conversation", "name_hash", "conversation 2"),
        ("conversation", "name_hash", "conversation 3"),
        ("chunk", "senders", "chunk 1"),
    ],
)
def test_a_hash_that_fits_nothing_is_found(
    sample: Sample, table: str, column: str, place: str
) -> None:
    row = place.rpartition(" ")[2]
    sample.execute(f"UPDATE {table} SET {column} = randomblob(length({column})) WHERE id = {row}")
    assert f"{place}: {column} does not fit what it stands for" in findings(sample)


def test_an_id_of_another_account_is_found(sample: Sample) -> None:
    sample.execute("UPDATE sent SET id_tag = randomblob(16) WHERE time_ms = 2001")
    assert findings(sample) == ["sent (account 2): id_tag does not fit what it stands for"]


@pytest.mark.parametrize("table", [table.name for table in tables(fresh())])
def test_text_in_a_column_is_found(sample: Sample, table: str) -> None:
    """However short; such as a column that somebody added, or that is STRICT no more."""
    sample.execute(f"ALTER TABLE {table} ADD COLUMN note TEXT DEFAULT 'al'")
    assert findings(sample)[0].startswith("the database: its tables and columns are not those")


def test_text_where_a_blob_belongs_is_found(sample: Sample) -> None:
    with closing(apsw.Connection(str(sample.database))) as db:
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        db.pragma("writable_schema", True)
        db.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '') WHERE name = 'account'"
        )
    sample.execute("UPDATE account SET name_hash = 'al', level = 'al' WHERE id = 3")
    found = findings(sample)
    assert found[0].startswith("the database: its tables and columns are not those")
    assert "account 3: name_hash holds neither a number nor a blob" in found
    assert "account 3: level holds neither a number nor a blob" in found


@pytest.mark.parametrize("words", ["'al', 7", "'account', 'al'"])
def test_words_among_sqlite_s_own_are_found(sample: Sample, words: str) -> None:
    sample.execute(f"INSERT INTO sqlite_sequence VALUES ({words})")
    assert findings(sample) == ["sqlite_sequence: holds other words than the names of tables"]


@pytest.mark.parametrize("size", [0, 8, 31, 33])
def test_a_hash_of_the_wrong_size_is_found(sample: Sample, size: int) -> None:
    sample.execute("UPDATE session SET token_hash = zeroblob(?)", size)
    assert findings(sample) == ["session 1: token_hash has the wrong size"]


def test_a_short_name_in_place_of_a_box_is_found(sample: Sample) -> None:
    sample.execute("UPDATE account SET name_box = ? WHERE id = 3", b"al")
    assert "account 3: name_box has the wrong size" in findings(sample)


def test_a_kdf_that_makes_no_sense_is_found(sample: Sample) -> None:
    box = Codec(sample.key).seal("account.kdf", "argon2id$v=19$m=7,t=1,p=1$c2FsdA", 2)
    sample.execute("UPDATE account SET kdf_box = ? WHERE id = 2", box)
    assert findings(sample) == ["account 2: its kdf is not one that a client could have given"]


@pytest.mark.parametrize("table", ["vault", "identity"])
def test_an_older_version_that_is_put_back_is_found(sample: Sample, table: str) -> None:
    sample.execute(f"UPDATE {table} SET version = version + 1")
    assert f"{table} (account 1): the box of its " in findings(sample)[0]


def test_an_account_erased_by_half_is_found(sample: Sample) -> None:
    sample.execute("UPDATE account SET name_box = NULL WHERE id = 3")
    assert "account 3: erased only by half" in findings(sample)
    sample.execute("UPDATE account SET name_box = NULL, secret_box = NULL WHERE id IN (2, 3)")
    assert "account 2: erased only by half" in findings(sample)
    assert "account 3: erased only by half" not in findings(sample)


def test_a_row_that_refers_to_none_is_found(sample: Sample) -> None:
    sample.execute("UPDATE session SET account = 77")
    assert "session 1: refers to a row of account that is not there" in findings(sample)


def test_a_label_that_names_nobody_is_found(sample: Sample) -> None:
    box = Codec(sample.key).seal("member.label", "nobody-of-ours", DIRECT, 1)
    sample.execute("UPDATE member SET label_box = ? WHERE conversation = 2 AND account = 1", box)
    assert findings(sample) == ["member (conversation 2, account 1): its label names no account"]


def test_an_index_that_is_missing_is_found(sample: Sample) -> None:
    sample.execute("DROP INDEX session_by_account")
    found = findings(sample)
    assert found == ["the database: its tables and columns are not those of this version"]


def test_a_damaged_page_is_found(sample: Sample) -> None:
    with sample.database.open("r+b") as file:
        file.seek(4_096 * 3)
        file.write(b"\xff" * 4_096)
    assert [finding for finding in findings(sample) if finding.startswith("the database: ")]


def test_a_newer_version_is_said(sample: Sample) -> None:
    sample.execute("PRAGMA user_version = 99")
    assert [f for f in findings(sample) if "its version is 99, this chatd's is" in f]


def test_an_empty_file_is_found(sample: Sample) -> None:
    sample.database.write_bytes(b"")
    assert f"the database: its version is 0, this chatd's is {SCHEMA_VERSION}" in findings(sample)


def test_what_is_no_database_is_refused(sample: Sample) -> None:
    sample.database.write_bytes(b"no database at all " * 500)
    with pytest.raises(OpenError, match=re.escape(f"can't read the database {sample.database}: ")):
        sample.check()


def test_findings_have_a_bound() -> None:
    report = Report()
    for number in range(FINDINGS_MAX + 5):
        report.add(f"{number}")
    assert (report.found, len(report.findings)) == (FINDINGS_MAX + 5, FINDINGS_MAX)


def test_pages_hold_all_rows_once(sample: Sample) -> None:
    more = [
        c.MessagesPosted(DIRECT, n, 9_000, 1, ["x"], (f"{n}", bytes(16))) for n in range(100, 1_800)
    ]
    sample.write(*more)
    for table in tables(fresh()):
        with closing(apsw.Connection(str(sample.database))) as db:
            found = [tuple(row.values()) for page in pages(db, table) for row in page]
        assert found == sorted(set(found), key=found.index)
        assert len(found) == sample.rows(f"SELECT count(*) FROM {table.name}")[0][0]
