"""A malicious server lies about who is who, and about rooms: nothing goes to whom it was not meant.

What a server keeps back (a message, a change of keys, a member who left) cannot be noticed, and is
not tested: nobody but the server can tell that there was something.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chatctl.e2e import OwnKeys
from chatd.protocol.fields import escape_rest

from .e2e_world import MALLORY, b64
from .liar import after, edited, instead, listing
from .victims import TEXT, Person, Scene, noticed, told

Jwks = dict[str, list[dict[str, Any]]]


def identity(keys: OwnKeys, user: str) -> str:
    """The answer to IDENTITY, as it should be if these were the user's keys."""
    return answer(keys.sig.kid, json.loads(keys.published(user)))


def answer(thumbprint: str, jwks: Jwks) -> str:
    return f"IDENTITY|SUCCESS|{thumbprint}|{escape_rest(json.dumps(jwks, separators=(',', ':')))}"


def swapped(keys: OwnKeys, user: str) -> Any:
    """The server's own keys under the user's name: every proof is good."""
    return instead("IDENTITY|SUCCESS|", identity(keys, user))


def number(ended: Any) -> str:
    [said] = ended.objects
    return str(said["safety_number"])


def nothing_was_sent(alice: Person, target: str) -> None:
    assert alice.asks(f"HISTORY|{target}") == ["HISTORY|SUCCESS|0"]


def test_the_truth_goes_through(scene: Scene) -> None:
    alice, bob = scene.pair()
    alice.shell.done("send", bob.user, TEXT)
    assert TEXT in bob.shell.done("history", alice.user).out
    assert bob.shell.done("verify", alice.user, "--yes", "--json").objects[0]["verified"]
    assert number(alice.shell.type("verify", bob.user, "--json")) == number(
        bob.shell.type("verify", alice.user, "--json")
    )


def test_keys_swapped_before_the_first_contact_make_other_numbers(scene: Scene) -> None:
    bob, alice = scene.person("bob"), scene.person("alice")
    with scene.liar.tells(swapped(MALLORY, bob.user)):
        ended = alice.shell.type("send", bob.user, TEXT)
        assert ended.status == 0
        told(ended.err, f"{bob.user}'s key is new to you", f"chatctl verify {bob.user}")
        at_alice = alice.shell.type("verify", bob.user, "--json")
    assert number(at_alice) != number(bob.shell.type("verify", alice.user, "--json"))


def test_keys_swapped_later_stop_sending(scene: Scene) -> None:
    alice, bob = scene.pair()
    with scene.liar.tells(swapped(MALLORY, bob.user)):
        for _ in range(2):
            ended = alice.shell.type("send", bob.user, TEXT)
            noticed(ended, 5, "key changed", "nothing was sent", f"chatctl verify {bob.user}")
        lines = alice.shell.type("send", bob.user, "--lines", stdin=f"{TEXT}\n")
        noticed(lines, 5, "key changed", "nothing was sent")
    nothing_was_sent(alice, bob.user)
    shown = alice.shell.done("keys", "show").out
    told(shown, "changed", "not trusted")
    alice.shell.done("send", bob.user, TEXT)


def test_only_a_person_takes_a_changed_key(scene: Scene) -> None:
    alice, bob = scene.pair()
    with scene.liar.tells(swapped(MALLORY, bob.user)):
        ended = alice.shell.done("trust", bob.user)
        told(ended.out, MALLORY.sig.kid, "It changed on", f"chatctl verify {bob.user}")
    noticed(alice.shell.type("send", bob.user, TEXT), 5, "key changed", "nothing was sent")


def _anothers(jwks: Jwks, user: str) -> None:
    jwks["keys"][:] = json.loads(MALLORY.published("mallory"))["keys"]


def _encryption_swapped(jwks: Jwks, user: str) -> None:
    jwks["keys"][1] = json.loads(MALLORY.published(user))["keys"][1]


