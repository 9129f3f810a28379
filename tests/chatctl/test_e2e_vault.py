"""The vault opens with the password or the recovery key, as the version that it is, or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import (
    Content,
    DoesNotOpen,
    E2eError,
    Malformed,
    Master,
    NewerFormat,
    OldVault,
    OwnKeys,
    RecoveryKey,
    TooLong,
    Unsafe,
    WrappingKey,
    first_pin,
    open_vault,
    seal_vault,
)
from chatctl.e2e.jwe import encrypt

from .e2e_world import ALICE, NOW, b64, changed, unless_refused, with_header
from .test_e2e_kdf import CHEAP

PASSWORD = Master.from_password("correct horse", CHEAP).wrapping_key
WRONG = Master.from_password("battery staple", CHEAP).wrapping_key
RECOVERY = RecoveryKey(bytes(range(20)))
HEADER = {"alg": "A256KW", "enc": "A256GCM"}


def content(keys: OwnKeys = ALICE) -> Content:
    return Content.fresh(keys, RECOVERY)


def opened(blob: str, version: int = 1, key: WrappingKey = PASSWORD) -> Content:
    found = open_vault(blob, version, key)
    assert found is not None
    return found


def sealed(raw: dict[str, Any]) -> str:
    """Any content, sealed for Alice's password and recovery key."""
    return encrypt(json.dumps(raw).encode(), HEADER, [PASSWORD, RECOVERY.wrapping_key])


BLOB = seal_vault(content(), PASSWORD, 1)
RAW = json.loads(content().encoded(1))


@pytest.mark.parametrize("key", [PASSWORD, RECOVERY.wrapping_key])
def test_both_keys_open_it(key: WrappingKey) -> None:
    found = opened(BLOB, 1, key)
    assert found.version == 1
    assert found.keys.exported() == ALICE.exported()


def test_the_form_at_the_server() -> None:
    blob = json.loads(BLOB)
    assert [one["header"]["kid"] for one in blob["recipients"]] == ["password", "recovery"]
    assert "\n" not in BLOB and "|" not in BLOB
    assert ALICE.sig.kid not in BLOB


def test_a_device_with_the_password_alone_seals_for_both() -> None:
    new = Master.from_password("new password", CHEAP).wrapping_key
    blob = seal_vault(opened(BLOB), new, 2)
    assert opened(blob, 2, new).keys.exported() == ALICE.exported()
    assert opened(blob, 2, RECOVERY.wrapping_key).version == 2
    with pytest.raises(DoesNotOpen, match="password is wrong"):
        open_vault(blob, 2, PASSWORD)


def test_a_renewed_recovery_key_replaces_the_old_one() -> None:
    new = RecoveryKey.fresh()
    found = opened(BLOB)
    found.renew_recovery(new)
    blob = seal_vault(found, PASSWORD, 2)
    assert opened(blob, 2, new.wrapping_key).version == 2
    with pytest.raises(DoesNotOpen, match="recovery key is wrong"):
        open_vault(blob, 2, RECOVERY.wrapping_key)


def test_each_sealing_has_keys_of_its_own() -> None:
    again = json.loads(seal_vault(content(), PASSWORD, 1))
    assert again["iv"] != json.loads(BLOB)["iv"]
    assert again["recipients"] != json.loads(BLOB)["recipients"]


def test_nothing_was_stored_yet() -> None:
    assert open_vault("", 0, PASSWORD) is None


@pytest.mark.parametrize(("blob", "version"), [(BLOB, 1), ("", 0)])
def test_an_old_vault_is_noticed_by_a_device_that_knows_better(blob: str, version: int) -> None:
    with pytest.raises(OldVault, match="but 2 was there before"):
        open_vault(blob, version, PASSWORD, newest_seen=2)


@pytest.mark.parametrize("version", [0, 2, 7])
def test_a_vault_under_another_number_is_noticed_by_any_device(version: int) -> None:
    with pytest.raises(OldVault, match="swapped"):
        open_vault(BLOB, version, PASSWORD)


@pytest.mark.parametrize("key", [WRONG, RecoveryKey.fresh().wrapping_key])
def test_the_wrong_key(key: WrappingKey) -> None:
    with pytest.raises(DoesNotOpen, match="is wrong, or the vault was changed"):
        open_vault(BLOB, 1, key)


