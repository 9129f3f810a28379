"""The `jose` command of Debian makes and reads what we make and read.

Where it is missing the tests are skipped; in CI, whose set-up installs all, they fail.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chatctl.e2e import (
    Content,
    OwnKeys,
    RecoveryKey,
    Signature,
    open_message,
    read_identity,
    read_private,
    seal_message,
    seal_vault,
)

from .e2e_world import ALICE, BOB, NOW, b64, claims, identity, message, payload
from .test_e2e_messages import LONGEST, ROOM
from .test_e2e_vault import PASSWORD

JOSE_SECONDS_MAX = 30.0


class Tool:
    """The command, with files of its own."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("jose") is None:
            missing = "jose is not installed"
            pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
        self._folder = folder

    def file(self, name: str, text: str) -> str:
        path = self._folder / name
        path.write_text(text)
        return str(path)

    def run(self, words: str, *more: str, typed: str = "") -> str:
        done = subprocess.run(
            ["jose", *words.split(), *more],
            input=typed.encode(),
            capture_output=True,
            timeout=JOSE_SECONDS_MAX,
            check=True,
        )
        return done.stdout.decode().rstrip("\n")

    def key(self, template: str) -> str:
        return self.run("jwk gen -i", template)

    def encryption_key(self, jwks: str) -> str:
        """A file with the second key of a published or exported set."""
        keys = self.file("set.jwks", jwks)
        return self.file("enc.jwk", self.run("fmt -j", keys, "-g", "keys", "-g", "1", "-o", "-"))

    def signed(self, jwk: str, kid: str) -> str:
        key = self.file("sig.jwk", jwk)
        template = json.dumps({"protected": {"alg": "ES256", "kid": kid}})
        words = ["-k", key, "-s", template]
        return self.run("jws sig -I- -c", *words, typed=json.dumps(payload()))


@pytest.fixture
def jose(tmp_path: Path) -> Tool:
    return Tool(tmp_path)


A256 = json.dumps({"protected": {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}})
DIRECT = json.dumps({"protected": {"alg": "ECDH-ES", "enc": "A256CBC-HS512"}})
SHARED = json.dumps({"unprotected": {"alg": "ECDH-ES+A256KW"}, "protected": {"enc": "A128GCM"}})


@pytest.mark.parametrize(
    ("template", "form"),
    [("{}", "-o-"), ("{}", "-c"), (A256, "-o-"), (A256, "-c"), (DIRECT, "-c"), (SHARED, "-o-")],
)
def test_jose_encrypts_to_a_published_key(jose: Tool, template: str, form: str) -> None:
    key = jose.encryption_key(BOB.published("bob"))
    line = jose.run("jwe enc -I- -k", key, "-i", template, form, typed="hällo")
    opened = open_message(line, BOB)
    assert (opened.text, opened.signature) == ("hällo", Signature.NONE)


def test_jose_encrypts_to_two_at_once(jose: Tool) -> None:
    alice = jose.file("alice.jwk", json.dumps(ALICE.enc.public))
    bob = jose.file("bob.jwk", json.dumps(BOB.enc.public))
    line = jose.run("jwe enc -I- -k", alice, "-k", bob, typed="hello")
    assert [open_message(line, keys).text for keys in (ALICE, BOB)] == ["hello", "hello"]


def test_jose_signs_and_encrypts(jose: Tool) -> None:
    token = jose.signed(json.dumps(ALICE.sig.private()), ALICE.sig.kid)
    key = jose.encryption_key(BOB.published("bob"))
    opened = open_message(
        jose.run("jwe enc -I- -k", key, typed=token), BOB, {ALICE.sig.kid: ALICE.sig}
    )
    assert (opened.signature, opened.signer) == (Signature.VALID, ALICE.sig.kid)
    assert (opened.text, opened.claims) == ("hello", claims())


