"""Texts of one's own that the server keeps and cannot read, from the command line."""

from __future__ import annotations

from tests.peer import PATIENCE_SECONDS
from tests.serving import Server

from .sealed_world import content_of, device, entered, keyed
from .shell import Shell, member

ODD = {" ": "", "-x": "--y", "__proto__": "\n\n", "漢|字\n👩‍👩‍👧": "\u202e\t\x1b[1m"}


def kept(server: Server, user: str) -> dict[str, object]:
    """What the vault holds."""
    with entered(server, user) as peer:
        return content_of(peer).data


def test_from_beginning_to_end(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "va-ann")
    assert ann.done("vault", "list").out == ""
    assert ann.done("vault", "set", "door", "1234").out == "Kept door.\n"
    ann.done("vault", "set", "note", stdin="two\nlines\n")
    ann.done("vault", "set", "door", "4321")
    assert ann.done("vault", "get", "door").out == "4321\n"
    assert ann.done("vault", "get", "note", "--json").objects == [
        {"name": "note", "value": "two\nlines"}
    ]
    assert [line.split()[0] for line in ann.done("vault", "list").out.splitlines()] == [
        "door",
        "note",
    ]
    assert ann.done("vault", "list", "--json").objects == [{"name": "door"}, {"name": "note"}]
    ann.done("vault", "remove", "door")
    for verb in ("get", "remove"):
        ended = ann.type("vault", verb, "door")
        assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ann.done("vault", "export", "--json").objects == [{"note": "two\nlines"}]
    bob = member(shared_server, shell.folder, "va-bob")
    ended = bob.type("vault", "set", "x", "y")
    assert (ended.status, ended.out) == (6, "")
    assert "chatctl secure" in ended.err


def test_odd_names_and_values(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "vo-ann")
    for name, value in ODD.items():
        ann.done("vault", "set", "--", name, value)
    assert ann.done("vault", "export", "--json").objects == [ODD]
    [name] = [name for name in ODD if "漢" in name]
    assert ann.done("vault", "get", "--json", "--", name).objects[0]["value"] == ODD[name]
    for verb in ("list", "export"):
        out = ann.done("vault", verb).out
        assert not {"\x1b", "\u202e"} & {*out}
    assert ann.type("vault", "set", "", "x").status == 2
    for words, stdin in (
        (("vault", "set", "bad"), b"\xff\n"),
        (("vault", "set", "\udcff", "x"), b""),
    ):
        ended = ann.type(*words, stdin=stdin)
        assert ended.status == 2
        assert "not UTF-8" in ended.err
    ann.done("vault", "set", "ends", stdin=b"\r\n\n")
    assert kept(shared_server, "vo-ann") == {**ODD, "ends": "\r\n"}


def test_too_much(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "vt-ann")
    ann.done("vault", "set", "big", stdin="x" * 32_768 + "\n")
    before, said = kept(shared_server, "vt-ann"), ""
    for name, value in (("big", "x" * 1_000_000), ("big", "x" * 32_769), ("more", "x" * 8_000)):
        ended = ann.type("vault", "set", name, stdin=value)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
        said = ended.err
    assert "take something of your own out" in said
    assert kept(shared_server, "vt-ann") == before


def test_two_devices_at_once(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "vd-ann")
    phone = device(shared_server, shell.folder, "vd-ann", "vd-phone")
    wanted = {f"{who.profile} {number}": str(number) for who in (ann, phone) for number in range(6)}
    under_way = [
        who.start("vault", "set", f"{who.profile} {number}", str(number))
        for number in range(6)
        for who in (ann, phone)
    ]
    for process in under_way:
        with process:
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
            assert (process.returncode, said) == (0, b"")
    assert kept(shared_server, "vd-ann") == wanted
    assert len(phone.done("vault", "list", "--json").objects) == len(wanted)


def editor(shell: Shell, script: str) -> Shell:
    """The same shell, in which $EDITOR runs `script` on "$1"."""
    path = shell.folder / "an editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)

    class Editing(Shell):
        @property
        def environ(self) -> dict[str, str]:
            return {**super().environ, "VISUAL": "", "EDITOR": f"'{path}'", "TMPDIR": str(own)}

    own = shell.folder / "tmp"
    own.mkdir(exist_ok=True)
    return Editing(shell.folder, shell.address, shell.profile)


def test_an_editor(shared_server: Server, shell: Shell) -> None:
    ann = keyed(shared_server, shell.folder, "ve-ann")
    assert editor(ann, 'printf "new\\n" > "$1"').done("vault", "edit", "list").out == "Kept list.\n"
    editor(ann, 'stat -c %a "$1" >> "$1"').done("vault", "edit", "list")
    assert kept(shared_server, "ve-ann") == {"list": "new600"}
    ann.done("vault", "set", "exact", stdin=b"a\r\nb\tc\n\n")
    before = kept(shared_server, "ve-ann")
    for script, status in (
        ("true", 0),
        ('echo lost > "$1"; exit 3', 2),
        ('printf "\\377" > "$1"', 2),
        ('rm "$1"', 2),
        ("kill -9 $$", 2),
    ):
        ended = editor(ann, script).type("vault", "edit", "exact")
        assert (ended.status, ended.out) == (status, ""), (script, ended)
        assert ended.err.count("\n") == (1 if status else 0)
        assert kept(shared_server, "ve-ann") == before
    editor(ann, 'printf "d\\n" >> "$1"').done("vault", "edit", "exact")
    assert kept(shared_server, "ve-ann")["exact"] == "a\r\nb\tc\nd\n"
    # Nothing of it stays on the disk.
    assert list((shell.folder / "tmp").iterdir()) == []


def test_there_is_no_editor(shared_server: Server, shell: Shell) -> None:
    ann = editor(keyed(shared_server, shell.folder, "vn-ann"), "")
    (shell.folder / "an editor").unlink()
    ended = ann.type("vault", "edit", "x")
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "No such file" in ended.err
