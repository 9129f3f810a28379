"""What is looked for is found, however it is written: planted in a real database, way by way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from chatd.security.keys import ServerKey
from tests.storage.sample import make

from .traces import Search, digests, layers, written

WORD = 'suruasoyrol | "ßanjo" \\ 14'
NAME, SALT = "größenwahnsaurier", b"sixteen bytes..."
RAW = hashlib.sha256(b"the bytes of a key").digest()

WAYS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-16, little end first": lambda word: word.encode("utf-16-le"),
    "UTF-16, big end first": lambda word: word.encode("utf-16-be"),
    "hex": lambda word: word.encode().hex().encode(),
    "HEX": lambda word: word.encode().hex().upper().encode(),
    "hex of UTF-16": lambda word: word.encode("utf-16-le").hex().encode(),
    "base64, 0": lambda word: base64.b64encode(f"{word}!".encode()),
    "base64, 1": lambda word: base64.b64encode(f"a{word}!".encode()),
    "base64, 2": lambda word: base64.b64encode(f"ab{word}!".encode()),
    "base64url, 0": lambda word: base64.urlsafe_b64encode(f"{word}!".encode()),
    "base64url, 1": lambda word: base64.urlsafe_b64encode(f"a{word}!".encode()),
    "base64url, 2": lambda word: base64.urlsafe_b64encode(f"ab{word}!".encode()),
    "base32": lambda word: base64.b32encode(f"abc{word}!".encode()),
    "JSON": lambda word: json.dumps({"a": word}).encode(),
    "JSON in UTF-8": lambda word: json.dumps([word], ensure_ascii=False).encode(),
    "JSON in base64": lambda word: base64.b64encode(json.dumps([word]).encode()),
    "URL": lambda word: quote(f"a={word}").encode(),
    "MD5": lambda word: hashlib.md5(word.encode()).digest(),
    "SHA-256": lambda word: hashlib.sha256(word.encode()).digest(),
    "SHA-256, cut, in base64": lambda word: base64.b64encode(
        hashlib.sha256(word.encode()).digest()[:16]
    ),
    "BLAKE2, in hex": lambda word: hashlib.blake2b(word.encode()).hexdigest().encode(),
}
SALTED: dict[str, Callable[[str, bytes], bytes]] = {
    "HMAC": lambda name, salt: hmac.digest(salt, name.encode(), "sha256"),
    "HMAC, cut": lambda name, salt: hmac.digest(salt, name.encode(), "sha512")[:16],
    "salt before": lambda name, salt: hashlib.sha1(salt + name.encode()).digest(),
    "salt behind": lambda name, salt: hashlib.sha256(name.encode() + salt).digest(),
}


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[bytes], bytes]:
    """The file of a database, after something was written where a box should be."""
    sample = make(tmp_path / "data")

    def plant(blob: bytes) -> bytes:
        sample.execute("UPDATE member SET label_box = ? WHERE label_box IS NOT NULL", blob)
        return sample.database.read_bytes()

    return plant


@pytest.mark.parametrize("way", WAYS)
def test_a_word(planted: Callable[[bytes], bytes], way: str) -> None:
    search = Search(dict.fromkeys(written(WORD) | digests(WORD), "the word"))
    assert search.found(planted(b"nothing of the kind")) == set()
    assert search.found(planted(WAYS[way](WORD))) == {"the word"}


@pytest.mark.parametrize("way", SALTED)
def test_a_hash_with_a_known_salt(planted: Callable[[bytes], bytes], way: str) -> None:
    search = Search(dict.fromkeys(digests(NAME, [b"", SALT]), "the name"))
    assert search.found(planted(SALTED[way](NAME, os.urandom(16)))) == set()
    assert search.found(planted(SALTED[way](NAME, SALT))) == {"the name"}


@pytest.mark.parametrize("write", [bytes, base64.b64encode, base64.urlsafe_b64encode, bytes.hex])
def test_bytes(planted: Callable[[bytes], bytes], write: Callable[[bytes], bytes | str]) -> None:
    search, made = Search(dict.fromkeys(written(RAW), "the key")), write(RAW)
    blob = made.encode() if isinstance(made, str) else made
    assert search.found(planted(blob)) == {"the key"}
    assert search.found(planted(blob[1:])) == set()


def test_what_is_wrapped_several_times_is_laid_bare() -> None:
    inner = base64.b64encode(json.dumps({"a": WORD}).encode()).decode()
    outer = base64.urlsafe_b64encode(json.dumps({"b": {"c": inner}}).encode()).rstrip(b"=")
    search = Search(dict.fromkeys(written(WORD), "the word"))
    bare = [search.found(layer) for layer in layers(b'{"d":"%b"}' % outer)]
    assert bare == [set(), {"the word"}, {"the word"}]


def test_the_server_s_own_hashes_are_not_taken_for_others() -> None:
    """They need the server key, which nobody can guess."""
    search = Search(dict.fromkeys(digests(NAME, [b"", b"user", b"name", SALT]), "the name"))
    assert search.found(ServerKey.generate().name_hash("user", NAME)) == set()
