"""What is typed after a slash becomes a request."""

from __future__ import annotations

import pytest

from chatctl.app import COMMANDS as SHELL
from chatctl.app import GROUPS
from chatctl.slash import ELSEWHERE, OWN, PLAIN, VERBS, reply_lines, request, usage_of
from chatd.protocol.commands import Block, Invite, Kick, Ping, Role, Set, Topic, Unread, Who
from chatd.protocol.declare import COMMANDS, Reply, Request
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.replies import Done, MemberItem, SessionItem
from chatd.protocol.services import ServiceItem


@pytest.mark.parametrize(
    ("verb", "words", "meant"),
    [
        ("WHO", "", Who("#here")),
        ("WHO", "#there", Who("#there")),
        ("KICK", "bob", Kick("#here", "bob")),
        ("KICK", "bob being | rude", Kick("#here", "bob", "being | rude")),
        ("KICK", "#there bob", Kick("#there", "bob")),
        ("INVITE", "bob", Invite("#here", "bob")),
        ("ROLE", "bob moderator", Role("#here", "bob", "moderator")),
        ("SET", "private=yes level=3", Set("#here", private=True, level=3)),
        ("TOPIC", "a new \\n topic", Topic("#here", "a new \\n topic")),
        ("BLOCK", "bob", Block("bob")),
        ("UNREAD", "", Unread()),
        ("PING", "a b", Ping("a b")),
    ],
)
def test_requests(verb: str, words: str, meant: Request) -> None:
    assert request(verb, words, "#here") == meant


@pytest.mark.parametrize(
    ("verb", "words", "code"),
    [
        ("NONSENSE", "", Code.UNKNOWN_VERB),
        ("PASSWD", "a b", Code.UNKNOWN_VERB),
        ("KICK", "", Code.BAD_FIELD),
        ("ROLE", "bob king", Code.BAD_FIELD),
        ("SET", "", Code.BAD_FIELD),
        ("WHO", "", Code.BAD_FIELD),
        ("WHO", "x y z", Code.BAD_FIELD),
        ("SERVE", "dice 0 sides Rolls", Code.UNKNOWN_VERB),
    ],
)
def test_refused(verb: str, words: str, code: Code) -> None:
    with pytest.raises(ChatError) as caught:
        request(verb, words, None if verb == "WHO" else "#here")
    assert caught.value.code is code


def test_no_secret_can_be_typed() -> None:
    kinds = [field.kind for command in PLAIN.values() for field in command.shape.fields]
    assert not any(kind.secret for kind in kinds)
    assert {"AUTH", "LOGOUT", "ERASE", "REGISTER"} & set(VERBS) == set()


def test_what_is_done_elsewhere_is_told() -> None:
    assert {*VERBS, *ELSEWHERE} == {*COMMANDS, "PLAIN", "SWITCH"}
    assert {*VERBS} & {*ELSEWHERE} == set()
    listed = [function.__name__ for heading in SHELL.values() for function in heading]
    commands = {name.rstrip("_") for name in (*listed, *GROUPS)}
    assert {words.split()[0] for words in ELSEWHERE.values()} - commands == set()
    with pytest.raises(ChatError, match=r"at the shell: chatctl serve$"):
        usage_of("ANSWER")


def test_what_is_too_much_is_told_in_the_screens_own_words() -> None:
    with pytest.raises(ChatError, match=r"one word too many; type /who #room$"):
        request("WHO", "x y z", "#here")


def test_each_verb_is_explained() -> None:
    assert {*OWN, *PLAIN} == set(VERBS)
    assert [verb for verb in VERBS if not usage_of(verb).startswith(f"/{verb.lower()}")] == []
    assert usage_of("KICK").startswith("/kick #room user [reason]: End a person's membership")
    assert usage_of("QUIT") == "/quit: Leave the screen; so does Ctrl-D."


def test_replies_are_rows() -> None:
    members: list[Reply] = [MemberItem("al", "owner", True), MemberItem("b\x1b", "member", False)]
    assert reply_lines(members) == ["al  owner   online", "b␛  member  offline"]
    assert reply_lines([Done()]) == [""]
    service = ServiceItem("time", 0, "", "", "The time.")
    assert reply_lines([service]) == ["time  0  (built in)    The time."]
    session = SessionItem("id", "no time\x07", "2026-11-21T04:05:06.789Z", "", True)
    [line] = reply_lines([session])
    assert line.startswith("id  no time␇  2026-11-2")
