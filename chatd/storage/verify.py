"""Every row of the database: that its boxes open, its hashes fit, and its columns hold no text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from struct import error as StructError  # noqa: N812
from typing import TypeVar

import apsw

from chatd.protocol import kdf
from chatd.security.boxes import OVERHEAD_BYTES, BoxError

from .chunks import SENDER_BYTES, pack_senders
from .codec import Codec
from .findings import Report
from .runs import Run, count
from .tables import Row, Table, columns, foreign_words, fresh, pages, shape, tables
from .verify_ways_in import VERIFY_WAYS_IN

T = TypeVar("T")

SIZES_BYTES = {
    "name_hash": 32,
    "token_hash": 32,
    "key_hash": 32,
    "once_hash": 32,
    "code_hash": 32,
    "public_tag": 16,
    "id_tag": 16,
}
TAGS_BYTES = {"senders": SENDER_BYTES}
"""Columns that hold as many tags as they like."""

KEY_SAMPLE_ROWS = 20

_OVERLAP = "SELECT 1 FROM chunk WHERE conversation = ? AND first_seq > ? AND first_seq <= ? LIMIT 1"

_ROWS_MISSING = (
    "SELECT max(id) - min(id) + 1 <> count(*) OR max(id) <> (SELECT seq FROM sqlite_sequence"
    " WHERE name = 'journal') FROM journal HAVING count(*)"
)
"""Rows go from the first on alone, and the last one stays as long as there is any."""

Known = Callable[[str, str], None]
"""Takes where a text stands, such as `the name of account 3`, and the text."""


class Verifier:
    """Goes through all rows and tells `known` every text that it could open."""

    def __init__(self, db: apsw.Connection, codec: Codec, report: Report, known: Known) -> None:
        self._db = db
        self.codec = codec
        self.report = report
        self._known = known

    def run(self) -> None:
        """Verify all tables of this version's schema; where it lacks some, only that is found."""
        own = fresh()
        if shape(self._db) != shape(own):
            self.report.add("the database: its tables and columns are not those of this version")
        elif foreign_words(self._db):
            self.report.add("sqlite_sequence: holds other words than the names of tables")
        if not columns(own) <= columns(self._db):
            return
        if self._db.execute(_ROWS_MISSING).get:
            self.report.add("journal: rows are missing")
        for table in tables(own):
            verify = VERIFY[table.name]
            self.report.rows[table.name] = 0
            for page in pages(self._db, table):
                self.report.rows[table.name] += len(page)
                for row in page:
                    place = table.place(row)
                    self._types(table, row, place)
                    verify(self, row, place)

    def _types(self, table: Table, row: Row, place: str) -> None:
        for column in table.columns:
            value = row[column]
            if isinstance(value, bytes):
                if not _size_fits(column, len(value)):
                    self.report.add(f"{place}: {column} has the wrong size")
            elif not (value is None or isinstance(value, int)):
                self.report.add(f"{place}: {column} holds neither a number nor a blob")

    def open(self, place: str, column: str, boxed: object, *row: int) -> str | None:
        """The text in a box, of `account.name` say; None where there is none or it stays shut."""
        if boxed is None:
            return None
        what = column.rpartition(".")[2]
        return self._opened(place, what, lambda: self.codec.open(column, _blob(boxed), *row))

    def _opened(self, place: str, what: str, opening: Callable[[], str]) -> str | None:
        text = self._unsealed(place, what, opening)
        if text is not None:
            self._known(f"the {what} of {place}", text)
        return text

    def _unsealed(self, place: str, what: str, opening: Callable[[], T]) -> T | None:
        """What is in a box; None where it stays shut."""
        self.report.boxes += 1
        try:
            return opening()
        except (BoxError, ValueError, StructError):
            self.report.add(f"{place}: the box of its {what} does not open with this server key")
            return None

    def fits(self, place: str, column: str, found: object, expected: object) -> None:
        if found != expected:
            self.report.add(f"{place}: {column} does not fit what it stands for")

    def _account(self, row: Row, place: str) -> None:
        name = self.open(place, "account.name", row["name_box"], row["id"])
        self.open(place, "account.secret", row["secret_box"], row["id"])
        self.open(place, "account.contact", row["contact_box"], row["id"])
        self._kdf(row, place)
        if name is not None:
            self.fits(place, "name_hash", row["name_hash"], self.codec.user_hash(name))
        alive = row["name_box"] is not None
        kept = any(row[column] is not None for column in ("kdf_box", "contact_box"))
        if alive != (row["secret_box"] is not None) or (kept and not alive):
            self.report.add(f"{place}: erased only by half")

    def _kdf(self, row: Row, place: str) -> None:
        self.judge_kdf(place, self.open(place, "account.kdf", row["kdf_box"], row["id"]))

    def judge_kdf(self, place: str, text: str | None) -> None:
        if text is not None and not _is_kdf(text):
            self.report.add(f"{place}: its kdf is not one that a client could have given")

    def _vault(self, row: Row, place: str) -> None:
        self.open(place, "vault.blob", row["blob_box"], row["account"], row["version"])

    def _identity(self, row: Row, place: str) -> None:
        of = row["account"], row["version"]
        self.open(place, "identity.thumbprint", row["thumbprint_box"], *of)
        self.open(place, "identity.keys", row["keys_box"], *of)

    def _session(self, row: Row, place: str) -> None:
        public = self.open(place, "session.public", row["public_box"], row["id"])
        self.open(place, "session.address", row["address_box"], row["id"])
        if public is not None:
            tag = self.codec.session_tag(row["account"], public)
            self.fits(place, "public_tag", row["public_tag"], tag)

    def _conversation(self, row: Row, place: str) -> None:
        name = self.open(place, "conversation.name", row["name_box"], row["id"])
        self.open(place, "conversation.topic", row["topic_box"], row["id"])
        if name is not None:
            self.fits(place, "name_hash", row["name_hash"], self.codec.room_hash(name))

    def _member(self, row: Row, place: str) -> None:
        conversation, me = row["conversation"], row["account"]
        label = self.open(place, "member.label", row["label_box"], conversation, me)
        if label is None:
            return
        other = self._db.execute(
            "SELECT id FROM account WHERE name_hash = ?", (self.codec.user_hash(label),)
        ).get
        if other is None:
            self.report.add(f"{place}: its label names no account")
        else:
            pair = self.codec.direct_hash(min(me, other), max(me, other))
            found = self._db.execute(
                "SELECT name_hash FROM conversation WHERE id = ?", (conversation,)
            ).get
            self.fits(f"conversation {conversation}", "name_hash", found, pair)

    def _journal(self, row: Row, place: str) -> None:
        id_ = row["id"]
        entries = self._unsealed(
            place, "texts", lambda: self.codec.open_entries(id_, _blob(row["box"]))
        )
        for _, run in entries or []:
            self._texts(place, run)
            if not (run.texts and 0 < run.commit <= id_):
                self.report.add(f"{place}: holds what was committed at another time")

    def _chunk(self, row: Row, place: str) -> None:
        where = row["conversation"], row["first_seq"], row["last_seq"], row["messages"]
        runs = self._unsealed(
            place, "texts", lambda: self.codec.open_chunk(*where, _blob(row["body_box"]))
        )
        if runs is not None:
            self._chunk_fits(row, place, runs)
        if self._db.execute(_OVERLAP, where[:3]).get:
            self.report.add(f"{place}: another one has some of the same seqs")

    def _chunk_fits(self, row: Row, place: str, runs: list[Run]) -> None:
        conversation = row["conversation"]
        for run in runs:
            self._texts(place, run)
        seqs = [(run.seq, run.last_seq) for run in runs]
        rising = all(one[1] < other[0] for one, other in pairwise(seqs))
        if not (runs and rising and all(run.texts for run in runs)):
            self.report.add(f"{place}: its messages are not in order")
            return
        for column, expected in (
            ("first_seq", runs[0].seq),
            ("last_seq", runs[-1].last_seq),
            ("messages", count(runs)),
            ("commit_last", max(run.commit for run in runs)),
        ):
            self.fits(place, column, row[column], expected)
        senders = pack_senders(self.codec, conversation, runs)
        self.fits(place, "senders", row["senders"], senders)

    def _texts(self, place: str, run: Run) -> None:
        for seq, text in enumerate(run.texts, run.seq):
            self._known(f"the text with seq {seq} of {place}", text)

    def _sent(self, row: Row, place: str) -> None:
        account, time_ms, boxed = row["account"], row["time_ms"], row["sent_box"]
        client_id = self._opened(
            place, "id", lambda: self.codec.open_sent(account, time_ms, _blob(boxed))[0]
        )
        if client_id is not None:
            self.fits(place, "id_tag", row["id_tag"], self.codec.sent_tag(account, client_id))

    def _numbers(self, row: Row, place: str) -> None:
        """A table of numbers: the types are all there is to verify."""


