"""What the server keeps for its people and cannot open: salts, vaults, public identities."""

from __future__ import annotations

from collections.abc import Callable

from chatd.protocol import events, replies, sealed
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.wire import write_event
from chatd.security.names import BadName, user_name

from .. import changes
from ..chat import Chat
from ..model import Account
from ..ports import Client
from ..registry import Decision, handles

Publishing = Callable[[Client, Account], Reply]
"""Makes keys that were verified an account's, without waiting."""


@handles(sealed.Salt)
async def salt(chat: Chat, client: Client, request: sealed.Salt) -> Decision:
    kdf = await chat.archive.kdf(normal(request.user))
    return lambda: replies.Salted(kdf)


@handles(sealed.Vault)
async def vault(chat: Chat, client: Client, request: sealed.Vault) -> Decision:
    me = await chat.asking(lambda: chat.me(client))
    held = await chat.archive.vault(me.id)
    reply = replies.VaultHeld(0, "") if held is None else replies.VaultHeld(held.version, held.blob)
    return lambda: reply


@handles(sealed.Store)
def store(chat: Chat, client: Client, request: sealed.Store) -> Reply:
    me = chat.me(client)
    current_vault(me, request.version)
    return replies.Stored(store_vault(chat, me, request.blob))


@handles(sealed.Publish)
async def publish(chat: Chat, client: Client, request: sealed.Publish) -> Decision:
    before = await chat.asking(lambda: chat.me(client))
    publish_as = await verified_keys(chat, request.jwks, before.name, before.id)
    return lambda: publish_as(client, chat.me(client))


async def verified_keys(chat: Chat, jwks: str, name: str, account: int | None) -> Publishing:
    """Verify public keys of a person, whose account may be yet to be made. BAD_FIELD."""
    thumbprint = await chat.identities.verified(jwks, name)
    held = None if account is None else await chat.archive.keys(account)
    partners = set() if account is None else await chat.archive.partners(account)

    def publish_as(client: Client, me: Account) -> Reply:
        if held is not None and (held.version, held.jwks) == (me.keys_version, jwks):
            return replies.Published(thumbprint)
        me.keys_version += 1
        published = changes.KeysPublished(me.id, me.keys_version, thumbprint, jwks)
        chat.ledger.store(published, me, size_bytes=len(jwks))
        line = write_event(events.IdentityChanged(me.name, thumbprint))
        chat.ledger.then(chat.hub.to_all, tuple(me.rooms), {me.id, *partners}, line, client)
        return replies.Published(thumbprint)

    return publish_as


@handles(sealed.Identity)
async def identity(chat: Chat, client: Client, request: sealed.Identity) -> Decision:
    person = await chat.asking(lambda: _person(chat, client, request.user))
    held = await chat.archive.keys(person.id)
    if held is None:
        raise ChatError(Code.NO_IDENTITY, f"{person.name} has published no keys yet.")
    return lambda: replies.IdentityHeld(held.thumbprint, held.jwks)


def current_vault(me: Account, version: int) -> None:
    """CONFLICT unless it is the version of the vault, as of all that was judged before."""
    if version != me.vault_version:
        raise ChatError(
            Code.CONFLICT,
            f"{me.vault_version} is the current version; fetch it with VAULT, and store again.",
        )


def store_vault(chat: Chat, me: Account, blob: str) -> int:
    """Replace the vault; its new version."""
    me.vault_version += 1
    stored = changes.VaultStored(me.id, me.vault_version, blob)
    chat.ledger.store(stored, me, size_bytes=len(blob))
    return me.vault_version


def _person(chat: Chat, client: Client, raw: str) -> Account:
    chat.me(client)
    return chat.person(raw)


def normal(raw: str) -> str:
    """A name as accounts have it; what can be no name stays as it is."""
    try:
        return user_name(raw)
    except BadName:
        return raw
