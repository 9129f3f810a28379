"""Accounts that are opened, and passwords that are set anew, with a code that was sent."""

from __future__ import annotations

from chatd.protocol import gateway, replies
from chatd.protocol.declare import Reply
from chatd.protocol.kdf import NONE
from chatd.security.throttle import address_block

from .. import changes
from ..chat import Chat
from ..codes import demand_room, denied, right_code, send_code, use, waiting
from ..enrolling import reserved
from ..gateway_changes import CodeKind, ContactSet, PendingGone
from ..model import Account, OneCode, PendingAccount
from ..ports import Client
from ..registry import Decision, handles
from .accounts import rate_limited, strong_enough
from .sealed import current_vault, normal, store_vault

_NO_SESSION = 0
"""No session has this id, so none stays."""
_NAME_CHARACTERS_MAX = 64
_RECOVERED = "The password was set anew with a code; log in with the new one."


@handles(gateway.Activate)
async def activate(chat: Chat, client: Client, request: gateway.Activate) -> Decision:
    name = _name(request.user)
    _within_tries(chat, client)
    reach = await chat.archive.reach(name, chat.clock.now_ms())

    def decide() -> Reply:
        found = waiting(chat, name)
        taken = chat.directory.account_named(name) is not None or reserved(chat, name)
        subject = reach.nobody if found is None else found.id
        code = _given(chat, client, name, "activate", subject, request.code)
        if found is None or taken:
            raise denied()
        use(chat, code)
        _open(chat, found)
        return replies.Done()

    return decide


@handles(gateway.Reset)
async def reset(chat: Chat, client: Client, request: gateway.Reset) -> Decision:
    name = _name(request.user)
    _within_quotas(chat, client, name)
    reach = await chat.archive.reach(name, chat.clock.now_ms())

    def decide() -> Reply:
        demand_room(chat)
        contact = _within_bound(chat, reach.contact)
        if reach.waiting is not None:
            send_code(chat, "activate", reach.waiting, name, contact)
        else:
            send_code(chat, "recover", reach.account or reach.nobody, name, contact)
        return replies.Done()

    return decide


@handles(gateway.Recover)
async def recover(chat: Chat, client: Client, request: gateway.Recover) -> Decision:
    name = _name(request.user)
    _within_tries(chat, client)
    _may_try(chat, client, name)
    kdf = request.kdf or NONE
    await strong_enough(chat, request.secret, name, kdf)
    reach = await chat.archive.reach(name, chat.clock.now_ms())
    # Hashed before anything is judged, so that a wrong code is told no sooner than a right one.
    secret = await chat.passwords.hash(request.secret)

    def decide() -> Reply:
        subject = reach.account or reach.nobody
        code = _given(chat, client, name, "recover", subject, request.code)
        me = chat.directory.account(subject)
        if me.erased:
            raise denied()
        if request.version is not None:
            current_vault(me, request.version)
        use(chat, code)
        me.secret, me.version = secret, me.version + 1
        chat.ledger.store(changes.SecretSet(me.id, secret, me.version, _NO_SESSION, kdf), me)
        if request.vault is not None:
            store_vault(chat, me, request.vault)
        chat.ledger.then(chat.hub.end, me.id, _RECOVERED)
        return replies.Done()

    return decide


def _name(raw: str) -> str:
    """As accounts have it; of what can be no name so much as may be remembered."""
    return normal(raw)[:_NAME_CHARACTERS_MAX]


def _open(chat: Chat, found: PendingAccount) -> None:
    """Make it the account that it waits to be."""
    found.gone = True
    account = chat.directory.admit(Account(chat.ids.account(), found.name, found.secret))
    now_ms = chat.clock.now_ms()
    made = changes.AccountMade(account.id, found.name, found.secret, now_ms, found.kdf)
    chat.ledger.store(made, account)
    chat.ledger.store(ContactSet(account.id, found.contact))
    chat.ledger.store(PendingGone(found.id), found)


def _given(
    chat: Chat, client: Client, name: str, kind: CodeKind, subject: int, typed: str
) -> OneCode:
    """The code, if it is the one. DENIED, EXPIRED, RATE_LIMITED."""
    _may_try(chat, client, name)
    key = _key(client, name)
    code, wrong = right_code(chat, kind, subject, typed)
    if wrong is not None:
        chat.slowdown.fail(key, chat.now())
        raise wrong
    chat.slowdown.succeed(key)
    return code


def _may_try(chat: Chat, client: Client, name: str) -> None:
    """RATE_LIMITED by address and name, as with passwords."""
    if (wait := chat.slowdown.wait(_key(client, name), chat.now())) > 0:
        raise rate_limited(wait, "Too many wrong codes")


def _key(client: Client, name: str) -> tuple[str, str, str]:
    return address_block(client.address) or "", "code", name


def _within_bound(chat: Chat, contact: str | None) -> str | None:
    """None for one that was written to too often, under whatever names: nothing tells that."""
    if contact is not None and chat.gateway.contacts.take(contact, chat.now()) > 0:
        return None
    return contact


def _within_tries(chat: Chat, client: Client) -> None:
    """RATE_LIMITED by address, whatever names are tried."""
    block = address_block(client.address)
    if block is not None and (wait := chat.gateway.tries.take(block, chat.now())) > 0:
        raise rate_limited(wait, "Too many codes were tried from your address")


def _within_quotas(chat: Chat, client: Client, name: str) -> None:
    """RATE_LIMITED by address, and by the name, whoever has it."""
    block, now = address_block(client.address), chat.now()
    if block is not None and (wait := chat.gateway.resets.take(block, now)) > 0:
        raise rate_limited(wait, "Too many codes were asked for from your address")
    if (wait := chat.gateway.names.take(name, now)) > 0:
        raise rate_limited(wait, "Too many codes were asked for under this name")