def key_fits(db: apsw.Connection, codec: Codec) -> bool:
    """Whether the database was written with this server key, judged by a few accounts. An empty
    one fits any key."""
    sample = "SELECT id, name_box FROM account WHERE name_box IS NOT NULL LIMIT ?"
    rows = list(db.execute(sample, (KEY_SAMPLE_ROWS,)))
    for account, boxed in rows:
        with suppress(BoxError, ValueError):
            codec.open("account.name", boxed, account)
            return True
    return not rows


def _size_fits(column: str, size: int) -> bool:
    if column in TAGS_BYTES:
        return size > 0 and size % TAGS_BYTES[column] == 0
    return size == SIZES_BYTES[column] if column in SIZES_BYTES else size >= OVERHEAD_BYTES


def _is_kdf(text: str) -> bool:
    try:
        return kdf.checked(text) != kdf.NONE
    except ValueError:
        return False


def _blob(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise BoxError("not a blob")
    return value


VERIFY: dict[str, Callable[[Verifier, Row, str], None]] = {
    "account": Verifier._account,
    "vault": Verifier._vault,
    "identity": Verifier._identity,
    "session": Verifier._session,
    "conversation": Verifier._conversation,
    "member": Verifier._member,
    "journal": Verifier._journal,
    "chunk": Verifier._chunk,
    "sent": Verifier._sent,
    "ban": Verifier._numbers,
    "invite": Verifier._numbers,
    "block": Verifier._numbers,
    "doomed": Verifier._numbers,
    "code": Verifier._numbers,
    **VERIFY_WAYS_IN,
}
