"""Whose key is whose, and new keys, from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from chatctl.e2e import OwnKeys
from tests.peer import PATIENCE_SECONDS
from tests.serving import SECRET, Server

from .sealed_world import (
    content_of,
    device,
    entered,
    history,
    keyed,
    kinds,
    seen_identity,
    stored,
    told,
)
from .shell import Shell, member
from .terminal import Terminal


def test_both_see_the_same_number(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "vf-ann")
    bob = keyed(shared_server, shell.folder, "vf-bob")
    [hers] = ann.done("verify", "VF-Bob", "--yes", "--json").objects
    [his] = bob.done("verify", "vf-ann", "--json").objects
    assert hers["safety_number"] == his["safety_number"]
    assert hers["payload"] == his["payload"]
    assert (hers["user"], his["user"]) == ("vf-bob", "vf-ann")
    assert (hers["verified"], his["verified"]) == (True, False)
    assert [len(group) for group in hers["safety_number"].split()] == [5] * 12
    shown = bob.done("verify", "vf-ann").out
    assert " ".join(hers["safety_number"].split()[:4]) in shown
    assert "Not marked as verified" in shown
    assert "█" in shown or "▀" in shown
    known = ann.done("keys", "show", "--json").objects[-1]
    assert (known["user"], known["thumbprint"]) == ("vf-bob", hers["thumbprint"])
    assert known["verified"] is not None
    assert "  verified 20" in ann.done("keys", "show").out
    assert "  first seen 20" in bob.done("keys", "show").out


@pytest.mark.parametrize(("answer", "verified"), [("y", True), ("Yes", True), ("n", False)])
def test_asked_at_the_terminal(
    shared_server: Server, shell: Shell, answer: str, verified: bool
) -> None:
    ann = keyed(shared_server, shell.folder, f"ask-{answer}".lower())
    keyed(shared_server, shell.folder, f"bob-{answer}".lower())
    with Terminal(ann, "verify", f"bob-{answer}") as terminal:
        terminal.until("[y/N]")
        terminal.keys(f"{answer}\r")
        terminal.until("is verified." if verified else "Not marked as verified")
        assert terminal.status() == 0
    [pin] = [one for one in ann.done("keys", "show", "--json").objects if "first" in one]
    assert (pin["verified"] is not None) == verified


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("\x04", 130)])
def test_leaving_at_the_question(
    shared_server: Server, shell: Shell, key: str, status: int
) -> None:
    name = f"leave-{ord(key)}"
    ann = keyed(shared_server, shell.folder, name)
    keyed(shared_server, shell.folder, f"{name}-bob")
    with Terminal(ann, "verify", f"{name}-bob") as terminal:
        terminal.until("[y/N]")
        terminal.keys(key)
        assert terminal.status() == status
    with entered(shared_server, name) as peer:
        pin = content_of(peer).pin(f"{name}-bob")
        assert pin is not None and pin.verified is None


def test_what_cannot_be_verified(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "nv-ann")
    bob = member(shared_server, shell.folder, "nv-bob")
    for words, status, said in (
        (("verify", "nv-ann"), 2, "your own keys"),
        (("trust", "nv-ann"), 2, "your own keys"),
        (("verify", "nv-bob"), 1, "NO_IDENTITY"),
        (("verify", "nv-nobody"), 1, "NO_SUCH_USER"),
        (("trust", "nv-nobody"), 1, "NO_SUCH_USER"),
    ):
        ended = ann.type(*words)
        assert (ended.status, ended.out, ended.err.count("\n")) == (status, "", 1), ended
        assert said in ended.err
    assert "never seen" in ann.done("trust", "nv-bob").out
    for words in (("verify", "nv-ann"), ("trust", "nv-ann"), ("keys", "show"), ("keys", "rotate")):
        ended = bob.type(*words)
        assert (ended.status, ended.out) == (6, "")
        assert "has no keys" in ended.err


def test_verifying_trusts_a_changed_key(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "vc-ann")
    bob = keyed(shared_server, shell.folder, "vc-bob")
    [before] = ann.done("verify", "vc-bob", "--yes", "--json").objects
    bob.done("keys", "rotate")
    assert ann.type("send", "vc-bob", "hello").status == 5
    shown = ann.done("keys", "show").out
    assert "  changed 20" in shown and "not trusted" in shown
    [after] = ann.done("verify", "vc-bob", "--json").objects
    assert after["safety_number"] != before["safety_number"]
    assert ann.type("send", "vc-bob", "hello").status == 5
    ann.done("verify", "vc-bob", "--yes")
    ann.done("send", "vc-bob", "hello")
    assert "It changed on 20" in ann.done("trust", "vc-bob").out


def test_keys_that_are_exported_open_what_came(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "ex-ann")
    bob = keyed(shared_server, shell.folder, "ex-bob")
    told(bob, "send", "ex-ann", "hello")
    ann.done("keys", "rotate")
    written = ann.done("keys", "export").out
    assert json.loads(written) == json.loads(
        ann.done("keys", "export", "--json").objects[0]["jwks"]
    )
    keys = {key["kid"]: key for key in json.loads(written)["keys"]}
    shown = ann.done("keys", "show", "--json").objects
    assert set(keys) == {key["thumbprint"] for key in shown}
    assert len(keys) == 4
    [line] = stored(shared_server, "ex-ann", "ex-bob")
    message: Any = json.loads(line)
    [mine] = [one for one in message["recipients"] if one["header"]["kid"] in keys]
    # Only its own recipient, as the stock tools take it.
    key = ECKey.import_key(keys[mine["header"]["kid"]])
    message["recipients"] = [mine]
    opened = jwe.decrypt_json(message, key)
    assert opened.plaintext is not None and opened.plaintext.count(b".") == 2


def test_history_stays_readable(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "hr-ann")
    bob = keyed(shared_server, shell.folder, "hr-bob")
    for number in range(2):
        told(bob, "send", "hr-ann", f"to you {number}")
        told(ann, "send", "hr-bob", f"to him {number}")
        ann.done("keys", "rotate")
        bob.done("trust", "hr-ann")
    # A new device needs only the password.
    tablet = Shell(shell.folder, shared_server.address, "tablet")
    tablet.done("login", "hr-ann", "--password-stdin", stdin=SECRET)
    found = history(tablet, "hr-bob")
    assert [item["text"].split()[1] for item in found] == ["you", "him"] * 2
    assert [kinds(item) for item in found] == [[]] * 4
    assert [kinds(item) for item in history(bob, "hr-ann")] == [[], ["key-earlier"]] * 2


def test_two_devices_rotate(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "tr-ann")
    phone = device(shared_server, shell.folder, "tr-ann", "tr-phone")
    bob = keyed(shared_server, shell.folder, "tr-bob")
    under_way = [who.start("keys", "rotate", stderr=None) for who in (ann, phone) * 2]
    shown = []
    for process in under_way:
        with process:
            out, _ = process.communicate(timeout=PATIENCE_SECONDS)
            assert process.returncode == 0
            shown.append(out.decode().splitlines()[-1])
    with entered(shared_server, "tr-ann") as peer:
        keys: OwnKeys = content_of(peer).keys
        shown_now = seen_identity(peer, "tr-ann")
        assert (shown_now.sig.kid, shown_now.enc.kid) == (keys.sig.kid, keys.enc.kid)
    assert {*shown} == {*keys.signing} - {[*keys.signing][-1]}
    assert len(keys.opening) == len(keys.signing) == 5
    told(bob, "send", "tr-ann", "hello")
    for who in (ann, phone):
        told(who, "send", "tr-bob", "hi")
    assert [kinds(item) for item in history(bob, "tr-ann")] == [[]] * 3
    assert [item["text"] for item in history(phone, "tr-bob")] == ["hello", "hi", "hi"]
