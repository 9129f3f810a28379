"""Keeping order in a room, its settings, and whom one does not want to hear from."""

from __future__ import annotations

from chatd.protocol import commands, events, replies, sealed
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.fields import RoleWord
from chatd.protocol.wire import write_event

from .. import changes
from ..chat import Chat
from ..model import E2E_MEMBERS_MAX, RANK, Account, Room
from ..ports import Client
from ..registry import handles
from .membership import end_membership, tell


@handles(commands.Topic)
def topic(chat: Chat, client: Client, request: commands.Topic) -> Reply:
    me, room = _with_role(chat, client, request.room, "moderator")
    room.topic = request.text
    _store_settings(chat, room)
    tell(chat, room, events.TopicSet(room.name, me.name, room.topic))
    return replies.Done()


@handles(commands.Set)
def set_(chat: Chat, client: Client, request: commands.Set) -> Reply:
    _, room = _with_role(chat, client, request.room, "owner")
    if request.e2e and len(room.members) > E2E_MEMBERS_MAX:
        why = f"An encrypted room has at most {E2E_MEMBERS_MAX} members; this one has more."
        raise ChatError(Code.FORBIDDEN, why)
    if request.private is not None:
        room.private = request.private
    if request.history is not None:
        room.history = request.history
    if request.level is not None:
        room.level = request.level
    if request.e2e is not None:
        room.e2e = request.e2e
    _store_settings(chat, room)
    return replies.Done()


@handles(sealed.Settings)
def settings(chat: Chat, client: Client, request: sealed.Settings) -> list[Reply]:
    room = chat.room(chat.me(client), request.room)
    told = {
        "private": _yes_no(room.private),
        "history": _yes_no(room.history),
        "level": str(room.level),
        "e2e": _yes_no(room.e2e),
    }
    return [replies.SettingItem(name, value) for name, value in told.items()]


@handles(commands.Invite)
def invite(chat: Chat, client: Client, request: commands.Invite) -> Reply:
    me, room = _with_role(chat, client, request.room, "moderator")
    guest = chat.person(request.user)
    if me.id in guest.blocked:
        raise ChatError(Code.BLOCKED, f"{guest.name} does not want to hear from you.")
    if guest.id not in room.members and room.id not in guest.invites:
        guest.invites.add(room.id)
        chat.ledger.store(changes.InviteSet(room.id, guest.id, me.id), guest)
        line = write_event(events.Invited(room.name, me.name))
        chat.ledger.then(chat.hub.to_account, guest.id, "", 0, line)
    else:
        chat.already(room, guest)
    return replies.Done()


@handles(commands.Kick)
def kick(chat: Chat, client: Client, request: commands.Kick) -> Reply:
    me, room = _with_role(chat, client, request.room, "moderator")
    member = chat.person(request.user)
    _over(me, member, room)
    if member.id not in room.members:
        raise ChatError(Code.NOT_MEMBER, f"{member.name} is not in the room.")
    end_membership(chat, room, member, me.name, request.reason)
    return replies.Done()


@handles(commands.Ban)
def ban(chat: Chat, client: Client, request: commands.Ban) -> Reply:
    me, room = _with_role(chat, client, request.room, "moderator")
    person = chat.person(request.user)
    _over(me, person, room)
    if person.id not in room.bans:
        room.bans.add(person.id)
        chat.ledger.store(changes.BanSet(room.id, person.id, True), room)
    else:
        chat.already(room)
    if person.id in room.members:
        end_membership(chat, room, person, me.name, "banned")
    return replies.Done()


@handles(commands.Unban)
def unban(chat: Chat, client: Client, request: commands.Unban) -> Reply:
    _, room = _with_role(chat, client, request.room, "moderator")
    person = chat.person(request.user)
    if person.id in room.bans:
        room.bans.discard(person.id)
        chat.ledger.store(changes.BanSet(room.id, person.id, False), room)
    else:
        chat.already(room)
    return replies.Done()


@handles(commands.Role)
def role(chat: Chat, client: Client, request: commands.Role) -> Reply:
    _, room = _with_role(chat, client, request.room, "owner")
    person = chat.person(request.user)
    member = room.members.get(person.id)
    if member is None:
        raise ChatError(Code.NOT_MEMBER, f"{person.name} is not in the room.")
    owners = sum(other.role == "owner" for other in room.members.values())
    if member.role == "owner" and request.role != "owner" and owners == 1:
        raise ChatError(Code.FORBIDDEN, "A room needs an owner; make somebody else owner first.")
    member.role = request.role
    chat.ledger.store(changes.RoleSet(room.id, person.id, request.role), room)
    return replies.Done()


@handles(commands.Block)
def block(chat: Chat, client: Client, request: commands.Block) -> Reply:
    me, other = chat.me(client), chat.person(request.user)
    if me is other:
        raise ChatError(Code.FORBIDDEN, "You cannot block yourself.")
    if other.id not in me.blocked:
        me.blocked.add(other.id)
        chat.ledger.store(changes.BlockSet(me.id, other.id, True), me)
    else:
        chat.already(me)
    return replies.Done()


@handles(commands.Unblock)
def unblock(chat: Chat, client: Client, request: commands.Unblock) -> Reply:
    me, other = chat.me(client), chat.person(request.user)
    if other.id in me.blocked:
        me.blocked.discard(other.id)
        chat.ledger.store(changes.BlockSet(me.id, other.id, False), me)
    else:
        chat.already(me)
    return replies.Done()


def _with_role(chat: Chat, client: Client, raw: str, least: RoleWord) -> tuple[Account, Room]:
    me = chat.me(client)
    room = chat.my_room(me, raw)
    if RANK[room.members[me.id].role] < RANK[least]:
        raise ChatError(Code.FORBIDDEN, f"Only a room's {least} may do this.")
    return me, room


def _over(me: Account, other: Account, room: Room) -> None:
    """Moderators act on members and outsiders, owners also on moderators."""
    member = room.members.get(other.id)
    if member is not None and RANK[member.role] >= RANK[room.members[me.id].role]:
        raise ChatError(Code.FORBIDDEN, f"You may not do this to a room's {member.role}.")


def _store_settings(chat: Chat, room: Room) -> None:
    chat.ledger.store(
        changes.RoomSet(room.id, room.topic, room.private, room.history, room.level, room.e2e),
        room,
    )


def _yes_no(on: bool) -> str:
    return "yes" if on else "no"
