"""A locked profile: only the password opens it, and nothing in it can be changed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from joserfc.jwe import JWERegistry, decrypt_json
from joserfc.jwk import OctKey

from chatctl.e2e import DoesNotOpen, LockKey, is_locked, lock, unlock
from chatctl.e2e.kdf import derived, stretched

from .e2e_world import b64, unb64

PASSWORD = "nine purple elephants"
CONTENT = b'{"server":"chat.example.net:4040","user":"alice"}'
KEY = LockKey.fresh(PASSWORD)
SENTENCE = "Wrong password, or the file was changed"


def changed(locked: bytes) -> Iterator[bytes]:
    """Each byte changed, dropped, repeated; cut off everywhere, and one more."""
    for at, byte in enumerate(locked):
        before, behind = locked[:at], locked[at + 1 :]
        for other in (byte ^ 0x01, byte ^ 0x20, byte ^ 0x80):
            yield before + bytes([other]) + behind
        if behind[:1] != bytes([byte]):
            yield before + behind
            yield before + bytes([byte, byte]) + behind
        yield before
    yield locked + b" "
    yield locked + b"\n"


def with_header(locked: bytes, **members: object) -> bytes:
    form = json.loads(locked)
    header = {**json.loads(unb64(form["protected"])), **members}
    return json.dumps({**form, "protected": b64(header)}, separators=(",", ":")).encode()


def test_what_is_locked_is_unlocked_by_the_password() -> None:
    locked = lock(CONTENT, KEY)
    assert is_locked(locked) and not is_locked(CONTENT)
    assert unlock(locked, LockKey.of(locked, PASSWORD)) == CONTENT
    assert lock(CONTENT, KEY) != locked


def test_it_is_a_jwe_that_others_can_open() -> None:
    """By joserfc alone, with the key that the header tells how to derive."""
    form = json.loads(lock(CONTENT, KEY))
    header = json.loads(unb64(form["protected"]))
    assert header["kdf"].startswith("argon2id$v=19$m=65536,t=3,p=4$")
    key = derived(stretched(PASSWORD, KEY.kdf), "profile")
    loaded = OctKey.import_key({"kty": "oct", "k": b64(key)})
    registry = JWERegistry(algorithms=["dir", "A256GCM"], strict_check_header=False)
    assert decrypt_json(form, loaded, registry=registry).plaintext == CONTENT


def test_a_wrong_password_and_any_changed_byte_are_told_alike() -> None:
    locked = lock(CONTENT, KEY)
    with pytest.raises(DoesNotOpen) as caught:
        unlock(locked, LockKey.of(locked, PASSWORD + "!"))
    assert caught.value.sentence == SENTENCE
    for wrong in changed(locked):
        with pytest.raises(DoesNotOpen) as caught:
            unlock(wrong, KEY)
        assert caught.value.sentence == SENTENCE


@pytest.mark.parametrize(
    "members",
    [
        {"kdf": "none"},
        {"kdf": "argon2id$v=19$m=8,t=1,p=1$c2l4dGVlbiBieXRlcy4uLg"},
        {"kdf": "argon2id$v=19$m=4194304,t=1000,p=4$c2l4dGVlbiBieXRlcy4uLg"},
        {"kdf": 3},
        {"alg": "none"},
        {"enc": "A128GCM"},
        {"zip": "DEF"},
        {"p2c": 10**9},
        {"typ": "chat-vault"},
    ],
    ids=str,
)
def test_a_header_that_asks_for_something_else_is_refused_before_any_work(
    members: dict[str, object],
) -> None:
    with pytest.raises(DoesNotOpen) as caught:
        LockKey.of(with_header(lock(CONTENT, KEY), **members), PASSWORD)
    assert caught.value.sentence == SENTENCE


def test_a_stranger_s_file_does_not_open() -> None:
    """With the same kdf, so that only the key differs."""
    other = LockKey(KEY.kdf, derived(stretched("ten purple elephants", KEY.kdf), "profile"))
    with pytest.raises(DoesNotOpen):
        unlock(lock(CONTENT, other), KEY)


@pytest.mark.parametrize("password", ["", "a\nb", "x" * 2_000])
def test_what_is_no_password_is_a_wrong_one(password: str) -> None:
    with pytest.raises(DoesNotOpen) as caught:
        LockKey.of(lock(CONTENT, KEY), password)
    assert caught.value.sentence == SENTENCE


def test_each_password_has_a_salt_of_its_own() -> None:
    assert len(KEY.kdf.salt) == 16
    assert LockKey.fresh(PASSWORD).kdf.salt != KEY.kdf.salt


def test_no_key_is_shown() -> None:
    assert repr(KEY) == "LockKey(…)"
    locked = lock(CONTENT, KEY)
    assert b"alice" not in locked and b64(b"alice").encode() not in locked
