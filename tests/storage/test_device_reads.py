"""Devices and one-time IDs, as they were stored; and when they are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatd.chat import changes as c
from chatd.chat import device_changes as d
from chatd.chat.model import Device, Enrolment
from chatd.security.keys import ServerKey
from chatd.storage.codec import Codec
from chatd.storage.sqlite import SqliteStore

KEY = ServerKey(bytes(range(32)))
PUBLIC = bytes(range(64, 96))
HASH, LATER = bytes(32), bytes(range(32))
PHONE = Device(1, "phone", 1, PUBLIC, HASH, 1_000, 1_000, "192.0.2.7")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "chatd.db", KEY)
    once = [store.once_hash("AAAABBBBCCCC"), store.once_hash("DDDDEEEEFFFF")]
    await store.commit(
        [
            c.AccountMade(1, "ann", "", 1_000),
            d.LevelSet(1, 4),
            d.EnrolmentMade(1, "ann", once[0], None, 1_000, 5_000),
            d.EnrolmentMade(2, "ben", once[1], 3, 1_000, 9_000),
            d.DeviceMade(1, "phone", 1, PUBLIC, HASH, "192.0.2.7", 1_000),
            d.EnrolmentUsed(1, 1),
            c.SessionMade(1, "session", 1, 0, LATER, "192.0.2.7", 1_000, device=1),
        ]
    )
    yield store
    await store.aclose()


def shown(thing: Device | Enrolment | None) -> tuple[object, ...] | None:
    return None if thing is None else tuple(getattr(thing, name) for name in thing.__slots__)


async def test_a_device_is_found_by_id_key_and_public_id(store: SqliteStore) -> None:
    assert shown(await store.device(1)) == shown(PHONE)
    assert shown(await store.device_with(PUBLIC)) == shown(PHONE)
    assert shown(await store.device_listed(1, "phone")) == shown(PHONE)
    assert [shown(one) for one in await store.devices(1, 0, 9)] == [shown(PHONE)]
    assert await store.devices(1, 1, 9) == []
    assert await store.device(2) is None and await store.device_with(bytes(32)) is None
    assert await store.device_listed(2, "phone") is None
    ann = await store.account_named("ann")
    assert ann is not None and (ann.level, ann.secret) == (4, "")


async def test_a_log_in_moves_it_on(store: SqliteStore) -> None:
    await store.commit([d.DeviceUsed(1, LATER, "192.0.2.8", 2_000)])
    used = await store.device(1)
    assert used is not None
    assert (used.token_hash, used.used_ms, used.address) == (LATER, 2_000, "192.0.2.8")


async def test_with_a_device_go_its_sessions_and_its_one_time_id(store: SqliteStore) -> None:
    assert await store.session(LATER) is not None
    await store.commit([d.DeviceGone(1)])
    assert await store.device(1) is None and await store.session(LATER) is None
    assert await store.enrolment_named("ann") is None


async def test_one_time_ids_are_replaced_used_and_swept(store: SqliteStore) -> None:
    ann, ben = await store.enrolments(0, 9)
    assert (ann.level, ann.device, ben.level, ben.device) == (None, 1, 3, None)
    again = store.once_hash("GGGGHHHHJJJJ")
    await store.commit([d.EnrolmentMade(3, "ben", again, 2, 2_000, 9_000)])
    newest = await store.enrolment_named("ben")
    assert newest is not None and (newest.id, newest.once_hash) == (3, again)
    await store.tidy(6_000)
    assert [one.name for one in await store.enrolments(0, 9)] == ["ben"]
    await store.tidy(9_001)
    assert await store.enrolments(0, 9) == []


def test_what_is_made_with_the_key_differs_by_all_that_goes_into_it() -> None:
    codec = Codec(KEY)
    made = {
        codec.token_proof(device, hashed, nonce)
        for device in (1, 2)
        for hashed in (HASH, LATER)
        for nonce in (bytes(16), bytes(range(16)))
    }
    assert len(made) == 8 and {len(one) for one in made} == {16}