def test_jose_opens_and_verifies_what_we_send(jose: Tool) -> None:
    key = jose.encryption_key(json.dumps({"keys": [{}, json.loads(BOB.exported())["keys"][1]]}))
    line = jose.file("message.jwe", message("hällo"))
    token = jose.run("jwe dec -i", line, "-k", key)
    signer = jose.file("alice.jwk", json.dumps(ALICE.sig.public))
    said = jose.run("jws ver -i-", "-k", signer, "-O-", typed=token)
    assert json.loads(said) == payload(text="hällo")


def test_jose_does_not_verify_what_others_signed(jose: Tool) -> None:
    key = jose.file("bob.jwk", json.dumps(BOB.enc.private()))
    token = jose.run("jwe dec -i", jose.file("message.jwe", message()), "-k", key)
    signer = jose.file("bob.sig.jwk", json.dumps(BOB.sig.public))
    with pytest.raises(subprocess.CalledProcessError):
        jose.run("jws ver -i-", "-k", signer, "-O-", typed=token)


def test_jose_opens_a_message_to_a_hundred(jose: Tool) -> None:
    line = seal_message("x" * 2_000, LONGEST, ALICE, [identity("bob", BOB), *ROOM[2:]])
    key = jose.file("bob.jwk", json.dumps(BOB.enc.private()))
    token = jose.run("jwe dec -i", jose.file("message.jwe", line), "-k", key)
    assert token == token.strip() and token.count(".") == 2
    assert open_message(line, BOB).text == "x" * 2_000


def test_keys_of_jose_are_an_identity(jose: Tool) -> None:
    sig = read_private(jose.key('{"alg":"ES256"}'), "sig")
    enc = read_private(jose.key('{"kty":"EC","crv":"P-256"}'), "enc")
    keys = OwnKeys.of(sig, enc, NOW)
    assert read_identity("carol", keys.published("carol")).thumbprint == sig.kid
    line = seal_message("hello", claims(), ALICE, [identity("carol", keys)])
    assert open_message(line, keys).text == "hello"


def test_jose_finds_the_same_thumbprint(jose: Tool) -> None:
    key = jose.file("alice.jwk", json.dumps(ALICE.sig.public))
    assert jose.run("jwk thp -a S256 -i", key) == ALICE.sig.kid


def test_an_identity_can_be_made_with_jose_alone(jose: Tool) -> None:
    published = []
    sig = jose.key('{"alg":"ES256"}')
    sig_file = jose.file("sig.jwk", sig)
    thumbprint = jose.run("jwk thp -a S256 -i", sig_file)
    template = {"protected": {"alg": "ES256", "kid": thumbprint, "typ": "chat-key"}}
    for use, jwk in (("sig", sig), ("enc", jose.key('{"kty":"EC","crv":"P-256"}'))):
        kid = jose.run("jwk thp -a S256 -i", jose.file("one.jwk", jwk))
        vouched = json.dumps({"user": "carol", "thumbprint": kid})
        words = ["-k", sig_file, "-s", json.dumps(template)]
        proof = jose.run("jws sig -I- -c", *words, typed=vouched)
        public = json.loads(jose.run("jwk pub -i-", typed=jwk))
        published.append({**public, "use": use, "kid": kid, "proof": proof})
    identity = read_identity("carol", json.dumps({"keys": published}), thumbprint)
    assert identity.thumbprint == thumbprint


@pytest.mark.parametrize("kid", ["password", "recovery"])
def test_jose_opens_the_vault_with_either_key(jose: Tool, kid: str) -> None:
    recovery = RecoveryKey.fresh()
    blob = jose.file("vault.jwe", seal_vault(Content.fresh(ALICE, recovery), PASSWORD, 1))
    raw = {"password": PASSWORD, "recovery": recovery.wrapping_key}[kid].raw
    key = jose.file("key.jwk", json.dumps({"kty": "oct", "k": b64(raw)}))
    assert json.loads(jose.run("jwe dec -i", blob, "-k", key))["version"] == 1
