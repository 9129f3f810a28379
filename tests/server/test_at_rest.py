"""A stolen data folder tells nothing; with the server key, nothing that is for people alone.

After a busy day of two dozen users a thief has the database, its log and two backups. Every byte is
searched for every word of the day, in all the ways in which it could be written.
"""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest
import trio

from chatd.protocol import base64url
from chatd.security.boxes import Box, BoxError
from chatd.security.keys import ServerKey
from tests.peer import PATIENCE_SECONDS
from tests.serving import Server, environment, running
from tests.sources import ROOT, modules
from tests.storage.sample import make

from .busy_day import Day
from .busy_people import Words
from .stolen import RULED, Loot, Stolen
from .traces import TRACE_BYTES_MAX, Search, Word, digests, layers, written

USERS = 24
DATABASE, LOG, NOON, EVENING = "data/chatd.db", "data/chatd.db-wal", "noon", "evening"
DATABASE_BYTES_MIN, LOG_BYTES_MIN = 1_000_000, 100_000
GIVEN = {
    *("session.token_hash", "device.token_hash", "enrolment.once_hash", "code.code_hash"),
}
"""Hashes that the store is given; the last two are keyed, by `Codec`."""
MARKS: dict[Word, str] = {"argon2id$v=19": "the parameters of a hash", '"ciphertext":"': "a JWE"}
"""What no file of ours holds, whoever it is from."""
PRIVATE_MEMBER = re.compile(rb'\\*"d\\*"\s*:\s*\\*"[A-Za-z0-9_-]{43}')
ARGON2 = re.compile(rb"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+(\$[A-Za-z0-9+/]{22,43}){2}")
COMPRESSING = {"bz2", "gzip", "lzma", "tarfile", "zipfile", "zlib", "zstandard", "brotli", "lz4"}


@dataclass
class Evening:
    """What the thief has, the words of the day, and what people have at home."""

    loot: Loot
    words: Words
    at_home: bytes
    databases: dict[str, Stolen]

    @property
    def unlocked(self) -> bytes:
        """What is in all boxes of all the databases."""
        opened = [stolen.with_key(self.loot.key) for stolen in self.databases.values()]
        return b"\n".join(b for boxes in opened for column in boxes.values() for b in column)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    folder = tmp_path_factory.mktemp("day")
    settings, config = gateway(tmp_path_factory.mktemp("settings"))
    with running(folder, log_level="debug", log_format="json", **settings) as server:
        day = Day(server, lambda: ask_for_codes(server, config))
        trio.run(day.live, lambda: chatd("backup", folder / NOON, server.data))
        assert len(day.keyed) + len(day.plain) == USERS
        assert server.complaints() == []
        chatd("backup", folder / EVENING, server.data)
        killed(server)
    at_home = b"\n".join(person.at_home() for person in day.keyed)
    loot = Loot(folder, [NOON, EVENING, DATABASE], "data/server.key")
    opened = loot.opened(tmp_path_factory.mktemp("copies"))
    return Evening(loot, day.words, at_home, opened)


def gateway(folder: Path) -> tuple[dict[str, Any], Path]:
    """Settings by which text messages do not get through, and the file that can change others."""
    secret, config = folder / "webhook", folder / "chatd.toml"
    secret.touch(0o600)
    secret.write_text("whsec_" + "A" * 32)
    config.touch()
    nowhere = {"gateway_text": "webhook", "webhook_url": "http://127.0.0.1:1/"}
    return {**nowhere, "webhook_secret_file": secret, "config": config}, config


def ask_for_codes(server: Server, config: Path) -> None:
    """From now on who registers waits for a code."""
    config.write_text('registration = "gateway"\n')
    server.signal(signal.SIGHUP)


def killed(server: Server) -> None:
    """kill -9; what it printed is put beside its log."""
    assert server.process is not None and server.process.stdout is not None
    server.signal(signal.SIGKILL)
    server.log.with_name("stdout").write_text(server.process.stdout.read())
    server.wait()


def chatd(command: str, *arguments: Path) -> None:
    """Run one on a data folder, which comes last."""
    *others, data = map(str, arguments)
    subprocess.run(
        [sys.executable, "-m", "chatd", command, *others, "--data", data],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )


def told(words: Mapping[Word, str]) -> dict[bytes, str]:
    """Every trace of these words, with what it tells."""
    return {t: f"{what}: {word!r}" for word, what in words.items() for t in written(word)}


def hashes(words: Collection[Word]) -> dict[bytes, str]:
    """Every trace of a hash that needs no key, with what it tells."""
    return {trace: f"a hash of {word!r}" for word in words for trace in digests(word)}


@pytest.fixture(scope="module")
def search(evening: Evening) -> Search:
    """For all that no file may hold, and for every hash of it that needs no key."""
    words, key = evening.words, evening.loot.key.raw
    every: dict[Word, str] = dict.fromkeys(map(str.upper, words.names), "a name in capitals")
    every |= {**words.passing, **words.sealed, **words.boxed, **MARKS}
    traces = told({**every, key: "the server key"}) | hashes(every.keys() - words.token_bytes)
    for name in words.names:
        for spelt in (name, name.removeprefix("#")):
            traces |= dict.fromkeys(digests(spelt, words.salts), f"a hash of the name {name}")
    return Search(traces)


def test_no_file_tells_anything(evening: Evening, search: Search) -> None:
    files = evening.loot.files
    assert files.keys() >= {DATABASE, LOG, NOON, EVENING, "log", "stdout"}
    assert len(files[DATABASE]) > DATABASE_BYTES_MIN and len(files[LOG]) > LOG_BYTES_MIN
    assert {name: hits for name, data in files.items() if (hits := search.found(data))} == {}


def test_no_value_tells_anything(evening: Evening, search: Search) -> None:
    """In the files a long one may be spread over several pages."""
    for name, stolen in evening.databases.items():
        for layer in layers(stolen.without_key()):
            assert search.found(layer) == set(), name


def test_with_the_key_nothing_sealed_is_found(evening: Evening) -> None:
    unlocked = list(layers(evening.unlocked))
    boxed, sealed = told(evening.words.boxed), evening.words.sealed
    search = Search(told(sealed) | hashes(sealed.keys() - evening.words.token_bytes))
    for layer in unlocked:
        assert search.found(layer) == set()
        assert PRIVATE_MEMBER.search(layer) is None
    assert any(b'"thumbprint":' in layer for layer in unlocked[1:])  # of a proof, in base64
    assert Search(boxed).found(unlocked[0]) == set(boxed.values())


def test_with_the_key_only_hashes_and_ciphertext_are_found(evening: Evening) -> None:
    for stolen in evening.databases.values():
        boxes = stolen.with_key(evening.loot.key)
        secrets = boxes["account.secret_box"]  # empty: of who was enrolled, and has none
        assert all(map(ARGON2.fullmatch, filter(None, secrets))) and b"" in secrets
        vaults = [json.loads(vault) for vault in boxes["vault.blob_box"]]
        assert {frozenset(vault) for vault in vaults} == {
            frozenset({"protected", "recipients", "iv", "ciphertext", "tag"})
        }
        assert {one["header"]["kid"] for vault in vaults for one in vault["recipients"]} == {
            "password",
            "recovery",
        }


def test_every_column_has_a_rule_and_was_filled(evening: Evening) -> None:
    """So a table that is added later must be filled on the day, and be told how to open."""
    for stolen in evening.databases.values():
        assert stolen.unruly == set()
    columns = {column for stolen in evening.databases.values() for column, *_ in stolen.cells()}
    assert columns == RULED


def test_of_tokens_there_are_hashes(evening: Evening) -> None:
    """Of 32 random bytes, so that nobody finds them by guessing."""
    possible = {hashlib.sha256(raw).digest() for raw in evening.words.token_bytes}
    for stolen in evening.databases.values():
        assert stolen.column("session.token_hash")
        assert stolen.column("session.token_hash") <= possible
    assert {len(raw) for raw in evening.words.token_bytes} == {32}


def windows(stolen: Stolen) -> set[bytes]:
    """Every eight bytes that follow one another in any value but hashes that were given."""
    values = [raw for column, _, raw in stolen.cells() if column not in GIVEN]
    raws = [raw for raw in values if isinstance(raw, bytes)]
    return {raw[i : i + 8] for raw in raws for i in range(len(raw) - 7)}


