"""A malicious server wants the password, the vault, or our time: it gets none of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count

import pytest

from chatctl.e2e import WrappingKey, seal_vault
from chatctl.own_vault import TRIES_MAX
from chatd.protocol.fields import escape_rest

from .e2e_world import MALLORY
from .liar import Rule, edited, instead
from .shell import Ended, Shell
from .test_cli_liar_messages import Poor
from .victims import PASSWORD, TEXT, Person, Scene, noticed, told

SALT = "A" * 22


def argon2(memory: int = 65_536, passes: int = 3, lanes: int = 4, salt: str = SALT) -> str:
    return f"argon2id$v=19$m={memory},t={passes},p={lanes}${salt}"


def login(alice: Person, password: str = PASSWORD) -> Ended:
    return alice.shell.type("login", alice.user, "--password-stdin", stdin=password)


def another_device(scene: Scene, alice: Person) -> Shell:
    """It knows nothing of her."""
    return Shell(scene.folder, scene.liar.address, "new")


@pytest.mark.parametrize(
    ("kdf", "words"),
    [
        (argon2(memory=65_535), "weaker protection of the password"),
        (argon2(memory=8, passes=1, lanes=1), "weaker protection of the password"),
        (argon2(passes=2), "weaker protection of the password"),
        (argon2(salt="A" * 20), "weaker protection of the password"),
        (argon2(memory=4_194_304), "too long"),
        (argon2(passes=1_000), "too long"),
        (argon2(lanes=64), "too long"),
        ("none", "never needed it before"),
    ],
)
def test_a_salt_that_is_not_safe(scene: Scene, kdf: str, words: str) -> None:
    alice = scene.person("alice")
    before = alice.profile.read_text()
    with scene.liar.tells(instead("SALT|SUCCESS|", f"SALT|SUCCESS|{kdf}")):
        noticed(login(alice), 5, words, "nothing was sent", "ell who runs the server")
        old_and_new = f"{PASSWORD}\n{PASSWORD} two\n"
        ended = alice.shell.type("passwd", "--password-stdin", stdin=old_and_new)
        noticed(ended, 5, words, "nothing was sent")
    assert b"AUTH|" not in scene.liar.heard
    assert b"PASSWD|" not in scene.liar.heard
    assert alice.profile.read_text() == before


@pytest.mark.parametrize(
    "kdf",
    [
        argon2(salt=""),
        argon2(salt="!"),
        argon2(memory=10**30),
        argon2(lanes=0),
        argon2().replace("argon2id", "argon2i"),
        argon2().replace("v=19", "v=16"),
        "pbkdf2",
        "",
    ],
)
def test_a_salt_that_is_none(scene: Scene, kdf: str) -> None:
    alice = scene.person("alice")
    with scene.liar.tells(instead("SALT|SUCCESS|", f"SALT|SUCCESS|{kdf}")):
        noticed(login(alice), 3, "answer to SALT cannot be read", "tell who runs the server")
    assert b"AUTH|" not in scene.liar.heard


def test_a_server_of_another_name(scene: Scene) -> None:
    alice = scene.person("alice")
    with scene.liar.tells(edited("*HELLO|", lambda f: ["evil" if x == "test" else x for x in f])):
        noticed(login(alice), 5, "calls itself evil, not test", "no secret")
        for command, typed in (("passwd", f"{PASSWORD}\n{PASSWORD} two"), ("erase", PASSWORD)):
            ended = alice.shell.type(command, "--password-stdin", "--json", stdin=typed)
            noticed(ended, 5, "calls itself evil, not test", "no secret")
    assert not any(verb in scene.liar.heard for verb in (b"AUTH|", b"PASSWD|", b"ERASE|"))


def test_another_name_for_who_logs_in(scene: Scene) -> None:
    alice = scene.person("alice")
    before = alice.profile.read_text()
    with scene.liar.tells(edited("WHOAMI|SUCCESS|", lambda f: [*f[:2], "carol", *f[3:]])):
        noticed(login(alice), 5, "says that you are carol", alice.user)
    assert b"PUBLISH|" not in scene.liar.heard
    assert alice.profile.read_text() == before


def test_keys_that_others_saw_under_my_name(scene: Scene) -> None:
    alice = scene.person("alice")
    lie = f"IDENTITY|SUCCESS|{MALLORY.sig.kid}|{escape_rest(MALLORY.published(alice.user))}"
    with scene.liar.tells(instead("IDENTITY|SUCCESS|", lie)):
        ended = login(alice)
    assert ended.status == 0
    told(ended.err, "keys under your name that are not yours", "published again")


def held(version: int, blob: str) -> Rule:
    return instead("VAULT|SUCCESS|", f"VAULT|SUCCESS|{version}|{escape_rest(blob)}")


def test_a_vault_that_is_not_the_newest_or_not_mine(scene: Scene) -> None:
    alice, bob = scene.pair()
    old = alice.blob(1)
    alice.shell.done("vault", "set", "note", '"kept"')
    new = alice.asks("VAULT")[0].split("|", 3)[3]
    lies = [
        (held(1, old), 5, "version 1 of the vault, but 2 was there before"),
        (held(2, old), 5, "calls this version 2 of the vault, but it is 1"),
        (held(3, old), 5, "calls this version 3 of the vault, but it is 1"),
        (held(99, new), 5, "somebody swapped it"),
        (held(0, ""), 5, "version 0 of the vault, but 2 was there before"),
        (held(2, _others(bob)), 6, "does not open"),
        (held(2, new[:-40]), 6, "vault"),
        (held(2, new[: len(new) // 2]), 6, "vault"),
        (held(2, ""), 6, "vault"),
        (held(2, "{}"), 6, "vault"),
    ]
    for lie, status, words in lies:
        with scene.liar.tells(lie):
            noticed(alice.shell.type("send", bob.user, TEXT), status, words)
    for lie, status, words in lies[:5]:
        with scene.liar.tells(lie):
            noticed(login(alice), status, words)
            noticed(alice.shell.type("listen"), status, words)
            ended = alice.shell.type("vault", "set", "note", '"changed"')
            noticed(ended, status, words)
    assert alice.asks(f"HISTORY|{bob.user}") == ["HISTORY|SUCCESS|0"]
    assert alice.shell.done("vault", "get", "note").out == '"kept"\n'


def _others(bob: Person) -> str:
    """Bob's vault, as if his password were another."""
    return seal_vault(bob.content, WrappingKey("password", bytes(32)), 2)


