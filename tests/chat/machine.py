"""The machine that drives a server and the reference (reference.py) side by side.

`disk` is the reference at what is stored, `mem` at what was judged; between the two lie `ops`. When
a commit succeeds they are carried out on `disk` too, one after the other, which tells what everyone
must have been sent; when it fails they are dropped. Whatever the server did must be just that.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.chat.harness import SECRET, Client
from tests.chat.loop import Loop
from tests.chat.mail import Mail, Op
from tests.chat.records import Message
from tests.chat.reference import JWE, State

USERS, ROOMS = ["ann", "ben", "cat"], ["#x", "#y"]
OTHER_SECRET = "staple the horse battery"
users, rooms, ids = st.sampled_from(USERS), st.sampled_from(ROOMS), st.sampled_from(["i1", "i2"])
targets, texts = st.sampled_from(ROOMS + USERS), st.sampled_from(["hi", "ho", JWE])
ROLES = ["owner", "moderator", "member"]
OPTIONS = ["private=yes", "private=no", "history=yes", "history=no", "e2e=yes", "e2e=no"]
versions = st.sampled_from(["0", "1", "2"])
roles, options = st.sampled_from(ROLES), st.sampled_from(OPTIONS)
CONNECTIONS_MAX = 6
HAPPENINGS = {"hold": 9, "commit_now": 6, "commit_fails": 3, "forget": 2, "crash": 1, "vanish": 1}
HAPPENINGS |= {"log_in": 4, "resume": 2, "change_password": 1, "erase": 1}
ALL_HAPPENINGS = [name for name, often in HAPPENINGS.items() for _ in range(often)]
happenings = st.sampled_from(ALL_HAPPENINGS)
who = st.integers(0, 7)  # which of the connections
REQUESTS = st.one_of(
    st.tuples(st.just("JOIN"), rooms),
    st.tuples(st.just("LEAVE"), rooms),
    st.tuples(st.just("TOPIC"), rooms, texts),
    st.tuples(st.just("SET"), rooms, options),
    st.tuples(st.sampled_from(["INVITE", "KICK", "BAN", "UNBAN"]), rooms, users),
    st.tuples(st.just("ROLE"), rooms, users, roles),
    st.tuples(st.sampled_from(["BLOCK", "UNBLOCK"]), users),
    st.tuples(st.just("STORE"), versions, texts),
    st.tuples(st.just("LOGOUT")),
)
TALK = st.one_of(
    st.tuples(st.just("MSG"), targets, texts), st.tuples(st.just("SEND"), targets, ids, texts)
)


class Core(RuleBasedStateMachine):
    """A server, its clients, and what both must come to."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.loop = Loop(
            Path(self.folder.name), objects_max=20, seqs_reserved=3, failures_free=1_000
        )
        self.disk, self.mem = State(), State()
        self.messages: dict[int, Message] = {}
        self.mail = Mail(self.messages)
        self.ops: list[Op] = []
        self.held = False
        self.numbers = count(1)

    def teardown(self) -> None:
        self.loop.close()
        self.folder.cleanup()

    @initialize()
    def people(self) -> None:
        """All have accounts and connections, the first has two; the first three are in #x."""
        for user in USERS:
            self.loop.register(user)
            self.mem.erased[user], self.mem.secrets[user] = False, SECRET
            self.disk = deepcopy(self.mem)
        for number in range(4):
            self.log_in(number)
        for connection in list(self.mail.clients)[:3]:
            self.carry_out(connection, ["JOIN", "#x"])

    def pick(self, number: int) -> int | None:
        """One of the connections that are there."""
        there = sorted(self.mail.clients)
        return there[number % len(there)] if there else None

    @rule(number=who, request=REQUESTS)
    def request(self, number: int, request: tuple[str, ...]) -> None:
        connection = self.pick(number)
        if connection is not None:
            self.carry_out(connection, list(request))

    @rule(number=who, request=TALK)
    def talk(self, number: int, request: tuple[str, ...]) -> None:
        self.request(number, request)

    @rule(number=who, about=targets, which=st.integers(0, 9))
    def see(self, number: int, about: str, which: int) -> None:
        connection = self.pick(number)
        if connection is None or connection not in self.mem.users or self.waiting(connection):
            return
        id_ = self.conversation_of(connection, about)
        known = [m for m in self.messages.values() if m.conversation == id_ and m.seq is not None]
        if known:
            message = known[which % len(known)]
            line = f"SEEN|{about}|{message.seq}"
            self.carry_out(connection, ["SEEN", about, str(message.number)], line)

    def change_password(self, number: int) -> None:
        connection = self.pick(number)
        if connection is not None and not self.held:
            old, new = (SECRET, OTHER_SECRET) if number % 2 else (OTHER_SECRET, SECRET)
            self.carry_out(connection, ["PASSWD", old, new])

    def erase(self, number: int) -> None:
        """The last one's account goes; the others stay."""
        mine = [c for c, (user, _) in self.mem.users.items() if user == USERS[-1]]
        if mine and not self.held:
            self.carry_out(mine[0], ["ERASE", SECRET if number % 2 else OTHER_SECRET])

    @rule(what=happenings, number=who)
    def happen(self, what: str, number: int) -> None:
        getattr(self, what)(number)

    def carry_out(self, connection: int, fields: list[str], line: str = "") -> None:
        """Send a request, and judge it in `mem`."""
        op = Op(connection, fields, Message(next(self.numbers), 0, "", "", stored=True))
        before, trial = deepcopy(self.mem), deepcopy(self.disk)
        op.outcome = self.mem.carry_out(connection, fields, op.message)
        stored_too = trial.carry_out(connection, fields, deepcopy(op.message)).reply
        rests_on_disk = stored_too == op.outcome.reply and trial == self.disk
        refused = op.outcome.reply[0] == "FAILURE"
        op.at_once = not self.waiting(connection) and (
            refused or (self.mem == before and rests_on_disk)
        )
        op.must_fail = not refused and not rests_on_disk
        self.messages[op.message.number] = op.message
        self.ops.append(op)
        self.mail.expected[connection].append(op)
        self.mail.clients[connection].send(line or "|".join(fields))
        self.settle()

    def waiting(self, connection: int) -> bool:
        """Whether the connection has requests that are not answered."""
        return any(op.connection == connection for op in self.ops)

    def settle(self) -> None:
        """Compare with what has come."""
        self.loop.rest()
        self.mail.collect()
        if not self.loop.held:
            self.commit()
            return
        for op in list(self.mail.answered):
            self.ops.remove(op)
            if op.at_once:
                continue  # nothing has changed
            assert op.outcome.message == op.message.number and not op.message.stored, op
            assert self.disk.carry_out(op.connection, op.fields, op.message) == op.outcome, op
            self.mail.expect(op.outcome)
        self.mail.check()

    def commit(self) -> None:
        """All that was judged is stored."""
        for op in self.ops:
            outcome = self.disk.carry_out(op.connection, op.fields, op.message)
            assert (outcome.reply, outcome.message) == (op.outcome.reply, op.outcome.message), op
            self.mail.expect(outcome)
        for connection, (_, token) in self.disk.users.items():
            if token not in self.disk.tokens and connection in self.mail.clients:
                self.mail.ended(connection)
                self.mail.drop(connection)
        self.mail.check(all_answered=True)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Nothing is on its way; who has gone is gone."""
        self.ops.clear()
        there = self.mail.clients
        self.disk.users = {c: user for c, user in self.disk.users.items() if c in there}
        self.mem = deepcopy(self.disk)

    # Commits.

    def hold(self, number: int) -> None:
        self.held = True
        self.loop.hold()

    def commit_now(self, number: int) -> None:
        self.held = False
        self.loop.let_go()
        self.settle()

    def commit_fails(self, number: int) -> None:
        if not self.loop.held:
            return
        self.held = False
        self.loop.fail()
        self.mail.collect(failed=True)
        self.mail.check(all_answered=True)
        for op in self.ops:
            del self.messages[op.message.number]
        self.begin_anew()

    def forget(self, number: int) -> None:
        if not self.held:
            self.loop.forget()

    def crash(self, number: int) -> None:
        self.held = False
        for connection in list(self.mail.clients):
            self.mail.drop(connection)
        kept = {key: s for key, s in self.disk.sent.items() if self.messages[s[2]].stored}
        self.disk.sent = kept
        self.begin_anew()
        self.loop.restart()

    # Connections.

    def log_in(self, number: int) -> None:
        user = USERS[number % len(USERS)]
        if self.held or len(self.mail.clients) >= CONNECTIONS_MAX:
            return
        client = self.loop.connect()
        line = f"AUTH|{user}|{self.disk.secrets[user]}"
        first, *rest = self.loop.ask(client, line)
        if self.disk.erased[user]:
            assert first.startswith("AUTH|FAILURE|DENIED|")
        else:
            client.token = first.removeprefix("AUTH|SUCCESS|")
            self.disk.tokens[client.token] = user
            self.attach(client, user, rest)

    def resume(self, number: int) -> None:
        if self.held or len(self.mail.clients) >= CONNECTIONS_MAX or not self.disk.tokens:
            return
        token = list(self.disk.tokens)[number % len(self.disk.tokens)]
        client = self.loop.connect()
        client.token, user = token, self.disk.tokens[token]
        first, *rest = self.loop.ask(client, f"RESUME|{token}")
        assert first == f"RESUME|SUCCESS|{user}"
        self.attach(client, user, rest)

    def attach(self, client: Client, user: str, welcome: list[str]) -> None:
        """Somebody has logged in, and was told what they had missed."""
        unread = [line.split("|")[1:] for line in welcome if line.startswith("*UNREAD|")]
        self.mail.check_unread(unread, self.disk.unread(user))
        invites = [f"*INVITED|{r}|{by}" for (u, r), by in self.disk.invites.items() if u == user]
        assert sorted(welcome[len(unread) :]) == sorted(invites)
        connection = next(self.numbers)
        self.mail.add(connection, client)
        self.disk.users[connection] = user, client.token
        self.mem = deepcopy(self.disk)

    def vanish(self, number: int) -> None:
        connection = self.pick(number)
        if connection is not None:
            self.loop.vanish(self.mail.clients[connection])
            self.mail.drop(connection)
            if not self.ops:
                self.begin_anew()

    # Reading.

    def conversation_of(self, connection: int, target: str) -> int | None:
        user = self.mem.users[connection][0]
        if target.startswith("#"):
            room = self.mem.rooms.get(target)
            return room.id if room is not None and user in room.members else None
        return self.mem.directs.get((min(user, target), max(user, target)))

    @rule(number=who, about=targets)
    def read(self, number: int, about: str) -> None:
        connection = self.pick(number)
        if connection is None or connection not in self.mem.users or self.waiting(connection):
            return
        user = self.mem.users[connection][0]
        assert self.loop.items(self.mail.clients[connection], "ROOMS") == self.disk.listed(user)
        unread = self.loop.items(self.mail.clients[connection], "UNREAD")
        self.mail.check_unread(unread, self.disk.unread(user))
        version, blob = self.disk.vaults.get(user, (0, ""))
        vault = self.loop.ask(self.mail.clients[connection], "VAULT")
        assert vault == [f"VAULT|SUCCESS|{version}|{blob}"]
        id_ = self.conversation_of(connection, about)
        if id_ is not None:
            said = self.disk.said(id_)
            rows = self.loop.items(self.mail.clients[connection], f"HISTORY|{about}")
            self.mail.check_history(rows, said, self.disk)
            if about in self.mem.rooms:
                rows = self.loop.items(self.mail.clients[connection], f"WHO|{about}")
                users = self.disk.users  # who has logged out is online until that is stored
                online = {user for c, (user, _) in users.items() if c in self.mail.clients}
                assert rows == self.mem.who(about, online)
