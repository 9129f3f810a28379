"""Rooms that the server cannot read, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from chatctl.e2e import OwnKeys, looks_sealed, open_message
from tests.peer import PATIENCE_SECONDS, Peer
from tests.serving import Server

from .sealed_world import (
    entered,
    history,
    keyed,
    keys_of,
    kinds,
    newcomer,
    posted,
    sealed_by,
    stored,
    told,
)
from .shell import Shell, member


def encrypted(shell: Shell, room: str) -> Shell:
    """The owner, with the room encrypted."""
    shell.done("set", room, "e2e=yes")
    return shell


def test_its_members_alone_can_read(shared_server: Server, shell: Shell) -> None:
    ann = encrypted(keyed(shared_server, shell.folder, "rm-ann", "#rm"), "#rm")
    bob = keyed(shared_server, shell.folder, "rm-bob", "#rm")
    cyn = member(shared_server, shell.folder, "rm-cyn", "#rm")
    said = told(ann, "send", "#RM", "hello").splitlines()
    assert [line.removeprefix("chatctl: ").split()[0] for line in said] == ["rm-bob's", "rm-cyn"]
    assert said[1] == "chatctl: rm-cyn has no keys, and will not be able to read this"
    assert "rm-ann [new key]: hello" in bob.done("history", "#rm").out
    [line] = stored(shared_server, "rm-bob", "#rm")
    assert looks_sealed(line)
    assert open_message(line, keys_of(shared_server, "rm-ann")).text == "hello"
    [unread] = history(cyn, "#rm")
    assert (kinds(unread), unread["text"]) == (["unreadable"], line)
    # Nobody can write what the server could read, whatever they ask for.
    for who, words, status in (
        (cyn, ("hello",), 7),
        (cyn, ("--plain", "hello"), 2),
        (ann, ("--plain", "hello"), 2),
    ):
        ended = who.type("send", "#rm", *words)
        assert (ended.status, ended.out, ended.err.count("\n")) == (status, "", 1)
    with entered(shared_server, "rm-ann") as peer:
        assert peer.ask("MSG|#rm|hello").startswith("MSG|FAILURE|NOT_ENCRYPTED|")
    assert len(history(ann, "#rm")) == 1


def test_lines(shared_server: Server, shell: Shell) -> None:
    ann = encrypted(keyed(shared_server, shell.folder, "rl-ann", "#rl"), "#rl")
    keyed(shared_server, shell.folder, "rl-bob", "#rl")
    member(shared_server, shell.folder, "rl-cyn", "#rl")
    lines = [*map(str, range(100)), "ü" * 12_000]
    ended = ann.type("send", "--lines", "#rl", "--json", stdin="\n".join(lines))
    assert ended.status == 0
    assert ended.err.count("has no keys") == ended.err.count("is new to you") == 1
    found = history(ann, "#rl")
    assert "".join(item["text"] for item in found) == "".join(lines)
    assert sorted(item["seq"] for item in ended.objects) == [item["seq"] for item in found]


def crowd(server: Server, room: str, count: int) -> list[tuple[Peer, str, OwnKeys]]:
    """Members of a room, each with keys."""
    people = []
    for number in range(count):
        user, keys = f"crowd-{number}", OwnKeys.fresh(datetime.now(UTC))
        people.append((newcomer(server, user, keys, room), user, keys))
    return people


def test_a_hundred_members(shared_server: Server, shell: Shell) -> None:
    ann = encrypted(keyed(shared_server, shell.folder, "cr-ann", "#crowd"), "#crowd")
    people = crowd(shared_server, "#crowd", 99)
    to_ann = keys_of(shared_server, "cr-ann").identity("cr-ann")
    for peer, user, keys in people:
        posted(peer, "#crowd", sealed_by(keys, user, "#crowd", f"I am {user}", to_ann))
    found = history(ann, "#crowd")
    assert [item["text"] for item in found] == [f"I am {user}" for _, user, _ in people]
    assert [kinds(item) for item in found] == [["key-unseen"]] * 99
    with shared_server.connect() as late:
        late.ask("REGISTER|cr-late|correct horse battery")
        late.ask("AUTH|cr-late|correct horse battery")
        assert late.ask("JOIN|#crowd").startswith("JOIN|FAILURE|FORBIDDEN|")
    ann.done("send", "#crowd", "x" * 2_000)
    line = stored(shared_server, "cr-ann", "#crowd")[-1]
    assert {open_message(line, keys).text for _, _, keys in people} == {"x" * 2_000}
    long = ann.type("send", "#crowd", "x" * 9_000)
    assert (long.status, long.err.count("\n")) == (2, 1)
    assert "for 100 readers" in long.err
    ann.done("send", "--lines", "#crowd", stdin="y" * 9_000)
    said = history(ann, "#crowd", "--after", "100")
    assert "".join(item["text"] for item in said) == "y" * 9_000
    for peer, _, _ in people:
        peer.close()


def test_a_key_changes(shared_server: Server, shell: Shell) -> None:
    ann = encrypted(keyed(shared_server, shell.folder, "kc-ann", "#kc"), "#kc")
    bob = keyed(shared_server, shell.folder, "kc-bob", "#kc")
    cyn = keyed(shared_server, shell.folder, "kc-cyn", "#kc")
    told(ann, "send", "#kc", "one")
    bob.done("keys", "rotate")
    told(bob, "send", "#kc", "two")
    assert [kinds(item) for item in history(ann, "#kc")] == [[], ["key-changed"]]
    stopped = ann.type("send", "#kc", "three")
    assert (stopped.status, stopped.err.count("\n")) == (5, 1)
    assert "kc-bob's key changed on 20" in stopped.err
    assert ann.type("send", "--lines", "#kc", stdin="three\n").status == 5
    ann.done("trust", "kc-bob")
    ann.done("send", "#kc", "three")
    found = history(bob, "#kc")
    assert [item["text"] for item in found] == ["one", "two", "three"]
    assert [kinds(item) for item in found] == [[], [], []]
    # Who has never met them knows the keys of now alone.
    assert [kinds(item) for item in history(cyn, "#kc")] == [["key-unseen"], ["key-unseen"], []]


def test_members_come_and_go(shared_server: Server, shell: Shell) -> None:
    ann = encrypted(keyed(shared_server, shell.folder, "cg-ann", "#cg"), "#cg")
    bob = keyed(shared_server, shell.folder, "cg-bob")
    for number, change in enumerate(["join", "leave", "join"]):
        told(ann, "send", "#cg", f"before {number}")
        bob.done(change, "#cg")
    told(ann, "send", "#cg", "last")
    found = history(bob, "#cg")
    texts = ["before 1", "last"]
    assert [item["text"] for item in found if kinds(item) != ["unreadable"]] == texts
    assert len(found) == 4
    assert all(looks_sealed(item["text"]) for item in found if item["text"] not in texts)


def test_it_is_not_encrypted_any_more(shared_server: Server, shell: Shell) -> None:
    ann = encrypted(keyed(shared_server, shell.folder, "off-ann", "#off"), "#off")
    bob = keyed(shared_server, shell.folder, "off-bob", "#off")
    told(bob, "send", "#off", "sealed")
    ann.done("set", "#off", "e2e=no")
    for words, stdin in ((("hello",), ""), (("--lines",), "hello\n")):
        stopped = bob.type("send", "#off", *words, stdin=stdin)
        assert (stopped.status, stopped.err.count("\n")) == (5, 1)
        assert "chatctl trust '#off'" in stopped.err
    bob.done("send", "#off", "--plain", "by and by")
    assert bob.type("send", "#off", "hello").status == 5
    bob.done("trust", "#off")
    bob.done("send", "#off", "hello")
    bob.done("trust", "#off")
    found = history(bob, "#off")
    assert [item["text"] for item in found] == ["sealed", "by and by", "hello"]
    assert [kinds(item) for item in found] == [[], ["not-encrypted"], ["not-encrypted"]]
    ann.done("set", "#off", "e2e=yes")
    bob.done("send", "#off", "sealed again")
    assert kinds(history(bob, "#off")[-1]) == []


def test_it_is_encrypted_from_now_on(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "on-ann", "#on")
    with ann.start("send", "--lines", "#on", "--json") as tail:
        assert tail.stdin is not None and tail.stdout is not None and tail.stderr is not None
        tail.stdin.write(b"one\n")
        tail.stdin.flush()
        assert b'"seq": 1' in tail.stdout.readline()
        with entered(shared_server, "on-ann") as peer:
            assert peer.ask("SET|#on|e2e=yes") == "SET|SUCCESS"
        tail.stdin.write(b"two\n")
        tail.stdin.flush()
        # It learns of it only now; nothing is sent again in another way.
        assert tail.wait(PATIENCE_SECONDS) == 1
        assert tail.stderr.read().startswith(b"chatctl: line 2 is not sent: NOT_ENCRYPTED: ")
    assert stored(shared_server, "on-ann", "#on") == ["one"]