def test_a_vault_withheld_from_a_new_device(scene: Scene) -> None:
    """It cannot know, and says what it means if there was one."""
    alice = scene.person("alice")
    stored = edited("STORE|FAILURE|", lambda _: ["STORE|SUCCESS|1"])
    with scene.liar.tells(held(0, ""), stored):
        new = another_device(scene, alice)
        ended = new.type("login", alice.user, "--password-stdin", stdin=PASSWORD)
    assert ended.status == 0
    told(ended.err, "had no vault of yours", "If you had one")


def test_a_store_that_is_answered_with_lies(scene: Scene) -> None:
    alice = scene.person("alice")
    for answer in ("STORE|SUCCESS|99", "STORE|SUCCESS|1", "STORE|SUCCESS|0"):
        with scene.liar.tells(instead("STORE|SUCCESS|", answer)):
            ended = alice.shell.type("vault", "set", "note", '"kept"')
            noticed(ended, 5, "was sent as version", "the server says that it is")
    for answer in ("STORE|SUCCESS|x", "STORE|SUCCESS"):
        with scene.liar.tells(instead("STORE|SUCCESS|", answer)):
            ended = alice.shell.type("vault", "set", "note", '"kept"')
            noticed(ended, 3, "answer to STORE cannot be read")
    alice.shell.done("vault", "set", "note", '"kept"')


def test_a_vault_that_is_always_newer(scene: Scene) -> None:
    alice = scene.person("alice")
    with scene.liar.tells(
        instead("STORE|SUCCESS|", "STORE|FAILURE|CONFLICT|9 is the current one.")
    ):
        noticed(alice.shell.type("vault", "set", "note", "1"), 1, "too fast", "try again")
    assert scene.liar.heard.count(b"\nSTORE|") <= 2 * TRIES_MAX  # each was asked and answered


def endless(begin: str, lines: Iterable[str]) -> Rule:
    return lambda line: lines if line.startswith(begin) else [line]


def test_answers_without_an_end(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.shell = Poor(alice.shell.folder, alice.shell.address, alice.shell.profile)
    items = (
        f"HISTORY|ITEM|{n}|2026-11-21T04:05:06.789Z|{bob.user}|{'x' * 9_000}" for n in count(1)
    )
    with scene.liar.tells(endless("HISTORY|SUCCESS", items)):
        noticed(alice.shell.type("history", bob.user), 3, "answer to HISTORY has no end")
    with scene.liar.tells(instead("VAULT|SUCCESS|", "VAULT|SUCCESS|1|" + "x" * 200_000)):
        noticed(alice.shell.type("send", bob.user, TEXT), 3, "too long")
    with scene.liar.tells(held(1, "x" * 120_000)):
        noticed(alice.shell.type("send", bob.user, TEXT), 6, "longer than any can be")
    huge = f"IDENTITY|SUCCESS|{MALLORY.sig.kid}|" + "x" * 120_000
    with scene.liar.tells(instead("IDENTITY|SUCCESS|", huge)):
        ended = alice.shell.type("send", bob.user, TEXT)
        assert ended.status in (3, 6)
        told(ended.err)


def test_nothing_secret_ever_passes(scene: Scene) -> None:
    """A whole life by way of the server, which hears all of it."""
    bob, shell = scene.person("bob"), Shell(scene.folder, scene.liar.address, "life")
    user = bob.user.replace("bob", "zoe")
    new = f"{PASSWORD} anew"
    words = ("--password-stdin", "--json")
    made = shell.done("register", user, *words, stdin=PASSWORD).objects[0]
    shell.done("login", user, *words, stdin=PASSWORD)
    shell.done("vault", "set", "note", json.dumps(TEXT))
    shell.type("send", bob.user, TEXT)
    told(bob.shell.done("history", user).out, TEXT)
    exported = json.loads(shell.done("keys", "export").out)
    shell.done("keys", "rotate")
    shell.done("passwd", *words, stdin=f"{PASSWORD}\n{new}\n")
    recovered = f"{new}\n{made['recovery_key']}\n{PASSWORD}\n"
    shell.done("recover", user, *words, stdin=recovered)
    exported["keys"] += json.loads(shell.done("keys", "export").out)["keys"]
    secrets = [made["recovery_key"], *(key["d"] for key in exported["keys"])]
    assert len(set(secrets)) == 5
    assert not any(secret.encode() in scene.liar.heard for secret in secrets)


def test_words_that_would_move_the_terminal(scene: Scene) -> None:
    alice, bob = scene.pair()
    sentence = "\x1b[2J\x07all is well\\nchatctl: Verified"
    with scene.liar.tells(instead("IDENTITY|SUCCESS|", f"IDENTITY|FAILURE|DENIED|{sentence}")):
        ended = alice.shell.type("send", bob.user, TEXT)
    assert ended.err.count("\n") == 1
    assert "\x1b" not in ended.err
    assert "\x07" not in ended.err
