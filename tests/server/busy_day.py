"""A busy day of two dozen users at a real server: what they do, and a pause at noon for a copy.

In the morning all arrive, make friends and rooms, and talk; in the afternoon passwords are changed,
keys rotated, people banned, accounts erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import trio

from chatctl.client import connect
from chatd.protocol import base64url, sealed
from chatd.protocol import commands as c
from chatd.protocol import kdf as kdfs
from chatd.protocol.declare import Request
from tests.dialogs.devices import one_time_ids, private, public
from tests.serving import Server

from .busy_people import Keyed, Plain, Words, deriving

P = TypeVar("P")

KEYED = (
    "Quetzalcoatlus Archaeopteryx ichthyosaurus triceratops stegosaurus brachiosaurus velociraptor"
    " iguanodontid megalosaurus plesiosaurus dimetrodon pterodactyl ankylosaurus compsognathus"
).split()
PLAIN = (
    "Giganotosaurus parasaurolophus therizinosaurus carcharodontosaur größenwahnsaurier"
    " жар-птица-огненная spinosaurus allosaurus99 deinonychus ceratosaurus"
).split()

INVITED = ("tyrannosaurus-mcintyre", "muttaburrasaurus-meg")

PUBLIC, PRIVATE, SEALED = "#pterosaur-watchers", "#fossil-smugglers", "#trilobite-whispers"
FLEETING, DOOMED = "#mayfly-chatter", "#meteorite-landing"
LONG_CHARACTERS = 30_000
LONG_TEXTS = 24
"""So many that messages move from the journal into chunks, and from the log into the database."""


@dataclass
class Day:
    """The server and all who came."""

    server: Server
    ask_for_codes: Callable[[], None]
    words: Words = field(default_factory=Words)
    keyed: list[Keyed] = field(default_factory=list)
    plain: list[Plain] = field(default_factory=list)

    async def live(self, noon: Callable[[], None]) -> None:
        """All of it; `noon` is called in the middle. All connections are closed at its end."""
        async with AsyncExitStack() as stack:
            for typed in KEYED:
                client = await stack.enter_async_context(
                    connect(self.server.address, reconnect=False)
                )
                self.keyed.append(Keyed(typed, self.words, client))
            await self._morning()
            self._settle()
            noon()
            await self._afternoon()
            self._settle()
        self.server.part()

    def _settle(self) -> None:
        for person in self.keyed:
            person.settle()

    async def _morning(self) -> None:
        await self._arrive()
        await self._make_friends()
        self._enrol()
        self._meet()
        await self._meet_sealed()
        await self._chat()
        self._tell_long_stories()

    async def _arrive(self) -> None:
        self.words.salts |= _known_to_all(self.keyed[0].client.hello.server_key_fingerprint)
        limiter = deriving()
        async with trio.open_nursery() as nursery:
            for person in self.keyed:
                nursery.start_soon(person.arrive, limiter)
        self.plain += [Plain.arriving(self.server, typed, self.words) for typed in PLAIN]

    def _enrol(self) -> None:
        """Somebody was invited and comes with a device; somebody else has not come yet."""
        name, other = (self.words.name(invited, "who is invited") for invited in INVITED)
        said = [self.server.command_line("invite", one, "--level", "2") for one in (name, other)]
        one_time_id, waiting = (one for text in said for one in one_time_ids(text))
        for secret in (one_time_id, waiting):
            self.words.seal(secret, "a one-time ID")
            self.words.seal(secret.replace("-", ""), "a one-time ID")
        key = self.words.box(public(name), "the key of a device")
        with self.server.connect() as peer:
            token = peer.ask(f"ENROL|{name}|{one_time_id}|{key}").split("|")[2]
        with self.server.connect_by(private(name)) as device:
            answer = device.ask(f"LOGIN|{name}|{self.words.token(token)}").split("|")
            for token in answer[2:]:
                self.words.token(token)
            self.words.box(device.ask("WHOAMI").split("|")[3], "the id of a session")
            self.words.box(device.items("DEVICES")[0][0], "the id of a device")

    async def _make_friends(self) -> None:
        for one, other in _circle(self.keyed):
            await one.befriend(other.name)
        founder, *guests = self.keyed
        await founder.befriend(*(guest.name for guest in guests))
        for person in self.keyed:
            await person.keep("friends", f"{person.name} has found friends")

    def _meet(self) -> None:
        """Rooms for those with netcat, with all that can be done to a room."""
        owner, *guests = self.plain
        for room in (PUBLIC, PRIVATE, FLEETING, DOOMED):
            owner.ask(c.Join(self.words.name(room, "the name of a room")))
        owner.ask(c.Topic(PUBLIC, self.words.box('feathers | or "scales"', "a topic")))
        owner.ask(c.Set(PRIVATE, private=True))
        owner.ask(c.Set(FLEETING, history=False))
        for guest in guests:
            owner.ask(c.Invite(PRIVATE, guest.name))
            guest.ask(c.Join(PUBLIC))
        for guest in guests[:4]:
            guest.ask(c.Join(PRIVATE))
        owner.ask(c.Role(PRIVATE, guests[0].name, "moderator"))
        guests[0].ask(c.Ban(PRIVATE, guests[1].name))
        owner.ask(
            c.Kick(PUBLIC, guests[2].name, self.words.seal("no flapping indoors", "a reason"))
        )
        guests[3].ask(c.Block(guests[4].name))

    async def _meet_sealed(self) -> None:
        founder, *guests = self.keyed
        await founder.client.call(c.Join(self.words.name(SEALED, "the name of a room")))
        await founder.client.call(c.Set(SEALED, e2e=True))
        for guest in guests:
            await guest.client.call(c.Join(SEALED))

    async def _chat(self) -> None:
        for one, other in _circle(self.keyed):
            await one.whisper(other.name, f"{one.name} trusts {other.name} alone")
        founder, *guests = self.keyed
        await founder.whisper(SEALED, "the egg came first", *(guest.name for guest in guests))
        for guest in guests:
            assert (await guest.read(SEALED))[-1] == "whispered: the egg came first"
        for plain, friend in _circle(self.plain):
            plain.say(friend.name, f'{plain.name} says "hi" | ßalut \\o/ to {friend.name}')
            plain.say(plain.name, f"note of {plain.name}")
            friend.ask(c.Seen(plain.name, 1))
        aside = self.words.box("this one is no secret", "a message in the clear")
        await founder.client.call(c.Msg(self.plain[0].name, aside))
        self.plain[3].say(PRIVATE, "амбар за рекой | behind the river")
        fleeting = self.words.seal("gone with the wind", "a message that is not kept")
        self.plain[0].ask(c.Msg(FLEETING, fleeting))
        self.plain[0].ask(c.Msg(DOOMED, self.words.let_pass("the sky is falling", "a message")))

    def _tell_long_stories(self) -> None:
        for number in range(LONG_TEXTS):
            beginning = f"{number} times upon a time in the mesozoic | "
            self.plain[0].say(PUBLIC, beginning.ljust(LONG_CHARACTERS, "."))

    async def _afternoon(self) -> None:
        await self._change_secrets()
        self._come_late()
        self._mistype()
        self._look_around()
        await self._part()
        for person in self.plain[4:-1]:
            person.say(PUBLIC, f"{person.name} is still here in the afternoon")

    async def _change_secrets(self) -> None:
        first, second = self.keyed[:2]
        await first.change_password(deriving())
        await second.rotate_keys()
        await first.befriend(second.name)
        await first.whisper(second.name, f"{first.name} knows your new keys")
        assert (await second.read(first.name))[-1].endswith("knows your new keys")
        for person in (first, second):
            assert (await person.reopen()).data == person.content.data
        self.plain[5].lose_password(self.server)
        self.plain[0].change_password()
        self.plain[0].ask(c.Logout())
        self.plain[0].log_in()

    def _come_late(self) -> None:
        """Codes that nobody gives back: one for an account, one for a registration that waits, the
        message of which does not get through."""
        words = self.words
        self.ask_for_codes()
        with self.server.connect() as peer:
            while ["registration", "gateway"] not in peer.items("INFO"):
                pass
            assert peer.ask(f"RESET|{self.plain[6].name}") == "RESET|SUCCESS"
            name = words.name("latecomer-of-the-cretaceous", "the name of somebody who waits")
            contact = words.box("tel:+4930901820", "a contact")
            words.salts.add(b"a latecomer's salt")
            kdf = kdfs.argon2id(65_536, 3, 4, b"a latecomer's salt")
            secret = words.seal(base64url.encode(b"a latecomer's derived secret 32b"), "a secret")
            line = f"REGISTER|{name}|{secret}|kdf={kdf}|contact={contact}"
            assert peer.ask(line) == "REGISTER|SUCCESS|pending"

    def _mistype(self) -> None:
        """Secrets where they do not belong, and lines that are no requests."""
        with self.server.connect() as peer:
            for words in (
                f"AUTH|{self.plain[0].name}|",
                "PASSWORD|",
                "AUTH|",
                "REGISTER|a b|",
                "\a",
            ):
                wrong = f"hunter{len(words)} was my password"
                line = f"{words}{self.words.seal(wrong, 'a password that was mistyped')}"
                assert "|FAILURE|" in peer.ask(line)
            assert peer.ask(f"PING|{self.words.seal('is anybody there?', 'a PING')}").endswith("?")

    def _look_around(self) -> None:
        """All that can be asked and changes nothing, by somebody who is in all rooms but one."""
        someone, other = self.plain[4], self.keyed[0].name
        asked: list[Request] = [c.Rooms(), c.Who(PUBLIC), c.History(PUBLIC), c.Unread()]
        asked += [c.Sessions(), sealed.Salt(other), sealed.Identity(other), c.Info()]
        for request in asked:
            someone.ask(request)

    async def _part(self) -> None:
        """Sessions and memberships end, and whole accounts."""
        *_, one, other = self.keyed
        async with connect(self.server.address, reconnect=False) as elsewhere:
            token = (await elsewhere.call(c.Auth(one.name, one.secret))).token
            session = (await elsewhere.call(c.Whoami())).session_id
        async with connect(self.server.address, self.words.token(token), reconnect=False) as again:
            assert len(await again.call(c.Sessions())) == 2
        await one.client.call(c.Forget(self.words.let_pass(session, "the id of a session")))
        await other.client.call(c.Erase(other.secret))
        self.plain[-1].ask(c.Erase(self.plain[-1].password))
        self.plain[0].ask(c.Leave(DOOMED))


def _circle(people: list[P]) -> Iterable[tuple[P, P]]:
    """Each with the next one."""
    return pairwise([*people, people[0]])


def _known_to_all(fingerprint: str) -> set[bytes]:
    """Constants that a careless program might take for a key."""
    words = ("", "chatd", "user", "room", "name", "account", "conversation", "test", fingerprint)
    return {word.encode() for word in words}
