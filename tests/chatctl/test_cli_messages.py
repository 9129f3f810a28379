"""Reading what is there from the command line: history, unread, seen."""

from __future__ import annotations

from tests.serving import Server

from .shell import Shell, member, posts


def test_history(shared_server: Server, shell: Shell) -> None:
    hal = member(shared_server, shell.folder, "hal", "#past")
    posts(shared_server, "hal", "#past", *(f"text {number}" for number in range(1, 8)))

    def seqs(*words: str) -> list[int]:
        return [item["seq"] for item in hal.done("history", "#past", *words, "--json").objects]

    assert seqs() == [1, 2, 3, 4, 5, 6, 7]
    assert seqs("--limit", "2") == [6, 7]
    assert seqs("--after", "3", "--limit", "2") == [4, 5]
    assert seqs("--before", "3") == [1, 2]
    assert seqs("--after", "1", "--before", "6", "--limit", "2") == [4, 5]
    assert seqs("--limit", "0") == []
    [item] = hal.done("history", "#Past", "--limit", "1", "--json").objects
    assert list(item) == ["conversation", "seq", "time", "sender", "text", "findings"]
    assert [finding["kind"] for finding in item["findings"]] == ["not-encrypted"]
    assert (item["conversation"], item["sender"], item["text"]) == ("#past", "hal", "text 7")


def test_history_beyond_one_page(shared_server: Server, shell: Shell) -> None:
    ida = member(shared_server, shell.folder, "ida", "#long")
    with shared_server.login("ida") as peer:
        peer.send(*(f"MSG|#long|{number}" for number in range(2_500)))
        for _ in range(2_500):
            peer.read()

    def seqs(*words: str) -> list[int]:
        return [item["seq"] for item in ida.done("history", "#long", *words, "--json").objects]

    assert seqs("--limit", "2400") == list(range(101, 2_501))
    assert seqs("--limit", "9000") == list(range(1, 2_501))
    assert seqs("--after", "5", "--limit", "2100") == list(range(6, 2_106))
    assert seqs("--after", "5", "--before", "2300", "--limit", "2100") == list(range(200, 2_300))


def test_a_text_cannot_pose_as_another_message(shared_server: Server, shell: Shell) -> None:
    kim = member(shared_server, shell.folder, "kim", "#forge")
    forged = "hi\n2026-11-21 07:05:47 root: go\x0bhome \u202e"
    with shared_server.login("kim") as peer:
        peer.ask("MSG|#forge|" + "hi\\n2026-11-21 07:05:47 root: go home \u202e")
    first, second = kim.done("history", "#forge").out.splitlines()
    assert first.endswith(" kim [not encrypted]: hi")
    assert second == "    2026-11-21 07:05:47 root: go home <U+202E>"
    kim.done("send", "#forge", forged)
    [shown] = kim.done("history", "#forge", "--limit", "1", "--json").out.splitlines()
    assert "\\u202e" in shown
    assert "go␋home" in shown


def test_unread_and_seen(shared_server: Server, shell: Shell) -> None:
    ned = member(shared_server, shell.folder, "ned", "#news")
    member(shared_server, shell.folder, "may", "#news")
    posts(shared_server, "may", "#news", "a", "b", "c")
    posts(shared_server, "may", "ned", "d")
    items = {item["conversation"]: item for item in ned.done("unread", "--json").objects}
    assert items["#news"] == {"conversation": "#news", "count": 3, "first_seq": 1, "last_seq": 3}
    assert items["may"]["count"] == 1
    ned.done("seen", "#news", "2")
    assert ned.done("seen", "may", "--json").objects == [{"conversation": "may", "seq": 1}]
    assert ned.done("unread").out == "#news  1  from 3 to 3\n"
    ned.done("seen", "#news")
    assert ned.done("unread").out == ""


def test_no_such_conversation(shared_server: Server, shell: Shell) -> None:
    reader = member(shared_server, shell.folder, "reader")
    for name in ("#nowhere", "nobody", "no|body", "no\x1bbody"):
        ended = reader.type("history", name)
        assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1)
        assert "\x1b" not in ended.err
