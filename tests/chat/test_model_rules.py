"""The rules in the model itself: who inherits a room, who may know of it, how many ids are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatd.chat.model import SENT_IDS_MAX, Account, Member, Room, Sent, SentIds, Session
from chatd.protocol.fields import RoleWord

ROLES = st.lists(st.sampled_from(["owner", "moderator", "member"]))


@given(ROLES)
def test_the_longest_standing_moderator_else_member_inherits(roles: list[RoleWord]) -> None:
    room = Room(1, members={number: Member(role) for number, role in enumerate(roles)})
    if not roles or "owner" in roles:
        assert room.heir() is None
    elif "moderator" in roles:
        assert room.heir() == roles.index("moderator")
    else:
        assert room.heir() == 0


def test_whom_a_room_is_hidden_from() -> None:
    member, outsider, high = (
        Account(1, "a", ""),
        Account(2, "b", ""),
        Account(3, "c", "", level=5),
    )
    room = Room(1, members={1: Member("member")}, level=3)
    assert [room.hidden_from(one) for one in (member, outsider, high)] == [False, True, False]
    room.private = True
    assert [room.hidden_from(one) for one in (member, outsider, high)] == [False, True, True]


def test_only_so_many_send_ids_are_kept_in_memory_even_while_some_are_pending() -> None:
    ids = SentIds(1, complete=True, pending=1)
    for number in range(SENT_IDS_MAX + 1):
        ids.add(str(number), Sent(1, b"", number, 0))
    assert len(ids.known) <= SENT_IDS_MAX
    assert not ids.complete
    assert "0" not in ids.known
    assert str(SENT_IDS_MAX) in ids.known


def test_no_secret_is_shown() -> None:
    account = Account(1, "ann", "$argon2id$secret")
    session = Session(1, "public", 1, 0, 1, 1, "", b"tokenhash")
    assert "secret" not in repr(account)
    assert "tokenhash" not in repr(session)