@pytest.mark.parametrize(
    ("blob", "error"),
    [
        ("", Malformed),
        ("x" * 49_153, Malformed),
        (BLOB[:-1], Malformed),
        (BLOB[: len(BLOB) // 2], Malformed),
        (changed(BLOB, tag="A" * 22), DoesNotOpen),
        (changed(BLOB, tag="AAAA"), DoesNotOpen),
        (changed(BLOB, iv=""), DoesNotOpen),
        (changed(BLOB, ciphertext="!"), DoesNotOpen),
        (changed(BLOB, recipients=[]), DoesNotOpen),
        (changed(BLOB, aad="e30"), Unsafe),
        (with_header(BLOB, alg="none"), Unsafe),
        (with_header(BLOB, alg="dir"), Unsafe),
        (with_header(BLOB, alg="A128KW"), Unsafe),
        (with_header(BLOB, alg="PBES2-HS256+A128KW", p2c=2**31, p2s="AAAA"), Unsafe),
        (with_header(BLOB, p2c=2**31), Unsafe),
        (with_header(BLOB, zip="DEF"), Unsafe),
        (with_header(BLOB, crit=["exp"], exp=1), Unsafe),
        (with_header(BLOB, enc="A128CBC-HS256"), Unsafe),
        (with_header(BLOB, typ="other"), DoesNotOpen),
    ],
)
def test_what_the_server_must_not_give(blob: str, error: type[E2eError]) -> None:
    with pytest.raises(error):
        open_vault(blob, 1, PASSWORD)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ({}, Malformed),
        ({**RAW, "format": 2}, NewerFormat),
        ({"format": 2}, NewerFormat),
        ({**RAW, "format": "1"}, Malformed),
        ({**RAW, "version": "1"}, Malformed),
        ({**RAW, "version": 1.5}, Malformed),
        ({**RAW, "keys": []}, Malformed),
        ({**RAW, "keys": [1]}, Malformed),
        ({**RAW, "recovery": "AAAA"}, Malformed),
        ({**RAW, "recovery": "?"}, Malformed),
        ({**RAW, "people": {"bob": 1}}, Malformed),
    ],
)
def test_a_vault_of_a_wrong_shape(raw: dict[str, Any], error: type[E2eError]) -> None:
    with pytest.raises(error) as caught:
        open_vault(sealed(raw), 1, PASSWORD)
    assert ALICE.sig.private()["d"] not in str(caught.value)


def test_what_later_clients_add_stays() -> None:
    bob = {"thumbprint": "B" * 43, "first": "2026-11-21T04:05:06.789Z", "colour": "red"}
    found = opened(sealed({**RAW, "people": {"bob": bob}, "later": [1, {"a": None}]}))
    found.set_pin("bob", first_pin("C" * 43, NOW))
    raw = json.loads(found.encoded(2))
    assert raw["later"] == [1, {"a": None}]
    assert raw["people"]["bob"] == {**bob, "thumbprint": "C" * 43}
    assert raw["version"] == 2


def test_what_was_put_in_is_there_again() -> None:
    putting = content()
    putting.set_pin("bob", first_pin("B" * 43, NOW))
    putting.set_pin("carol", first_pin("C" * 43, NOW))
    putting.forget_pin("carol")
    putting.remember_e2e("#lobby", NOW)
    putting.settings["colour"] = "red"
    putting.data["note"] = {"text": "ä|\n"}
    putting.keys = putting.keys.rotated(NOW)
    found = opened(seal_vault(putting, PASSWORD, 1))
    assert found.people() == ["bob"]
    assert found.pin("bob") == first_pin("B" * 43, NOW)
    assert found.pin("carol") is None
    assert found.is_e2e("#lobby") and not found.is_e2e("#other")
    assert (found.settings, found.data) == ({"colour": "red"}, {"note": {"text": "ä|\n"}})
    assert [*found.keys.opening] == [*putting.keys.opening]


def test_a_broken_pin_is_told() -> None:
    found = opened(sealed({**RAW, "people": {"bob": {"thumbprint": 1}}}))
    with pytest.raises(Malformed, match="entry for bob"):
        found.pin("bob")


@pytest.mark.parametrize("value", [10**30, "\ud800", "x" * 40_000])
def test_nothing_is_sealed_that_would_not_open_or_fit(value: object) -> None:
    putting = content()
    putting.data["mine"] = value
    with pytest.raises((Malformed, TooLong)):
        seal_vault(putting, PASSWORD, 1)


def test_how_many_people_fit() -> None:
    putting = content()
    for number in range(200):
        putting.set_pin(f"somebody{number}", first_pin("B" * 43, NOW))
    assert len(opened(seal_vault(putting, PASSWORD, 1)).people()) == 200


def test_it_is_sealed_for_a_password_and_a_version() -> None:
    with pytest.raises(ValueError, match="version 1 or later"):
        seal_vault(content(), PASSWORD, 0)
    with pytest.raises(ValueError, match="for a password"):
        seal_vault(content(), RECOVERY.wrapping_key, 1)


SPOILING = st.sampled_from(["protected", "iv", "ciphertext", "tag", "recipients", "header"])
ANYTHING = st.none() | st.integers() | st.text() | st.lists(st.dictionaries(st.text(), st.text()))


@given(
    st.text() | st.builds(lambda name, value: changed(BLOB, **{name: value}), SPOILING, ANYTHING)
)
def test_any_blob_opens_or_is_refused(blob: str) -> None:
    found = unless_refused(lambda: opened(blob))
    assert found is None or found.keys.exported() == ALICE.exported()


@given(st.dictionaries(st.sampled_from([*RAW]), ANYTHING))
def test_any_content_is_read_or_refused(members: dict[str, Any]) -> None:
    found = unless_refused(lambda: opened(sealed({**RAW, **members})))
    assert found is None or found.version == 1


def test_nothing_secret_shows() -> None:
    found = opened(BLOB)
    assert repr(found) == "Content(version=1)"
    assert b64(found.recovery.raw) not in repr(found.recovery)
