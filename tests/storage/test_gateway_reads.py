"""What the store knows of contacts, codes and messages on their way out; and what it sweeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatd.chat import changes as c
from chatd.chat import gateway_changes as g
from chatd.security.keys import ServerKey
from chatd.storage.sqlite import SqliteStore

SECRET, KDF = "$argon2id$secret", "argon2id$v=19$m=65536,t=3,p=4$c2l4dGVlbiBieXRlcy4u"
MAIL, HASH, NOW = "mailto:ann@example.org", bytes(range(32)), 2_000_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "chatd.db", ServerKey(bytes(range(32))))
    yield made
    await made.aclose()


async def test_whom_a_name_stands_for(store: SqliteStore) -> None:
    await store.commit(
        [
            *(c.AccountMade(n, name, SECRET, 1) for n, name in enumerate(["ann", "bob", "eve"], 1)),
            *(g.ContactSet(n, MAIL) for n in (1, 3)),
            c.AccountErased(3),
            g.PendingMade(1, "kim", SECRET, KDF, "tel:+4930901820", NOW),
        ]
    )
    found = {name: await store.reach(name, NOW) for name in ("ann", "bob", "eve", "kim", "zoe")}
    told = {name: (one.account, one.waiting, one.contact) for name, one in found.items()}
    assert told == {
        "ann": (1, None, MAIL),
        "bob": (2, None, None),
        "eve": (None, None, None),
        "kim": (None, 1, "tel:+4930901820"),
        "zoe": (None, None, None),
    }
    assert len({one.nobody for one in found.values()}) == 5
    assert all(2**62 <= one.nobody < 2**63 for one in found.values())
    assert (await store.reach("zoe", NOW)).nobody == found["zoe"].nobody
    assert MAIL not in repr(found["ann"])


async def test_a_registration_is_read_as_it_was_made(store: SqliteStore) -> None:
    for number, kdf in enumerate((KDF, "none"), 1):
        made = g.PendingMade(number, f"kim{number}", SECRET, kdf, MAIL, NOW)
        await store.commit([made])
        found = await store.pending_named(made.name)
        assert found is not None
        assert (found.id, found.secret, found.kdf, found.contact) == (number, SECRET, kdf, MAIL)
        assert SECRET not in repr(found) and MAIL not in repr(found)
    assert await store.pending_named("zoe") is None


async def test_codes_of_each_kind_and_subject(store: SqliteStore) -> None:
    far = 2**62 + 5
    await store.commit(
        [
            g.CodeMade("activate", 1, HASH, 1, 2),
            g.CodeMade("recover", 1, HASH[::-1], 3, 4),
            g.CodeMade("recover", far, HASH, 5, 6),
            g.CodeTried("recover", 1, 2),
        ]
    )
    found = await store.code("recover", 1)
    assert found is not None
    assert (found.code_hash, found.sent_ms, found.expires_ms, found.tries) == (HASH[::-1], 3, 4, 2)
    other = await store.code("activate", 1)
    assert other is not None and other.tries == 0
    await store.commit([g.CodeMade("recover", 1, HASH, 7, 8), g.CodeGone("activate", 1)])
    anew = await store.code("recover", 1)
    assert anew is not None and (anew.tries, anew.expires_ms) == (0, 8)
    assert await store.code("activate", 1) is None
    assert await store.code("recover", far) is not None


async def test_a_code_s_hash_is_its_own(store: SqliteStore) -> None:
    made = {
        store.code_hash("activate", 1, 2, "12345678"),
        store.code_hash("recover", 1, 2, "12345678"),
        store.code_hash("activate", 2, 2, "12345678"),
        store.code_hash("activate", 1, 3, "12345678"),
        store.code_hash("activate", 1, 2, "12345679"),
    }
    assert len(made) == 5
    assert {len(one) for one in made} == {32}


async def test_what_is_first_to_be_tried_comes_first(store: SqliteStore) -> None:
    await store.commit([g.OutgoingQueued(n, f"message {n}", 10 - n) for n in range(1, 6)])
    await store.commit([g.OutgoingPostponed(5, 3, 100), g.OutgoingGone(4)])
    found = await store.outgoing(10)
    assert [(one.id, one.message, one.tries) for one in found] == [
        (3, "message 3", 0),
        (2, "message 2", 0),
        (1, "message 1", 0),
        (5, "message 5", 3),
    ]
    assert [one.id for one in await store.outgoing(2)] == [3, 2]
    assert await store.outgoing_count() == 4
    assert "message" not in repr(found[0]).replace("StoredOutgoing", "")


async def test_after_a_day_nothing_is_left(store: SqliteStore) -> None:
    await store.commit(
        [
            g.PendingMade(1, "old", SECRET, KDF, MAIL, NOW - g.KEPT_MS),
            g.PendingMade(2, "young", SECRET, KDF, MAIL, NOW - g.KEPT_MS + 1),
            *(g.CodeMade("activate", n, HASH, NOW, NOW + 900_000) for n in (1, 2)),
            g.CodeMade("recover", 1, HASH, 1, NOW - g.KEPT_MS),
            g.CodeMade("recover", 2, HASH, 1, NOW - g.KEPT_MS + 1),
        ]
    )
    assert (await store.reach("old", NOW)).waiting is None
    assert (await store.reach("young", NOW)).waiting == 2
    await store.tidy(NOW)
    assert await store.pending_named("old") is None
    assert await store.pending_named("young") is not None
    left = [
        (kind, n)
        for kind in g.CodeKind.__args__  # type: ignore[attr-defined]
        for n in (1, 2)
        if await store.code(kind, n) is not None
    ]
    assert left == [("activate", 2), ("recover", 2)]
