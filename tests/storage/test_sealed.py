"""Derived secrets, vaults and identities at rest, and what SALT is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.chat import changes as c
from chatd.chat.ports import StoredKeys, StoredVault
from chatd.protocol import base64url, kdf
from chatd.security.keys import ServerKey
from chatd.storage.codec import Codec
from chatd.storage.sqlite import SqliteStore

KEY = ServerKey(bytes(range(32)))
KDF = kdf.argon2id(65_536, 3, 4, b"sixteen bytes...")
ANN, BEN, CAT = 1, 2, 3


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """With ann, whose secret is derived, and ben, whose is not."""
    made = SqliteStore(tmp_path / "chatd.db", KEY)
    await made.commit(
        [
            c.AccountMade(ANN, "ann", "$secret", 1_000, KDF),
            c.AccountMade(BEN, "ben", "$secret", 1_000),
        ]
    )
    yield made
    await made.aclose()


async def test_how_a_secret_is_made(store: SqliteStore) -> None:
    assert [await store.kdf(name) for name in ("ann", "ben")] == [KDF, kdf.NONE]
    await store.commit([c.SecretSet(ANN, "$rehashed", 0, None)])
    assert await store.kdf("ann") == KDF
    await store.commit([c.SecretSet(ANN, "$other", 1, 5, kdf.NONE)])
    assert await store.kdf("ann") == kdf.NONE
    await store.commit([c.SecretSet(BEN, "$other", 1, 5, KDF)])
    assert await store.kdf("ben") == KDF


async def test_nobody_s_looks_like_anybody_s_and_stays(store: SqliteStore, tmp_path: Path) -> None:
    names = ["cat", "~", "no name", "", "#ops", "x" * 5_000, *(f"user{n}" for n in range(50))]
    told = [await store.kdf(name) for name in names]
    assert [await store.kdf(name) for name in names] == told
    assert len({*told, KDF}) == len(told) + 1
    for one in told:
        assert kdf.checked(one) == one
        assert one.startswith("argon2id$v=19$m=65536,t=3,p=4$")
        assert len(one) == len(KDF)
    other = SqliteStore(tmp_path / "other.db", ServerKey(bytes(32)))
    try:
        assert await other.kdf("cat") != told[0]
    finally:
        await other.aclose()


async def test_an_erased_account_is_told_of_like_none(store: SqliteStore, tmp_path: Path) -> None:
    await store.commit([c.AccountErased(ANN), c.AccountErased(BEN)])
    empty = SqliteStore(tmp_path / "empty.db", KEY)
    try:
        for name in ("ann", "ben"):
            assert await store.kdf(name) == await empty.kdf(name) != KDF
    finally:
        await empty.aclose()


async def test_known_and_unknown_names_take_the_same_steps(
    store: SqliteStore, tmp_path: Path
) -> None:
    """The same statement, which reads one row either way, and as many boxes."""
    reader = store._readers[0]
    statements: list[list[str]] = []

    def traced(_db: object, sql: str, _bindings: object) -> bool:
        statements[-1].append(sql)
        return True

    reader._db.exec_trace = traced
    for name in ("ann", "cat", "ben", "no name"):
        statements.append([])
        reader.kdf(name)
    assert len(statements[0]) == 1
    assert all(one == statements[0] for one in statements)


async def test_a_vault_is_replaced_and_goes_with_the_account(store: SqliteStore) -> None:
    assert await store.vault(ANN) is None
    for version, blob in [(1, "one"), (2, "b" * 49_152), (3, "\u00fc|\\\n")]:
        await store.commit([c.VaultStored(ANN, version, blob)])
        assert await store.vault(ANN) == StoredVault(version, blob)
    ann = await store.account(ANN)
    assert ann is not None and ann.vault_version == 3
    await store.commit([c.AccountErased(ANN)])
    assert await store.vault(ANN) is None


async def test_keys_are_replaced_and_go_with_the_account(store: SqliteStore) -> None:
    assert await store.keys(ANN) is None
    for version in (1, 2):
        await store.commit([c.KeysPublished(ANN, version, f"t{version}", f"k{version}")])
        assert await store.keys(ANN) == StoredKeys(version, f"t{version}", f"k{version}")
    ann = await store.account(ANN)
    assert ann is not None and (ann.vault_version, ann.keys_version) == (0, 2)
    await store.commit([c.AccountErased(ANN)])
    assert await store.keys(ANN) is None


async def test_whom_one_writes_with(store: SqliteStore) -> None:
    await store.commit(
        [
            c.AccountMade(CAT, "cat", "$secret", 1_000),
            c.RoomMade(1, "#room", 1_000),
            c.MemberJoined(1, ANN, "owner", 0, 1_000),
            c.MemberJoined(1, CAT, "member", 0, 1_000),
            c.DirectMade(2, ANN, "ann", BEN, "ben"),
            c.DirectMade(3, CAT, "cat", CAT, "cat"),
        ]
    )
    assert (await store.partners(ANN)) == (await store.partners(BEN)) == {ANN, BEN}
    assert await store.partners(CAT) == {CAT}


def on_disk(folder: Path) -> bytes:
    """The database and its WAL."""
    return b"".join(path.read_bytes() for path in folder.glob("chatd.db*"))


async def test_nothing_of_it_stands_in_the_clear(store: SqliteStore, tmp_path: Path) -> None:
    blob = "a blob that should not be seen by who has the files alone"
    keys = '{"keys":[{"kty":"EC"}]}'
    await store.commit([c.VaultStored(ANN, 1, blob), c.KeysPublished(ANN, 1, "thumb-print", keys)])
    data = on_disk(tmp_path)
    for text in (blob, keys, "thumb-print", "argon2id$", KDF.rpartition("$")[2]):
        assert text.encode() not in data


async def test_a_vault_cannot_be_put_in_another_s_place(store: SqliteStore, tmp_path: Path) -> None:
    await store.commit([c.VaultStored(ANN, 1, "ann's"), c.VaultStored(BEN, 1, "ben's")])
    db = apsw.Connection(str(tmp_path / "chatd.db"))
    db.execute("UPDATE vault SET blob_box = (SELECT blob_box FROM vault WHERE account = 1)")
    db.close()
    assert await store.vault(ANN) == StoredVault(1, "ann's")
    with pytest.raises(Exception, match="identity"):
        await store.vault(BEN)


@given(st.text(max_size=40), st.text(max_size=40))
def test_decoys_are_as_different_as_their_names(one: str, other: str) -> None:
    codec = Codec(KEY)
    salts = [codec.decoy_kdf(name).rpartition("$")[2] for name in (one, other)]
    assert (salts[0] == salts[1]) == (one == other)
    assert all(len(base64url.decode(salt)) == 16 for salt in salts)
