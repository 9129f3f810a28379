"""Direct messages that the server cannot read, from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from chatctl.e2e import OwnKeys, looks_sealed, open_message
from tests.serving import Server

from .sealed_world import (
    device,
    entered,
    history,
    keyed,
    keys_of,
    kinds,
    newcomer,
    posted,
    sealed_by,
    seen_identity,
    stored,
    texts,
    told,
)
from .shell import Shell, member

TEXTS = (
    "two\nlines\n\n\tand | more \\n",
    "👩‍👩‍👧 ü 漢字 e\u0301 \u202eabc",
    '{"protected":1,"ciphertext":2}',
    "a.b.c.d.e",
    " ",
)


def test_only_the_two_can_read_it(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "dm-ann")
    bob = keyed(shared_server, shell.folder, "dm-bob")
    first = ann.type("send", "DM-Bob", "-", "hello", "bob")
    assert (first.status, first.out) == (0, "")
    assert first.err == (
        "chatctl: dm-bob's key is new to you; compare it with: chatctl verify dm-bob\n"
    )
    ann.done("send", "dm-bob", "again")
    assert texts(ann, "dm-bob") == ["- hello bob", "again"]
    assert [kinds(item) for item in history(bob, "dm-ann")] == [["key-unseen"], []]
    assert texts(bob, "dm-ann") == ["- hello bob", "again"]
    for line in stored(shared_server, "dm-bob", "dm-ann"):
        assert looks_sealed(line)
        assert "hello" not in line
        assert open_message(line, keys_of(shared_server, "dm-ann")).text in ("- hello bob", "again")


@pytest.mark.parametrize("user", ["odd-texts"])
def test_texts_come_out_as_they_went_in(shared_server: Server, shell: Shell, user: str) -> None:
    ann = keyed(shared_server, shell.folder, user)
    for text in TEXTS:
        ann.done("send", user, stdin=text)
    ann.done("send", user, stdin=b"\x1b[1mbold\x1b[0m \xff\x00\r\n")
    assert texts(ann, user) == [*TEXTS, "␛[1mbold␛[0m \ufffd␀"]
    assert "\x1b" not in (shown := ann.done("history", user).out)
    assert "<U+202E>" in shown
    assert all(map(looks_sealed, stored(shared_server, user, user)))


def test_a_note_to_oneself(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "self-ann")
    phone = device(shared_server, shell.folder, "self-ann", "self-phone")
    ann.done("send", "self-ann", "a note")
    phone.done("send", "self-ann", "another")
    assert texts(phone, "self-ann") == ["a note", "another"]


def test_to_who_has_no_keys(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "nk-ann")
    bob = member(shared_server, shell.folder, "nk-bob")
    refused = ann.type("send", "nk-bob", "hello")
    assert (refused.status, refused.out) == (7, "")
    assert refused.err.startswith("chatctl: nk-bob has no keys")
    assert "--plain" in refused.err
    assert refused.err.endswith("; nothing was sent\n")
    refused = ann.type("send", "--lines", "nk-bob", stdin="hello\n")
    assert (refused.status, refused.out) == (7, "")
    assert refused.err.startswith("chatctl: line 1 is not sent: nk-bob has no keys")
    assert history(bob, "nk-ann") == []
    ann.done("send", "--plain", "nk-bob", "hello")
    ann.done("send", "--plain", "--lines", "nk-bob", stdin="you\nthere\n")
    found = history(bob, "nk-ann")
    assert [item["text"] for item in found] == ["hello", "you", "there"]
    assert [kinds(item) for item in found] == [["not-encrypted"]] * 3
    assert "nk-ann [not encrypted]: hello\n" in bob.done("history", "nk-ann").out
    missing = ann.type("send", "nk-nobody", "hello")
    assert (missing.status, missing.err.split(":")[1]) == (1, " NO_SUCH_USER")


def test_from_who_has_no_keys(shared_server: Server, shell: Shell) -> None:
    ann = member(shared_server, shell.folder, "fk-ann")
    bob = keyed(shared_server, shell.folder, "fk-bob")
    refused = ann.type("send", "fk-bob", "hello")
    assert refused.status == 7
    assert "chatctl secure" in refused.err
    ann.done("send", "fk-bob", "--plain", "hello")
    [found] = history(bob, "fk-ann")
    assert (found["text"], kinds(found)) == ("hello", ["not-encrypted"])
    assert told(bob, "send", "fk-ann", "hi", "--plain") == ""
    assert bob.type("send", "fk-ann", "hi").status == 7


def test_what_was_sealed_for_who_has_lost_the_keys(shared_server: Server, shell: Shell) -> None:
    keyed(shared_server, shell.folder, "lk-ann").type("send", "lk-ann", "hello")
    path = shell.folder / "chatctl" / "lk-ann.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "vault_key": None}))
    ann = Shell(shell.folder, shared_server.address, "lk-ann")
    [found] = history(ann, "lk-ann")
    assert kinds(found) == ["unreadable"]
    assert "log in" in found["findings"][0]["sentence"]
    assert looks_sealed(found["text"])
    assert (
        "[cannot be opened]: Encrypted, and you have no keys" in ann.done("history", "lk-ann").out
    )


def test_an_id_posts_once(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "sid-ann")
    bob = keyed(shared_server, shell.folder, "sid-bob")
    first = ann.type("send", "sid-bob", "once", "--id", "17", "--json").objects
    assert ann.done("send", "sid-bob", "once", "--id", "17", "--json").objects == first
    bob.type("send", "sid-ann", "once", "--id", "17")
    assert ann.done("send", "sid-bob", "once", "--id", "17", "--json").objects == first
    for words in (("twice",), ("once", "--plain")):
        ended = ann.type("send", "sid-bob", *words, "--id", "17")
        assert (ended.status, ended.err.split(":")[1]) == (1, " CONFLICT")
    assert [item["sender"] for item in history(ann, "sid-bob")] == ["sid-ann", "sid-bob"]


def test_long_texts(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "long-ann")
    most = 17_500
    ann.done("send", "long-ann", stdin="x" * most)
    refused = ann.type("send", "long-ann", stdin="x" * 20_000)
    assert (refused.status, refused.out) == (2, "")
    fitting = int(refused.err.split("about ")[1].split(" ")[0])
    assert refused.err.endswith(" bytes of such a text can be encrypted for 1 reader\n")
    ann.done("send", "long-ann", stdin="x" * fitting)
    assert ann.type("send", "long-ann", stdin="x" * (fitting + 20)).status == 2
    for length in (32_768, 1_000_000):
        told = ann.type("send", "long-ann", stdin="x" * length).err
        assert int(told.split("about ")[1].split(" ")[0]) == pytest.approx(fitting, abs=5)
    assert [len(text) for text in texts(ann, "long-ann")] == [most, fitting]


def test_long_lines_are_split(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "split-ann")
    lines = ["short", "é" * 20_000, '"\\' * 10_000, "👩" * 20_000, "", "x" * 100_000, "last"]
    sent = ann.done("send", "--lines", "split-ann", "--json", stdin="\n".join(lines)).objects
    found = texts(ann, "split-ann")
    assert "".join(found) == "".join(lines)
    assert sorted(item["seq"] for item in sent) == list(range(1, len(found) + 1))
    assert (found[0], found[-1]) == ("short", "last")
    assert len(found) < 40


def test_many_lines_keep_their_order(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "many-ann")
    bob = keyed(shared_server, shell.folder, "many-bob")
    numbers = [str(number) for number in range(300)]
    ended = ann.type("send", "--lines", "many-bob", stdin="\n".join(numbers))
    assert (ended.status, ended.err.count("\n")) == (0, 1)
    found = history(bob, "many-ann")
    assert [item["text"] for item in found] == numbers
    assert [kinds(item) for item in found] == [["key-unseen"]] + [[]] * 299


KINDS = [
    ["key-unseen"],
    ["not-encrypted"],
    ["not-signed"],
    [],
    ["replayed"],
    ["time", "reordered"],
    ["conversation"],
    ["sender"],
    ["key-changed"],
    *[["unreadable"]] * 4,
]
MARKS = (
    "mark-bob [not encrypted]: plain\n",
    "mark-bob [not signed]: made by hand\n",
    "mark-bob: good\n",
    "mark-bob ! Shown twice: mark-bob sent this once, and it stands at 4 too. It reads: good\n",
    "mark-bob [another time, out of order]: old\n    ! Written at ",
    "mark-bob ! Written for #room, but the server shows it in mark-bob. It reads: for others\n",
    "mark-bob ! The server says mark-bob sent this, but mark-eve signed it. It reads: as eve\n",
    "mark-bob ! Not signed by the key known as mark-bob's: ",
    "mark-bob [cannot be opened]: The message is encrypted for others",
)


def test_all_marks(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "mark-ann")
    bob = keyed(shared_server, shell.folder, "mark-bob")
    told(bob, "send", "mark-ann", "new")
    keys, other = keys_of(shared_server, "mark-bob"), OwnKeys.fresh(datetime.now(UTC))
    with entered(shared_server, "mark-bob") as peer:
        to_ann = seen_identity(peer, "mark-ann")
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        lines = [
            "plain",
            _compact("made by hand", to_ann.enc.public, to_ann.enc.kid),
            once := sealed_by(keys, "mark-bob", "mark-ann", "good", to_ann),
            once,
            sealed_by(keys, "mark-bob", "mark-ann", "old", to_ann, time=long_ago),
            sealed_by(keys, "mark-bob", "#room", "for others", to_ann),
            sealed_by(keys, "mark-eve", "mark-ann", "as eve", to_ann, to="mark-ann,mark-bob"),
            sealed_by(other, "mark-bob", "mark-ann", "by another", to_ann),
            sealed_by(keys, "mark-bob", "mark-ann", "for himself"),
            once[:-20],
            once.replace('"tag":"', '"tag":"A'),
            "eyJhbGciOiJub25lIn0....",
        ]
        for line in lines:
            posted(peer, "mark-ann", line)
    found = history(ann, "mark-bob")
    assert [kinds(item) for item in found] == KINDS
    shown = ann.done("history", "mark-bob").out
    for line in MARKS:
        assert line in shown
    assert len(shown.splitlines()) == len(found) + 2


def _compact(text: str, public: dict[str, str], kid: str) -> str:
    """As `jose jwe enc` makes it."""
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": kid}
    return jwe.encrypt_compact(header, text.encode(), ECKey.import_key(dict(public)))


def test_an_earlier_key(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "rk-ann")
    bob = keyed(shared_server, shell.folder, "rk-bob")
    told(bob, "send", "rk-ann", "before")
    assert [kinds(item) for item in history(ann, "rk-bob")] == [["key-unseen"]]
    bob.done("keys", "rotate")
    told(bob, "send", "rk-ann", "after")
    assert [kinds(item) for item in history(ann, "rk-bob")] == [[], ["key-changed"]]
    stopped = ann.type("send", "rk-bob", "hello")
    assert (stopped.status, stopped.out) == (5, "")
    assert "rk-bob's key changed on 20" in stopped.err
    assert "chatctl trust rk-bob" in stopped.err
    ann.done("trust", "rk-bob")
    found = history(ann, "rk-bob")
    assert [kinds(item) for item in found] == [["key-earlier"], []]
    assert "rk-bob [earlier key]: before" in ann.done("history", "rk-bob").out
    ann.done("send", "rk-bob", "hello")
    assert texts(bob, "rk-ann")[-2:] == ["after", "hello"]


def test_the_sender_is_erased(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "er-ann", "#er")
    ann.done("set", "#er", "e2e=yes")
    to_ann = keys_of(shared_server, "er-ann").identity("er-ann")
    keys = OwnKeys.fresh(datetime.now(UTC))
    with newcomer(shared_server, "er-bob", keys, "#er") as bob:
        posted(bob, "#er", sealed_by(keys, "er-bob", "#er", "farewell", to_ann))
        posted(bob, "er-ann", sealed_by(keys, "er-bob", "er-ann", "in private", to_ann))
    from_bob = device(shared_server, shell.folder, "er-bob", "er-bob")
    from_bob.done("erase", "--password-stdin", stdin="correct horse battery")
    [found] = history(ann, "#er")
    assert (found["sender"], found["text"], kinds(found)) == (
        "~erased",
        "farewell",
        ["not-checked"],
    )
    assert "~erased [not checked]: farewell\n    ! Its sender's account is erased" in (
        ann.done("history", "#er").out
    )
