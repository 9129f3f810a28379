"""The text of a kdf, and base64url: one way to write each value, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.protocol import base64url, kdf
from chatd.protocol.commands import Passwd, Register
from tests.protocol.strategies import derived, kdfs

SALT = base64url.encode(b"sixteen bytes...")
SECRET = base64url.encode(bytes(32))
GOOD = f"argon2id$v=19$m=65536,t=3,p=4${SALT}"


@given(kdfs)
def test_what_can_be_derived_with_is_taken(text: str) -> None:
    assert kdf.checked(text) == text


@pytest.mark.parametrize("bytes_", [8, 64])
@pytest.mark.parametrize("parameters", ["m=8,t=1,p=1", "m=512,t=1000,p=64", "m=4194304,t=1,p=64"])
def test_the_bounds_are_within(parameters: str, bytes_: int) -> None:
    text = f"argon2id$v=19${parameters}${base64url.encode(bytes(bytes_))}"
    assert kdf.checked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "None",
        "argon2id",
        f"argon2i$v=19$m=65536,t=3,p=4${SALT}",
        f"$argon2id$v=19$m=65536,t=3,p=4${SALT}",
        f"argon2id$v=16$m=65536,t=3,p=4${SALT}",
        f"argon2id$m=65536,t=3,p=4${SALT}",
        f"argon2id$v=19$t=3,m=65536,p=4${SALT}",
        f"argon2id$v=19$m=7,t=3,p=1${SALT}",
        f"argon2id$v=19$m=511,t=3,p=64${SALT}",
        f"argon2id$v=19$m=4194305,t=3,p=4${SALT}",
        f"argon2id$v=19$m=65536,t=0,p=4${SALT}",
        f"argon2id$v=19$m=65536,t=1001,p=4${SALT}",
        f"argon2id$v=19$m=65536,t=3,p=0${SALT}",
        f"argon2id$v=19$m=65536,t=3,p=65${SALT}",
        f"argon2id$v=19$m=065536,t=3,p=4${SALT}",
        f"argon2id$v=19$m=+65536,t=3,p=4${SALT}",
        f"argon2id$v=19$m=６５５３６,t=3,p=4${SALT}",
        "argon2id$v=19$m=65536,t=3,p=4$",
        f"argon2id$v=19$m=65536,t=3,p=4${base64url.encode(bytes(7))}",
        f"argon2id$v=19$m=65536,t=3,p=4${base64url.encode(bytes(65))}",
        f"argon2id$v=19$m=65536,t=3,p=4${SALT}==",
        f"argon2id$v=19$m=65536,t=3,p=4${SALT[:-1]}v",
        f"{GOOD}$hash",
        f"{GOOD}\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|may|is not"):
        kdf.checked(text)


@given(derived)
def test_a_derived_secret_fits(secret: str) -> None:
    assert Register("ann", secret, kdf=GOOD).kdf == GOOD
    assert Passwd("old", secret, kdf=GOOD).kdf == GOOD


@pytest.mark.parametrize("secret", ["password", SECRET[:-1], SECRET + "A", SECRET + "=", "é" * 43])
def test_any_other_does_not(secret: str) -> None:
    with pytest.raises(ValueError, match="43 characters"):
        Register("ann", secret, kdf=GOOD)
    with pytest.raises(ValueError, match="43 characters"):
        Passwd("old", secret, kdf=GOOD)
    assert Register("ann", secret, kdf="none").secret == secret
    assert Register("ann", secret).kdf is None


@pytest.mark.parametrize("half", [{"version": 3}, {"vault": "blob"}])
def test_a_vault_comes_with_its_version(half: dict[str, int | str]) -> None:
    with pytest.raises(ValueError, match="comes with the version"):
        Passwd("old", "new", **half)  # type: ignore[arg-type]


@given(st.binary(max_size=100))
def test_base64url_goes_both_ways(raw: bytes) -> None:
    text = base64url.encode(raw)
    assert base64url.decode(text) == raw
    assert not set(text) & set("+/=\n ")


@given(st.text(st.sampled_from("AQgw_-+/= \n\u00e9"), max_size=6))
def test_only_one_text_stands_for_any_bytes(text: str) -> None:
    try:
        raw = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(raw) == text