def _encryption_under_the_old_proof(jwks: Jwks, user: str) -> None:
    jwks["keys"][1] |= {**MALLORY.enc.public, "kid": MALLORY.enc.kid}


def _private(jwks: Jwks, user: str) -> None:
    jwks["keys"][1]["d"] = b64(bytes(32))


def _no_proof(jwks: Jwks, user: str) -> None:
    del jwks["keys"][1]["proof"]


def _unsigned_proof(jwks: Jwks, user: str) -> None:
    payload = {"user": user, "thumbprint": jwks["keys"][1]["kid"]}
    jwks["keys"][1]["proof"] = f"{b64({'alg': 'none'})}.{b64(payload)}."


def _three(jwks: Jwks, user: str) -> None:
    jwks["keys"].append(jwks["keys"][1])


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (_anothers, 5, "another name"),
        (_encryption_swapped, 5, "not for these keys"),
        (_encryption_under_the_old_proof, 5, "somebody swapped it"),
        (_private, 6, "private"),
        (_no_proof, 6, "identity"),
        (_unsigned_proof, 6, "proof"),
        (_three, 6, "identity"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_forged_identity_is_for_nobody(
    scene: Scene, change: Callable[[Jwks, str], None], status: int, words: str, known: bool
) -> None:
    bob = scene.person("bob")
    alice = scene.person("alice", *([bob] if known else []))
    jwks: Jwks = json.loads(bob.keys.published(bob.user))
    change(jwks, bob.user)
    with scene.liar.tells(instead("IDENTITY|SUCCESS|", answer(bob.keys.sig.kid, jwks))):
        noticed(alice.shell.type("send", bob.user, TEXT), status, words)
    nothing_was_sent(alice, bob.user)


def test_a_thumbprint_of_other_keys(scene: Scene) -> None:
    alice, bob = scene.pair()
    lie = edited("IDENTITY|SUCCESS|", lambda f: [*f[:2], MALLORY.sig.kid, *f[3:]])
    with scene.liar.tells(lie):
        for command in (("send", bob.user, TEXT), ("verify", bob.user), ("trust", bob.user)):
            noticed(alice.shell.type(*command), 5, "names one identity and sends another")
    nothing_was_sent(alice, bob.user)


def test_an_identity_that_is_hidden(scene: Scene) -> None:
    alice, bob = scene.pair()
    carol = scene.person("carol")
    with scene.liar.tells(instead("IDENTITY|SUCCESS|", "IDENTITY|FAILURE|NO_IDENTITY|None.")):
        ended = alice.shell.type("send", bob.user, TEXT)
        noticed(ended, 5, f"no key of {bob.user}, though", "nothing was sent", f"Ask {bob.user}")
        # Of her, nobody can tell that she had one; but nothing goes out that the server could read.
        ended = alice.shell.type("send", carol.user, TEXT)
        noticed(ended, 7, f"{carol.user} has no keys", "--plain", "nothing was sent")
    nothing_was_sent(alice, bob.user)


def test_a_change_of_keys_that_was_none(scene: Scene) -> None:
    """`*IDENTITY` alone makes nobody believe in a key, and the pin stays."""
    alice, bob = scene.pair()
    lies = [f"*IDENTITY|{bob.user}|{one}" for one in (MALLORY.sig.kid, bob.keys.sig.kid)]
    lies += [f"*IDENTITY|{bob.user}|{'A' * 100_000}", f"*MSG|{bob.user}|1|now|{bob.user}|the end"]
    with scene.liar.tells(after("VAULT|SUCCESS|", *lies)), alice.shell.start("listen") as listening:
        assert listening.stdout is not None and listening.stderr is not None
        assert b"the end" in listening.stdout.readline()
        listening.terminate()
        said = listening.stderr.read().decode()
    told(said, f"{bob.user}'s key has changed; nothing goes to", "shows the key again", "no key")
    alice.shell.done("send", bob.user, TEXT)


def test_somebody_else_under_my_name(scene: Scene) -> None:
    """Whoever the server says that one is: nothing is signed or kept in another's name."""
    alice, bob = scene.pair()
    with scene.liar.tells(instead("RESUME|SUCCESS|", "RESUME|SUCCESS|carol")):
        for command in (("send", bob.user, TEXT), ("keys", "rotate"), ("listen",)):
            noticed(alice.shell.type(*command), 5, "says that you are carol, but you are alice-")
    assert b"PUBLISH|" not in scene.liar.heard
    nothing_was_sent(alice, bob.user)


def room(*people: Person) -> str:
    """An encrypted one of these."""
    name = f"#{people[0].user}"
    assert all(person.asks(f"JOIN|{name}")[0].startswith("JOIN|SUCCESS|") for person in people)
    assert people[0].asks(f"SET|{name}|e2e=yes") == ["SET|SUCCESS"]
    return name


def test_a_room_that_is_said_to_be_open_now(scene: Scene) -> None:
    alice, bob = scene.pair()
    ops = room(alice, bob)
    alice.shell.done("send", ops, TEXT)
    for value in ("no", "", "YES"):
        with scene.liar.tells(instead("SETTINGS|ITEM|e2e|", f"SETTINGS|ITEM|e2e|{value}")):
            ended = alice.shell.type("send", ops, TEXT)
            noticed(ended, 5, f"{ops} was encrypted", "not any more", "nothing was sent")
    with scene.liar.tells(listing("SETTINGS")):
        noticed(alice.shell.type("send", ops, TEXT), 5, "nothing was sent")
    assert len(alice.asks(f"HISTORY|{ops}")) == 1


def test_a_room_that_was_only_read(scene: Scene) -> None:
    alice, bob = scene.pair()
    ops = room(alice, bob)
    bob.shell.type("send", ops, TEXT)
    told(alice.shell.done("history", ops).out, TEXT)
    with scene.liar.tells(instead("SETTINGS|ITEM|e2e|", "SETTINGS|ITEM|e2e|no")):
        ended = alice.shell.type("send", ops, TEXT)
        noticed(ended, 5, f"{ops} was encrypted", "nothing was sent")


def test_a_ghost_among_the_members(scene: Scene) -> None:
    alice, bob = scene.pair()
    ops = room(alice, bob)
    ghost = after(f"WHO|ITEM|{bob.user}|", "WHO|ITEM|ghost|member|yes|0")
    count = edited("WHO|SUCCESS|", lambda fields: [*fields[:2], "3"])
    keys = instead("IDENTITY|FAILURE|NO_SUCH_USER|", identity(MALLORY, "ghost"))
    with scene.liar.tells(ghost, count, keys):
        ended = alice.shell.type("send", ops, TEXT)
    assert ended.status == 0
    told(ended.err, "ghost's key is new to you", "chatctl verify ghost")


def test_more_members_than_a_room_can_have(scene: Scene) -> None:
    alice, bob = scene.pair()
    ops = room(alice, bob)
    ghosts = [f"ghost{n}|member|yes|0" for n in range(150)]
    with scene.liar.tells(listing("WHO", *ghosts)):
        noticed(
            alice.shell.type("send", ops, TEXT),
            5,
            "151 members",
            "more than the 100",
            "nothing was sent",
        )
    assert alice.asks(f"HISTORY|{ops}") == ["HISTORY|SUCCESS|0"]


def test_keys_of_a_member_swapped_or_hidden(scene: Scene) -> None:
    alice, bob = scene.pair()
    ops = room(alice, bob)
    with scene.liar.tells(swapped(MALLORY, bob.user)):
        noticed(alice.shell.type("send", ops, TEXT), 5, f"{bob.user}'s key changed")
    with scene.liar.tells(instead("IDENTITY|SUCCESS|", "IDENTITY|FAILURE|NO_IDENTITY|None.")):
        noticed(alice.shell.type("send", ops, TEXT), 5, f"no key of {bob.user}, though")
    assert alice.asks(f"HISTORY|{ops}") == ["HISTORY|SUCCESS|0"]
