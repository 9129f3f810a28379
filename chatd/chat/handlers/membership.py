"""Coming into rooms and leaving them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice

from chatd.protocol import commands, events, replies
from chatd.protocol.declare import Event, Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.fields import RoleWord
from chatd.protocol.wire import write_event
from chatd.security.names import BadName, choose_room_name, room_name

from .. import changes
from ..chat import Chat
from ..model import E2E_MEMBERS_MAX, ERASED, Account, Member, Room
from ..ports import Client
from ..registry import handles

_PAGE = 500


@handles(commands.Join)
def join(chat: Chat, client: Client, request: commands.Join) -> Reply:
    me = chat.me(client)
    room = _existing(chat, request.room)
    if room is None:
        room = _make(chat, request.room)
    if me.id not in room.members:
        _admit(room, me)
        _add(chat, client, room, me)
    else:
        chat.already(room)
    return replies.Joined(room.name, room.last_seq, len(room.members))


@handles(commands.Leave)
def leave(chat: Chat, client: Client, request: commands.Leave) -> Reply:
    me = chat.me(client)
    end_membership(chat, chat.my_room(me, request.room), me, me.name, "")
    return replies.Done()


@handles(commands.Rooms)
async def rooms(chat: Chat, client: Client, request: commands.Rooms) -> AsyncIterator[list[Reply]]:
    me = await chat.asking(lambda: chat.me(client))
    after = 0
    while page := await chat.archive.rooms(me.id, me.level, after, _PAGE):
        yield [replies.RoomItem(r.name, r.members, r.joined, r.topic) for r in page]
        after = page[-1].id


@handles(commands.Who)
async def who(chat: Chat, client: Client, request: commands.Who) -> AsyncIterator[list[Reply]]:
    room = await chat.asking(lambda: chat.my_room(chat.me(client), request.room))
    members = iter(list(room.members.items()))
    while page := list(islice(members, _PAGE)):
        names = await chat.archive.names(account for account, _ in page)
        yield [
            replies.MemberItem(names.get(account, ERASED), member.role, chat.hub.online(account))
            for account, member in page
        ]


def end_membership(chat: Chat, room: Room, account: Account, by: str, reason: str) -> None:
    """Take an account out of a room, tell the room, and see to it that somebody owns it."""
    del room.members[account.id]
    account.rooms.discard(room.id)
    chat.ledger.store(changes.MemberLeft(room.id, account.id), room, account)
    _settle_ownership(chat, room)
    tell(chat, room, events.MemberLeft(room.name, account.name, by, reason))
    chat.ledger.then(chat.hub.unsubscribe, account.id, room.id)


def tell(chat: Chat, room: Room, event: Event, but: Client | None = None) -> None:
    """Send an event to a room's members, in its turn."""
    line = write_event(event)
    chat.ledger.then(chat.hub.to_room, room.id, room.name, room.last_seq + 1, line, but)


def _settle_ownership(chat: Chat, room: Room) -> None:
    if not room.members:
        chat.directory.forget(room)
        chat.ledger.store(changes.RoomGone(room.id))
    elif (heir := room.heir()) is not None:
        room.members[heir].role = "owner"
        chat.ledger.store(changes.RoleSet(room.id, heir, "owner"), room)


def _existing(chat: Chat, raw: str) -> Room | None:
    try:
        return chat.directory.room_named(room_name(raw))
    except BadName as bad:
        raise ChatError(Code.BAD_NAME, str(bad)) from None


def _make(chat: Chat, raw: str) -> Room:
    try:
        name = choose_room_name(raw)
    except BadName as bad:
        raise ChatError(Code.BAD_NAME, str(bad)) from None
    room: Room = chat.directory.admit(Room(chat.ids.conversation(), name=name))
    chat.ledger.store(changes.RoomMade(room.id, name, chat.clock.now_ms()), room)
    return room


def _admit(room: Room, me: Account) -> None:
    if me.id in room.bans:
        raise ChatError(Code.BANNED, "You are banned from this room.")
    if me.level < room.level:
        raise ChatError(Code.FORBIDDEN, f"This room is for level {room.level} and up.")
    if room.private and room.id not in me.invites:
        raise ChatError(Code.FORBIDDEN, "This room is private; ask one of its moderators in.")
    if room.e2e and len(room.members) >= E2E_MEMBERS_MAX:
        raise ChatError(Code.FORBIDDEN, f"This encrypted room is full: {E2E_MEMBERS_MAX} members.")


def _add(chat: Chat, client: Client, room: Room, me: Account) -> None:
    role: RoleWord = "member" if room.members else "owner"
    room.members[me.id] = Member(role)
    me.rooms.add(room.id)
    now_ms = chat.clock.now_ms()
    joined = changes.MemberJoined(room.id, me.id, role, room.last_seq, now_ms)
    chat.ledger.store(joined, room, me)
    if room.id in me.invites:
        me.invites.discard(room.id)
        chat.ledger.store(changes.InviteSet(room.id, me.id, None), me)
    chat.ledger.then(chat.hub.subscribe, me.id, room.id)
    tell(chat, room, events.MemberJoined(room.name, me.name), client)