def test_with_another_key_the_same_day_leaves_nothing_alike(tmp_path: Path) -> None:
    """So nothing can be made, or compared, without the key: no name, salt or text gives a value."""
    one, other = (Stolen(make(tmp_path / name).database) for name in ("one", "other"))
    assert one.column("session.token_hash") == other.column("session.token_hash")
    assert len(windows(one)) > 1_000
    assert windows(one) & windows(other) == set()


def test_the_search_knows_what_people_have_at_home(evening: Evening) -> None:
    """So what it did not find is not there, and not merely written otherwise."""
    found = Search(told(evening.words.sealed)).found(evening.at_home)
    assert {what.partition(":")[0] for what in found} == {
        *("what is kept in a vault", "a contact in a vault", "the wrapping key of a recovery key"),
        "a private key",
    }
    assert set(told(evening.words.kept).values()) <= found


def planted(database: Path, blob: bytes) -> None:
    """Write `blob` where a box should be."""
    with closing(apsw.Connection(str(database))) as db:
        db.execute("UPDATE account SET name_box = ? WHERE id = 1", (blob,))


def test_every_word_is_found_once_it_is_planted(
    evening: Evening, search: Search, tmp_path: Path
) -> None:
    database, words = evening.loot.copy(NOON, tmp_path), evening.words
    every = [*words.boxed, *words.sealed, *words.passing, *MARKS, evening.loot.key.raw]
    raws = [
        (word if isinstance(word, bytes) else word.encode())[:TRACE_BYTES_MAX] for word in every
    ]
    planted(database, b"\n".join(raws))
    found = search.found(Stolen(database).without_key())
    assert len(raws) > 500
    assert {raw for raw in raws if search.traces[raw] not in found} == set()


def resealed(evening: Evening, database: Path, plain: bytes) -> Stolen:
    """The database after the server put `plain` in the place of a vault."""
    box = Box(evening.loot.key.derive("rows"))
    with closing(apsw.Connection(str(database))) as db:
        account, version = next(db.execute("SELECT account, version FROM vault"))
        identity = b"vault.blob" + account.to_bytes(8, "big") + version.to_bytes(8, "big")
        update = "UPDATE vault SET blob_box = ? WHERE account = ?"
        db.execute(update, (box.seal(plain, identity), account))
    return Stolen(database)


def test_what_is_planted_in_a_box_is_found(evening: Evening, tmp_path: Path) -> None:
    database, sealed = evening.loot.copy(NOON, tmp_path), Search(told(evening.words.sealed))
    inside = json.dumps({"vault": base64url.encode(evening.at_home)}).encode()
    stolen = resealed(evening, database, inside)
    (blob,) = [b for b in stolen.with_key(evening.loot.key)["vault.blob_box"] if b == inside]
    assert PRIVATE_MEMBER.search(blob) is None
    assert any(PRIVATE_MEMBER.search(layer) for layer in layers(blob))
    assert len(sealed.found(blob)) > 10


def test_a_table_without_a_rule_is_no_way_out(evening: Evening, tmp_path: Path) -> None:
    database = evening.loot.copy(NOON, tmp_path)
    with closing(apsw.Connection(str(database))) as db:
        db.execute("CREATE TABLE later (id INTEGER PRIMARY KEY, note BLOB) STRICT")
        db.execute("INSERT INTO later (note) VALUES (?)", (bytes(40),))
    stolen = Stolen(database)
    assert stolen.unruly == {"later.note"}
    with pytest.raises(KeyError, match=r"later\.note"):
        stolen.with_key(evening.loot.key)


def test_a_box_that_stays_shut_is_no_way_out(evening: Evening, tmp_path: Path) -> None:
    database = evening.loot.copy(NOON, tmp_path)
    planted(database, bytes(40))
    with pytest.raises(BoxError):
        Stolen(database).with_key(evening.loot.key)
    with pytest.raises(BoxError):
        evening.databases[EVENING].with_key(ServerKey.generate())


def test_the_server_finds_its_own_files_sound(evening: Evening, tmp_path: Path) -> None:
    evening.loot.copy("data/server.key", tmp_path)
    evening.loot.copy(DATABASE, tmp_path)
    tmp_path.chmod(0o700)
    chatd("check", tmp_path)


def test_nothing_is_compressed() -> None:
    """What is compressed could not be searched."""
    packing = [m.place for m in modules("chatd") if m.imports & COMPRESSING]
    assert packing == []
