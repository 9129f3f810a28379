"""People with keys and vaults, made without a key derivation each, and what they write by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from chatctl.client import Client, connect
from chatctl.e2e import (
    Claims,
    Content,
    Identity,
    Kdf,
    Master,
    OwnKeys,
    RecoveryKey,
    WrappingKey,
    conversation,
    fresh_id,
    fresh_kdf,
    open_vault,
    read_identity,
    seal_message,
    seal_vault,
)
from chatctl.own_vault import OwnVault, fetch
from chatd.protocol import base64url
from chatd.protocol.commands import Auth
from chatd.protocol.fields import escape
from tests.peer import Peer
from tests.serving import SECRET, Server

from .shell import Shell

SERVER_NAME = "test"
"""That of tests/serving.py."""


@cache
def _derived() -> tuple[Kdf, Master]:
    kdf = fresh_kdf()
    return kdf, Master.from_password(SECRET, kdf)


def wrapping_key() -> WrappingKey:
    """What opens every vault here."""
    return _derived()[1].wrapping_key


def _secret() -> str:
    return _derived()[1].secret_for(SERVER_NAME)


def newcomer(server: Server, user: str, keys: OwnKeys, *rooms: str) -> Peer:
    """A connection of a new account, whose password is `SECRET`, with keys but no vault."""
    peer = server.connect()
    kdf, _ = _derived()
    assert peer.ask(f"REGISTER|{user}|{_secret()}|kdf={kdf}") == "REGISTER|SUCCESS"
    _authenticated(peer, user)
    assert peer.ask(f"PUBLISH|{keys.published(user)}").startswith("PUBLISH|SUCCESS|")
    for room in rooms:
        assert peer.ask(f"JOIN|{room}").startswith("JOIN|SUCCESS|")
    return peer


def entered(server: Server, user: str) -> Peer:
    """Another connection of such an account."""
    peer = server.connect()
    _authenticated(peer, user)
    return peer


def _authenticated(peer: Peer, user: str) -> str:
    answer = peer.ask(f"AUTH|{user}|{_secret()}")
    assert answer.startswith("AUTH|SUCCESS|")
    return answer.removeprefix("AUTH|SUCCESS|")


def keyed(server: Server, folder: Path, user: str, *rooms: str) -> Shell:
    """As `member`, with keys and a vault."""
    keys = OwnKeys.fresh(datetime.now(UTC))
    with newcomer(server, user, keys, *rooms) as peer:
        blob = seal_vault(Content.fresh(keys, RecoveryKey.fresh()), wrapping_key(), 1)
        assert peer.ask(f"STORE|0|{blob}") == "STORE|SUCCESS|1"
    return device(server, folder, user, user)


def device(server: Server, folder: Path, user: str, profile: str) -> Shell:
    """A session of such an account in a profile of its own."""
    with server.connect() as peer:
        token = _authenticated(peer, user)
    kept = {
        "server": server.address,
        "user": user,
        "token": token,
        "server_name": SERVER_NAME,
        "derived": True,
        "vault_key": base64url.encode(wrapping_key().raw),
    }
    path = folder / "chatctl" / f"{profile}.json"
    path.parent.mkdir(exist_ok=True)
    path.touch(0o600)
    path.write_text(json.dumps(kept))
    return Shell(folder, server.address, profile)


def content_of(peer: Peer) -> Content:
    """The vault of who is logged in."""
    version, _, blob = peer.ask("VAULT").removeprefix("VAULT|SUCCESS|").partition("|")
    content = open_vault(blob, int(version), wrapping_key())
    assert content is not None
    return content


def keys_of(server: Server, user: str) -> OwnKeys:
    """The private keys of such an account."""
    with entered(server, user) as peer:
        return content_of(peer).keys


def seen_identity(peer: Peer, user: str) -> Identity:
    """What the server shows of `user`."""
    thumbprint, _, jwks = (
        peer.ask(f"IDENTITY|{user}").removeprefix("IDENTITY|SUCCESS|").partition("|")
    )
    return read_identity(user, jwks, thumbprint)


def sealed_by(
    keys: OwnKeys, me: str, target: str, text: str, *readers: Identity, **own: Any
) -> str:
    """A sealed text; `own` replaces claims."""
    claims = {
        "sender": me,
        "to": conversation(me, target),
        "id": fresh_id(),
        "time": datetime.now(UTC),
    }
    return seal_message(text, Claims(**{**claims, **own}), keys, readers)


def posted(peer: Peer, target: str, line: str) -> int:
    """Post a line as it is; its seq."""
    answer = peer.ask(f"MSG|{target}|{escape(line)}").split("|")
    assert answer[:2] == ["MSG", "SUCCESS"], answer
    return int(answer[2])


def stored(server: Server, user: str, target: str) -> list[str]:
    """The lines of a conversation as the server has them."""
    with entered(server, user) as peer:
        return [item[3] for item in peer.items(f"HISTORY|{target}|limit=1000")]


def history(shell: Shell, conversation: str, *words: str) -> list[dict[str, Any]]:
    """A conversation, oldest first; the command complains of nothing."""
    words = ("--limit", "1000", *words)
    return shell.done("history", conversation, *words, "--json").objects


def texts(shell: Shell, conversation: str) -> list[str]:
    """What it says, of which all must be as it should be."""
    found = history(shell, conversation)
    assert all(not item["findings"] for item in found), found
    return [item["text"] for item in found]


def kinds(item: dict[str, Any]) -> list[str]:
    """What a reader is told of a message."""
    assert all(finding["sentence"] for finding in item["findings"])
    return [finding["kind"] for finding in item["findings"]]


def told(shell: Shell, *words: str) -> str:
    """What a command that succeeds says on standard error."""
    ended = shell.type(*words)
    assert ended.status == 0, ended
    return ended.err


@asynccontextmanager
async def owner(
    server: Server, user: str, address: str | None = None
) -> AsyncIterator[tuple[Client, OwnVault]]:
    """A client of such an account that reconnects, and its open vault."""
    async with connect(address or server.address) as client:
        await client.call(Auth(user, _secret()))
        content = await fetch(client, wrapping_key())
        assert content is not None
        yield client, OwnVault(client, wrapping_key(), content, lambda _: None)
