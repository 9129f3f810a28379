"""Those who make a busy day: some keep their password and their keys to themselves, some come with
netcat; and a record of every word that they send, or keep from the server.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import trio

from chatctl.client import Client
from chatctl.e2e import (
    Claims,
    Content,
    Identity,
    Master,
    OwnKeys,
    RecoveryKey,
    conversation,
    first_pin,
    fresh_kdf,
    open_message,
    open_vault,
    read_identity,
    seal_message,
    seal_vault,
)
from chatd.protocol import base64url, commands, gateway, sealed
from chatd.protocol.declare import Request
from chatd.protocol.wire import write_request
from chatd.storage.scan import SPOOL
from tests.dialogs.spool import Letters
from tests.peer import Peer
from tests.serving import Server

from .traces import Word

W = TypeVar("W", str, bytes)

NOW = datetime(2026, 11, 21, 4, 5, 6, 789_000, UTC)
CIPHERTEXT_CHARACTERS = 48
"""Enough of one to know it by."""
_DERIVING = 2
"""Passwords at a time; each takes two cores or more."""


@dataclass
class Words:
    """What was said on the day, by who may read it in the files.

    `boxed`: whoever has the server key. `sealed`: nobody, though the server may have heard it.
    `passing`: nobody without the key; with it, that depends on when they look.
    `names` find rows, and so are hashed; `salts` is what a thief could hash them with.
    """

    boxed: dict[Word, str] = field(default_factory=dict)
    sealed: dict[Word, str] = field(default_factory=dict)
    passing: dict[Word, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    salts: set[bytes] = field(default_factory=set)
    token_bytes: set[bytes] = field(default_factory=set)

    def box(self, word: W, what: str) -> W:
        """Note what the server keeps."""
        self.boxed[word] = what
        return word

    def seal(self, word: W, what: str) -> W:
        """Note what it must not keep, or not so that it could be read."""
        self.sealed[word] = what
        return word

    def let_pass(self, word: W, what: str) -> W:
        """Note what it keeps for some time, or not."""
        self.passing[word] = what
        return word

    @property
    def kept(self) -> dict[Word, str]:
        """What is in the vaults."""
        vaults = ("what is kept in a vault", "a contact in a vault")
        return {word: what for word, what in self.sealed.items() if what in vaults}

    def name(self, name: str, what: str) -> str:
        """Note a name of something."""
        self.names.add(name)
        self.box(name.removeprefix("#"), what)
        return name

    def token(self, token: str) -> str:
        """Note a token, and the bytes that it stands for."""
        self.token_bytes.add(self.seal(base64url.decode(token), "a token"))
        return self.seal(token, "a token")


@dataclass
class Plain:
    """Somebody with netcat; the password goes to the server as it is."""

    name: str
    words: Words
    peer: Peer
    password: str

    @classmethod
    def arriving(cls, server: Server, typed: str, words: Words) -> Plain:
        """A new account, logged in."""
        name = words.name(typed.lower(), "the name of somebody with netcat")
        password = words.seal(f'{name[::-1]} | "ßanjo" \\ {len(name)}', "a password")
        plain = cls(name, words, server.connect(), password)
        contact = f"mailto:reader-{len(words.names)}@mesozoic-post.example"
        words.box(contact, "a contact")
        plain.ask(commands.Register(typed, password, contact=contact))
        plain.log_in()
        return plain

    def log_in(self) -> None:
        """A new session."""
        answer = self.ask(commands.Auth(self.name, self.password))
        self.words.token(answer.rpartition("|")[2])
        self.words.box(self.ask(commands.Whoami()).split("|")[3], "the id of a session")

    def ask(self, request: Request) -> str:
        """The final line of the answer, which must be SUCCESS."""
        self.peer.send_bytes(write_request(request))
        while not (got := self.peer.read()).startswith(f"{request.verb}|SUCCESS"):
            assert got.startswith(("*", f"{request.verb}|ITEM")), got
        return got

    def say(self, target: str, text: str) -> None:
        """Post a message in the clear."""
        self.ask(commands.Msg(target, self.words.box(text, "a message in the clear")))

    def change_password(self) -> None:
        """For another one in the clear."""
        password = self.words.seal(f"anew: {self.password}", "a new password")
        self.ask(commands.Passwd(self.password, password))
        self.password = password

    def lose_password(self, server: Server) -> None:
        """And set another with a code."""
        with server.connect() as peer:
            self.peer = peer
            self.ask(gateway.Reset(self.name))
            code = Letters().code(server.data / SPOOL, self.name, lambda: peer.ask("PING"))
            self.words.let_pass(code, "a code")
            self.password = self.words.seal(f"at last: {self.password}", "a new password")
            self.ask(gateway.Recover(self.name, code, self.password))
        self.peer = server.connect()
        self.log_in()


class Keyed:
    """Somebody with the client's library: a derived secret, a vault, keys, sealed messages."""

    secret: str
    master: Master
    blob: str

    def __init__(self, typed: str, words: Words, client: Client) -> None:
        self.typed = words.let_pass(typed, "a name as it was typed")
        self.name = words.name(typed.lower(), "the name of somebody with keys")
        self.words = words
        self.client = client
        self.version = self.sent = 0
        self.keys = OwnKeys.fresh(NOW)
        self.content = Content.fresh(self.keys, self._recovery())
        self.friends: dict[str, Identity] = {}
        self._note_keys()

    async def arrive(self, limiter: trio.CapacityLimiter) -> None:
        """A new account, logged in, with a vault and published keys."""
        password = f'{self.name[::-1]} | "ßanjo" \\'
        kdf = await self._derive(password, limiter)
        await self.client.call(commands.Register(self.typed, self.secret, kdf=kdf))
        self.words.token((await self.client.call(commands.Auth(self.name, self.secret))).token)
        me = await self.client.call(commands.Whoami())
        self.words.box(me.session_id, "the id of a session")
        await self.keep("diary", f'{self.name} wrote: I have "two" secrets \\ or three')
        await self.publish()

    async def _derive(self, password: str, limiter: trio.CapacityLimiter) -> str:
        """The kdf; everything on the way from the password to the secret is noted."""
        kdf, words = fresh_kdf(), self.words
        self.master = await trio.to_thread.run_sync(
            Master.from_password, words.seal(password, "a password"), kdf, limiter=limiter
        )
        words.seal(self.master.wrapping_key.raw, "the wrapping key of a password")
        self.secret = words.seal(self.master.secret_for(self.client.hello.server_name), "a secret")
        words.seal(base64url.decode(self.secret), "a secret")
        words.box(str(kdf).rpartition("$")[2], "the salt of a kdf")
        words.salts |= {kdf.salt, base64url.encode(kdf.salt).encode()}
        return str(kdf)

    def _recovery(self) -> RecoveryKey:
        recovery = RecoveryKey.fresh()
        self.words.seal(recovery.written(), "a recovery key")
        self.words.seal(recovery.wrapping_key.raw, "the wrapping key of a recovery key")
        return recovery

    def _note_keys(self) -> None:
        for key in (self.keys.sig, self.keys.enc):
            private = key.private()["d"]
            self.words.seal(private, "a private key")
            self.words.seal(base64url.decode(private), "a private key")
            self.words.box(key.public["x"], "a public key")
            self.words.box(key.kid, "a thumbprint")

    async def keep(self, label: str, text: str) -> None:
        """Put something of one's own into the vault."""
        self.content.data[label] = self.words.seal(text, "what is kept in a vault")
        blob = self._sealed_vault()
        self.version = (await self.client.call(sealed.Store(self.version, blob))).version

    def _sealed_vault(self) -> str:
        self.blob = seal_vault(self.content, self.master.wrapping_key, self.version + 1)
        self.words.let_pass(_ciphertext(self.blob), "a vault, sealed")
        return self.blob

    def settle(self) -> None:
        """Note that the vault lies at the server as it is now."""
        self.words.box(_ciphertext(self.blob), "a vault, sealed")

    async def publish(self) -> None:
        """Show the current keys to the others."""
        await self.client.call(sealed.Publish(self.keys.published(self.name)))

    async def befriend(self, *users: str) -> None:
        """Fetch keys of others, and pin them in the vault."""
        for user in users:
            held = await self.client.call(sealed.Identity(user))
            self.friends[user] = read_identity(user, held.jwks, held.thumbprint)
            self.content.set_pin(user, first_pin(held.thumbprint, NOW))
            self.words.seal(f'"{user}":{{"thumbprint"', "a contact in a vault")

    async def whisper(self, target: str, text: str, *readers: str) -> None:
        """Post a message that only its readers can read; it is known by its id, too."""
        to = conversation(self.name, target)
        readers = readers or (target,)
        self.sent += 1
        id_ = self.words.box(f"{self.name}/{self.sent}", "the id of a SEND")
        claims = Claims(self.name, to, id_, NOW)
        text = self.words.seal(f"whispered: {text}", "an encrypted message")
        line = seal_message(text, claims, self.keys, [self.friends[one] for one in readers])
        self.words.box(_ciphertext(line), "a message, sealed")
        await self.client.send_once(target, line, claims.id)

    async def read(self, target: str) -> list[str]:
        """The texts of a conversation, opened."""
        history = await self.client.call(commands.History(target))
        await self.client.call(commands.Seen(target, history[-1].seq))
        return [open_message(item.text, self.keys).text for item in history]

    async def change_password(self, limiter: trio.CapacityLimiter) -> None:
        """For another one, with another recovery key; the vault is wrapped anew."""
        old, password = self.secret, f"anew: {self.name[::-1]}"
        kdf = await self._derive(password, limiter)
        self.content.renew_recovery(self._recovery())
        version, blob = self.version, self._sealed_vault()
        change = commands.Passwd(old, self.secret, kdf=kdf, version=version, vault=blob)
        await self.client.call(change)
        self.version += 1

    async def rotate_keys(self) -> None:
        """New ones; the old ones stay in the vault."""
        self.keys = self.keys.rotated(NOW)
        self._note_keys()
        self.content.keys = self.keys
        await self.keep("rotated", f"{self.name} has new keys since noon")
        await self.publish()

    async def reopen(self) -> Content:
        """The vault as another device finds it."""
        held = await self.client.call(sealed.Vault())
        content = open_vault(held.blob, held.version, self.master.wrapping_key, self.version)
        assert content is not None
        return content

    def at_home(self) -> bytes:
        """What is in the vault."""
        return self.content.encoded(self.version)


def _ciphertext(jwe: str) -> str:
    return str(json.loads(jwe)["ciphertext"][:CIPHERTEXT_CHARACTERS])


def deriving() -> trio.CapacityLimiter:
    """For `Keyed`: how many passwords at a time."""
    return trio.CapacityLimiter(_DERIVING)
