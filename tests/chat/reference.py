"""The rules of the contract once more, as plainly as can be: what one request after the other does.

`State` is everything there is. A request changes it and tells its outcome: the fields of the reply
after the verb (None: any), and who is told what. No batches, no failures, no time: those are the
machine's affair (test_model.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chat.readable import Readable
from tests.chat.records import Message, Outcome, Refused, Room, Told, pair

JWE = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVydGV4dA.dGFn"
RANKS = ["member", "moderator", "owner"]


@dataclass
class State(Readable):
    """All there is. `users` are the connections that are logged in, with user and token."""

    erased: dict[str, bool] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    users: dict[int, tuple[str, str]] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    directs: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: dict[tuple[str, int], int] = field(default_factory=dict)
    invites: dict[tuple[str, str], str] = field(default_factory=dict)  # by whom
    blocks: set[tuple[str, str]] = field(default_factory=set)
    sent: dict[tuple[str, str], tuple[int, str, int]] = field(default_factory=dict)
    messages: dict[int, tuple[int, str]] = field(default_factory=dict)  # stored: where, by whom
    vaults: dict[str, tuple[int, str]] = field(default_factory=dict)  # version and blob

    def carry_out(self, connection: int, fields: list[str], new: Message) -> Outcome:
        """One request. `new` is the message to post, and gives the number of anything new."""
        if connection not in self.users:
            return Outcome(["FAILURE", "NOT_AUTHENTICATED", None])
        verb, *arguments = fields
        me = self.users[connection][0]
        method: Callable[..., Outcome] = getattr(self, f"do_{verb.lower()}")
        try:
            if verb in ("MSG", "SEND"):
                return method(connection, me, new, *arguments)
            return method(connection, me, new.number, *arguments)
        except Refused as refused:
            return Outcome(["FAILURE", str(refused), None])

    # Whom and what a request is about.

    def room(self, me: str, name: str) -> Room:
        """A room that one is in."""
        room = self.rooms.get(name)
        if room is None or (room.private and me not in room.members):
            raise Refused("NO_SUCH_ROOM")
        if me not in room.members:
            raise Refused("NOT_MEMBER")
        return room

    def led(self, me: str, name: str, least: str) -> Room:
        """A room in which one has a role."""
        room = self.room(me, name)
        if RANKS.index(room.members[me]) < RANKS.index(least):
            raise Refused("FORBIDDEN")
        return room

    def person(self, name: str) -> str:
        """Somebody who has an account."""
        if self.erased.get(name, True):
            raise Refused("NO_SUCH_USER")
        return name

    def conversation(self, me: str, target: str) -> int | None:
        """A conversation that one may read; None where nothing was said yet."""
        if target.startswith("#"):
            return self.room(me, target).id
        if target not in self.erased:
            raise Refused("NO_SUCH_USER")
        found = self.directs.get(pair(me, target))
        return found if found is not None or self.person(target) else None

    def of(self, *users: str, but: int | None = None) -> frozenset[int]:
        """The connections of users."""
        return frozenset(c for c, (user, _) in self.users.items() if user in users and c != but)

    # The commands.

    def do_join(self, connection: int, me: str, number: int, name: str) -> Outcome:
        room = self.rooms.get(name) or Room(number)
        told = []
        if me not in room.members:
            if me in room.bans:
                raise Refused("BANNED")
            if room.private and (me, name) not in self.invites:
                raise Refused("FORBIDDEN")
            room.members[me] = "member" if room.members else "owner"
            self.rooms[name] = room
            self.invites.pop((me, name), None)
            self.seen[me, room.id] = number
            line = f"*JOINED|{name}|{me}"
            told = [Told(self.of(*room.members, but=connection), name, line)]
        return Outcome(["SUCCESS", name, None, str(len(room.members))], told)

    def do_leave(self, connection: int, me: str, number: int, name: str) -> Outcome:
        self.room(me, name)
        return Outcome(["SUCCESS"], [self.out(name, me, me, "")])

    def out(self, name: str, user: str, by: str, reason: str) -> Told:
        """End a membership."""
        room = self.rooms[name]
        told = Told(self.of(*room.members), name, f"*LEFT|{name}|{user}|{by}|{reason}")
        del room.members[user]
        del self.seen[user, room.id]
        if not room.members:
            del self.rooms[name]
            self.invites = {key: by for key, by in self.invites.items() if key[1] != name}
            self.messages = {n: m for n, m in self.messages.items() if m[0] != room.id}
        elif "owner" not in room.members.values():
            led = [user for user, role in room.members.items() if role == "moderator"]
            room.members[(led or list(room.members))[0]] = "owner"
        return told

    def do_msg(self, connection: int, me: str, new: Message, target: str, text: str) -> Outcome:
        told: list[Told] = []
        if target.startswith("#"):
            room = self.room(me, target)
            if room.e2e and text != JWE:
                raise Refused("NOT_ENCRYPTED")
            new.conversation, new.stored = room.id, room.history
            told.append(Told(self.of(*room.members, but=connection), target, message=new.number))
        else:
            other = self.person(target)
            if (other, me) in self.blocks:
                raise Refused("BLOCKED")
            new.conversation = self.directs.setdefault(pair(me, other), new.number)
            told.append(Told(self.of(other, but=connection), me, message=new.number))
            if other != me:
                told.append(Told(self.of(me, but=connection), other, message=new.number))
        new.sender, new.text = me, text
        if new.stored:
            self.messages[new.number] = new.conversation, me
        return Outcome(["SUCCESS", None, None], told, new.number)

    def do_send(
        self, connection: int, me: str, new: Message, target: str, id_: str, text: str
    ) -> Outcome:
        if (me, id_) not in self.sent:
            outcome = self.do_msg(connection, me, new, target, text)
            self.sent[me, id_] = new.conversation, text, new.number
            return outcome
        conversation, before, number = self.sent[me, id_]
        room = self.rooms.get(target)
        found = room.id if room is not None else self.directs.get(pair(me, target))
        if (found, text) != (conversation, before):
            raise Refused("CONFLICT")
        return Outcome(["SUCCESS", None, None], message=number)

    def do_topic(self, connection: int, me: str, number: int, name: str, text: str) -> Outcome:
        room = self.led(me, name, "moderator")
        room.topic = text
        told = Told(self.of(*room.members), name, f"*TOPIC|{name}|{me}|{text}")
        return Outcome(["SUCCESS"], [told])

    def do_set(self, connection: int, me: str, number: int, name: str, setting: str) -> Outcome:
        room = self.led(me, name, "owner")
        key, _, value = setting.partition("=")
        setattr(room, key, value == "yes")
        return Outcome(["SUCCESS"])

    def do_invite(self, connection: int, me: str, number: int, name: str, user: str) -> Outcome:
        room = self.led(me, name, "moderator")
        guest = self.person(user)
        if (guest, me) in self.blocks:
            raise Refused("BLOCKED")
        told = []
        if guest not in room.members and (guest, name) not in self.invites:
            self.invites[guest, name] = me
            told = [Told(self.of(guest), "", f"*INVITED|{name}|{me}")]
        return Outcome(["SUCCESS"], told)

    def over(self, me: str, room: Room, user: str) -> None:
        """Moderators act on members and outsiders, owners also on moderators."""
        role = room.members.get(self.person(user), "")
        if role and RANKS.index(role) >= RANKS.index(room.members[me]):
            raise Refused("FORBIDDEN")

    def do_kick(self, connection: int, me: str, number: int, name: str, user: str) -> Outcome:
        room = self.led(me, name, "moderator")
        self.over(me, room, user)
        if user not in room.members:
            raise Refused("NOT_MEMBER")
        return Outcome(["SUCCESS"], [self.out(name, user, me, "")])

    def do_ban(self, connection: int, me: str, number: int, name: str, user: str) -> Outcome:
        room = self.led(me, name, "moderator")
        self.over(me, room, user)
        room.bans.add(user)
        told = [self.out(name, user, me, "banned")] if user in room.members else []
        return Outcome(["SUCCESS"], told)

    def do_unban(self, connection: int, me: str, number: int, name: str, user: str) -> Outcome:
        self.led(me, name, "moderator").bans.discard(self.person(user))
        return Outcome(["SUCCESS"])

    def do_role(
        self, connection: int, me: str, number: int, name: str, user: str, role: str
    ) -> Outcome:
        room = self.led(me, name, "owner")
        if self.person(user) not in room.members:
            raise Refused("NOT_MEMBER")
        owners = [one for one, held in room.members.items() if held == "owner"]
        if owners == [user] and role != "owner":
            raise Refused("FORBIDDEN")
        room.members[user] = role
        return Outcome(["SUCCESS"])

    def do_block(self, connection: int, me: str, number: int, user: str) -> Outcome:
        if self.person(user) == me:
            raise Refused("FORBIDDEN")
        self.blocks.add((me, user))
        return Outcome(["SUCCESS"])

    def do_unblock(self, connection: int, me: str, number: int, user: str) -> Outcome:
        self.blocks.discard((me, self.person(user)))
        return Outcome(["SUCCESS"])

    def do_store(self, connection: int, me: str, number: int, version: str, blob: str) -> Outcome:
        current = self.vaults.get(me, (0, ""))[0]
        if current != int(version):
            raise Refused("CONFLICT")
        self.vaults[me] = current + 1, blob
        return Outcome(["SUCCESS", str(current + 1)])

    def do_logout(self, connection: int, me: str, number: int) -> Outcome:
        _, token = self.users.pop(connection)
        del self.tokens[token]
        return Outcome(["SUCCESS"])

    def do_passwd(self, connection: int, me: str, number: int, old: str, new: str) -> Outcome:
        if self.secrets[me] != old:
            raise Refused("DENIED")
        self.secrets[me] = new
        kept = self.users[connection][1]
        self.tokens = {t: user for t, user in self.tokens.items() if user != me or t == kept}
        return Outcome(["SUCCESS"])

    def do_erase(self, connection: int, me: str, number: int, secret: str) -> Outcome:
        if self.secrets[me] != secret:
            raise Refused("DENIED")
        mine = [name for name, room in self.rooms.items() if me in room.members]
        told = [self.out(name, me, me, "") for name in mine]
        self.erased[me] = True
        self.vaults.pop(me, None)
        self.tokens = {token: user for token, user in self.tokens.items() if user != me}
        self.blocks = {both for both in self.blocks if me not in both}
        self.invites = {key: by for key, by in self.invites.items() if key[0] != me}
        self.sent = {key: sent for key, sent in self.sent.items() if key[0] != me}
        for room in self.rooms.values():
            room.bans.discard(me)
        del self.users[connection]
        return Outcome(["SUCCESS"], told)

    def do_seen(self, connection: int, me: str, number: int, target: str, upto: str) -> Outcome:
        """`upto` is a message's number."""
        conversation = self.conversation(me, target)
        if conversation is not None:
            key = me, conversation
            self.seen[key] = max(self.seen.get(key, 0), int(upto))
        return Outcome(["SUCCESS"])
