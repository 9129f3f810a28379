"""People with keys at a server that lies to them: real accounts, vaults, profiles and commands."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from secrets import token_hex

from chatctl.e2e import (
    Claims,
    Content,
    Master,
    OwnKeys,
    RecoveryKey,
    conversation,
    first_pin,
    fresh_kdf,
    seal_message,
    seal_vault,
)
from chatd.protocol import base64url
from chatd.protocol.fields import escape_rest
from tests.serving import Server

from .liar import Liar, lying
from .shell import Ended, Shell

PASSWORD = "tangerine saddle 42 orbit"
TEXT = "the treasure lies under the old oak"
"""What no server may ever see; it is part of every text here."""
KDF = fresh_kdf()
FAULTS = ("Traceback", "fault of chatctl", "Error:", "Exception")


@cache
def master() -> Master:
    """What the password stands for: it costs argon2's time, so everybody has the same."""
    return Master.from_password(PASSWORD, KDF)


class Person:
    """An account with keys, whose chatctl goes through the liar."""

    def __init__(self, scene: Scene, user: str, knows: tuple[Person, ...] = ()) -> None:
        now = datetime.now(UTC)
        self.user = user
        self.keys = OwnKeys.fresh(now)
        self.recovery = RecoveryKey.fresh()
        self.content = Content.fresh(self.keys, self.recovery)
        for other in knows:
            self.content.set_pin(other.user, first_pin(other.keys.sig.kid, now))
        self.shell = Shell(scene.folder, scene.liar.address, user)
        self._server = scene.server
        self._keep(self._registered())

    def blob(self, version: int) -> str:
        """The vault, sealed as this version."""
        return seal_vault(self.content, master().wrapping_key, version)

    def sealed(self, reader: Person, text: str = TEXT, **changes: str | datetime) -> str:
        """What this person's client would send; `changes` to what it says of itself."""
        said = {"sender": self.user, "to": conversation(self.user, reader.user), "id": token_hex(8)}
        claims = Claims(**{**said, "time": datetime.now(UTC), **changes})  # type: ignore[arg-type]
        return seal_message(text, claims, self.keys, [reader.keys.identity(reader.user)])

    def posts(self, target: str, sealed: str) -> None:
        """Straight to the server."""
        with self._server.connect() as peer:
            assert peer.ask(f"RESUME|{self.token}").startswith("RESUME|SUCCESS|")
            assert peer.ask(f"MSG|{target}|{escape_rest(sealed)}").startswith("MSG|SUCCESS|")

    def asks(self, *lines: str) -> list[str]:
        """What the server answers, each in one line, to who is logged in."""
        with self._server.connect() as peer:
            return [peer.ask(line) for line in (f"RESUME|{self.token}", *lines)][1:]

    @property
    def profile(self) -> Path:
        """The file."""
        return self.shell.folder / "chatctl" / f"{self.user}.json"

    @property
    def secrets(self) -> list[str]:
        """What must never leave this machine: private halves and what opens the vault."""
        private = [key.private()["d"] for key in (self.keys.sig, self.keys.enc)]
        return [*private, base64url.encode(self.recovery.wrapping_key.raw), self.recovery.written()]

    def _registered(self) -> str:
        secret = master().secret_for("test")
        jwks = escape_rest(self.keys.published(self.user))
        with self._server.connect() as peer:
            assert peer.ask(f"REGISTER|{self.user}|{secret}|kdf={KDF}") == "REGISTER|SUCCESS"
            token = peer.ask(f"AUTH|{self.user}|{secret}").removeprefix("AUTH|SUCCESS|")
            assert peer.ask(f"STORE|0|{escape_rest(self.blob(1))}") == "STORE|SUCCESS|1"
            assert peer.ask(f"PUBLISH|{jwks}").startswith("PUBLISH|SUCCESS|")
        self.content.version = 1
        return token

    def _keep(self, token: str) -> None:
        self.token = token
        key = base64url.encode(master().wrapping_key.raw)
        kept = {"user": self.user, "token": token, "derived": True, "vault_version": 1}
        where = {"server": self.shell.address, "server_name": "test", "vault_key": key}
        self.profile.parent.mkdir(exist_ok=True)
        self.profile.touch(0o600)
        self.profile.write_text(json.dumps({**kept, **where}))


class Scene:
    """A server, a liar before it, and people who do not know of him."""

    def __init__(self, server: Server, liar: Liar, folder: Path) -> None:
        self.server = server
        self.liar = liar
        self.folder = folder
        self.people: list[Person] = []

    def person(self, name: str, *knows: Person) -> Person:
        """A new account of a name like this, which nobody else has; these are pinned."""
        made = Person(self, f"{name}-{os.urandom(4).hex()}", knows)
        self.people.append(made)
        return made

    def pair(self) -> tuple[Person, Person]:
        """Alice, who knows Bob, and Bob."""
        bob = self.person("bob")
        return self.person("alice", bob), bob

    def demand_discretion(self) -> None:
        """No secret went through the liar, in any form in which it could be read."""
        wrapping = base64url.encode(master().wrapping_key.raw)
        secrets = [PASSWORD, TEXT, wrapping, *(one for who in self.people for one in who.secrets)]
        for secret in secrets:
            for form in _forms(secret):
                assert form not in self.liar.heard


@contextmanager
def staged(server: Server, folder: Path) -> Iterator[Scene]:
    """A scene; at its end nothing may have leaked."""
    with lying(server) as liar:
        scene = Scene(server, liar, folder)
        yield scene
        scene.demand_discretion()


def _forms(secret: str) -> list[bytes]:
    """As it is, in hex, and in base64 wherever it may begin."""
    raw = secret.encode()
    shifted = [
        base64.b64encode(b"?" * n + raw)[4 if n else 0 :].rstrip(b"=")[:-1] for n in range(3)
    ]
    urls = [form.replace(b"+", b"-").replace(b"/", b"_") for form in shifted]
    return [raw, raw.hex().encode(), *shifted, *urls]


def noticed(ended: Ended, status: int, *words: str) -> None:
    """It ended so, with one sentence that holds these words, and nothing that went through."""
    assert (ended.status, ended.out) == (status, ""), ended
    assert ended.err.startswith("chatctl: "), ended
    assert ended.err.count("\n") == 1, ended
    told(ended.err, *words)


def told(said: str, *words: str) -> None:
    """What a person reads holds these words, and nothing of our inside."""
    assert all(word in said for word in words), said
    assert not any(fault in said for fault in FAULTS), said
