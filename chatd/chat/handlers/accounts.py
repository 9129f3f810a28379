"""Making an account, its password, and its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil

from chatd.protocol import commands, replies
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.kdf import NONE
from chatd.security.contacts import BadContact
from chatd.security.names import BadName, choose_user_name, user_name
from chatd.security.throttle import address_block

from .. import changes
from ..chat import Chat
from ..codes import demand_room, make_way, send_code, waiting
from ..device_changes import EnrolmentGone
from ..enrolling import reserved
from ..gateway_changes import ContactSet, PendingMade
from ..model import Account, PendingAccount, Session
from ..ports import Client
from ..registry import Decision, handles
from ..rotation import latest
from .membership import end_membership
from .sealed import current_vault, store_vault


@handles(commands.Register)
async def register(chat: Chat, client: Client, request: commands.Register) -> Decision:
    if chat.rules.registration not in ("open", "gateway"):
        raise _closed(chat)
    by_code = chat.rules.registration == "gateway"
    name = _chosen(request.user)
    contact = await _reachable(chat, request.contact, by_code)
    _within_quota(chat, client)
    await chat.asking(lambda: _free(chat, name))
    kdf = request.kdf or NONE
    await strong_enough(chat, request.secret, name, kdf)
    secret = await chat.passwords.hash(request.secret)

    def decide() -> Reply:
        _free(chat, name)
        if by_code and contact is not None:
            _wait_for_code(chat, name, secret, kdf, contact)
            return replies.Registered(pending=True)
        make_way(chat, name)
        account = chat.directory.admit(Account(chat.ids.account(), name, secret))
        made = changes.AccountMade(account.id, name, secret, chat.clock.now_ms(), kdf)
        chat.ledger.store(made, account)
        if contact is not None:
            chat.ledger.store(ContactSet(account.id, contact), account)
        return replies.Registered()

    return decide


async def _reachable(chat: Chat, raw: str | None, needed: bool) -> str | None:
    """A contact in its one form. BAD_FIELD."""
    if raw is None and needed:
        raise ChatError(
            Code.BAD_FIELD,
            "This server sends a code to open the account: add contact=mailto:… or contact=tel:….",
        )
    try:
        return None if raw is None else await chat.gateway.contact(raw)
    except BadContact as bad:
        raise ChatError(Code.BAD_FIELD, str(bad)) from None


def _free(chat: Chat, name: str) -> None:
    """TAKEN, also by a registration that waits for its code, or for who was invited."""
    held = waiting(chat, name) is not None or reserved(chat, name)
    if held or chat.directory.account_named(name) is not None:
        raise ChatError(Code.TAKEN, "This name is taken; choose another.")


def _wait_for_code(chat: Chat, name: str, secret: str, kdf: str, contact: str) -> None:
    """Keep a registration until its code comes back. RATE_LIMITED, UNAVAILABLE."""
    demand_room(chat)
    if (wait := chat.gateway.contacts.take(contact, chat.now())) > 0:
        raise rate_limited(wait, "Too many codes were sent to this contact")
    make_way(chat, name)
    made = PendingAccount(chat.ids.pending(), name, secret, kdf, contact, chat.clock.now_ms())
    chat.directory.admit(made)
    fields = made.id, name, secret, kdf, contact, made.created_ms
    chat.ledger.store(PendingMade(*fields), made)
    send_code(chat, "activate", made.id, name, contact)


@handles(commands.Passwd)
async def passwd(chat: Chat, client: Client, request: commands.Passwd) -> Decision:
    before = await chat.asking(lambda: chat.me(client))
    version = before.version
    await prove_own(chat, client, before, request.old)
    kdf = request.kdf or NONE
    await strong_enough(chat, request.new, before.name, kdf)
    secret = await chat.passwords.hash(request.new)

    def decide() -> Reply:
        me, session = _still_mine(chat, client, version)
        if request.version is not None:
            current_vault(me, request.version)
        kept = chat.directory.session(session.token_hash) or session
        me.secret, me.version = secret, me.version + 1
        session.version = kept.version = me.version
        changed = changes.SecretSet(me.id, secret, me.version, session.id, kdf)
        chat.ledger.store(changed, me, kept)
        if request.vault is not None:
            store_vault(chat, me, request.vault)
        sentence = "The password was changed elsewhere; log in with the new one."
        chat.ledger.then(chat.hub.end, me.id, sentence, None, session.id)
        return replies.Done()

    return decide


@handles(commands.Erase)
async def erase(chat: Chat, client: Client, request: commands.Erase) -> Decision:
    before = await chat.asking(lambda: chat.me(client))
    version = before.version
    await prove_own(chat, client, before, request.secret)

    def decide() -> Reply:
        me, _ = _still_mine(chat, client, version)
        invitation = chat.directory.enrolment(me.name)
        rooms = [chat.directory.room(room) for room in sorted(me.rooms)]
        if invitation is not None:
            chat.directory.forget(invitation)
            chat.ledger.store(EnrolmentGone(invitation.id))
        for room in rooms:
            end_membership(chat, room, me, me.name, "")
        me.erased, client.session = True, None
        chat.ledger.store(changes.AccountErased(me.id), me)
        chat.ledger.then(chat.hub.detach, client, me.id)
        chat.ledger.then(chat.services.leave, client)
        chat.ledger.then(chat.hub.end, me.id, "The account was erased.")
        return replies.Done()

    return decide


async def prove(chat: Chat, client: Client, user: str, secret: str, hashed: str | None) -> None:
    """Check a password. DENIED, RATE_LIMITED."""
    await attempt(chat, client, user, partial(chat.passwords.verify, secret, hashed), wrong_secret)


async def prove_own(chat: Chat, client: Client, me: Account, secret: str) -> None:
    """Check the password of who is logged in. An account that was enrolled has none before PASSWD
    has set one: the token for the next LOGIN of the session's device stands in for it. DENIED,
    RATE_LIMITED."""
    if me.secret:
        await prove(chat, client, me.name, secret, me.secret)
        return

    async def is_token() -> bool:
        return await chat.asking(lambda: _own_token(chat, client, secret))

    await attempt(chat, client, me.name, is_token, wrong_secret)


async def attempt(
    chat: Chat,
    client: Client,
    user: str,
    right: Callable[[], Awaitable[bool]],
    wrong: Callable[[], ChatError],
) -> None:
    """Try to get in, or to show that one is in by right. Failures slow down, by address and account
    together, so that an attacker cannot lock a victim out. `wrong()`, RATE_LIMITED."""
    key = (address_block(client.address) or "", user)
    async with chat.passwords.turn(key):  # one at a time, so that each knows of those before it
        if (wait := chat.slowdown.wait(key, chat.now())) > 0:
            raise rate_limited(wait, "Too many failed log-ins")
        if not await right():
            chat.slowdown.fail(key, chat.now())
            raise wrong()
        chat.slowdown.succeed(key)


def possible_name(raw: str) -> str:
    """A name as accounts have it; empty where it can be no name."""
    try:
        return user_name(raw)
    except BadName:
        return ""


def wrong_secret() -> ChatError:
    """One and the same, whatever was wrong."""
    return ChatError(Code.DENIED, "Wrong user or secret.")


def _own_token(chat: Chat, client: Client, token: str) -> bool:
    if client.session is None or client.session.device is None:
        return False
    device = chat.directory.device(client.session.device)
    return device is not None and latest(chat.archive, device, token)


def _closed(chat: Chat) -> ChatError:
    if chat.rules.registration == "invite":
        why = "This server is for people who were invited: ask who runs it for a one-time ID; ENROL"
        return ChatError(Code.CLOSED, f"{why} takes it.")
    return ChatError(Code.CLOSED, "Registration is closed; ask who runs this server.")


async def strong_enough(chat: Chat, secret: str, user: str, kdf: str) -> None:
    """WEAK_PASSWORD, with what is wrong. Of what a secret was derived from nothing can be told."""
    if kdf == NONE and (weakness := await chat.passwords.weakness(secret, user)) is not None:
        raise ChatError(Code.WEAK_PASSWORD, weakness)


def rate_limited(wait_seconds: float, why: str) -> ChatError:
    """RATE_LIMITED, whose sentence begins with the whole seconds to wait."""
    return ChatError(Code.RATE_LIMITED, f"{ceil(wait_seconds)} seconds to wait. {why}.")


def _still_mine(chat: Chat, client: Client, version: int) -> tuple[Account, Session]:
    """The account after a wait, in which its password may have changed. DENIED."""
    me = chat.me(client)
    if me.version != version or client.session is None:
        raise ChatError(Code.DENIED, "The password was changed meanwhile.")
    return me, client.session


def _chosen(raw: str) -> str:
    try:
        return choose_user_name(raw)
    except BadName as bad:
        raise ChatError(Code.BAD_NAME, str(bad)) from None


def _within_quota(chat: Chat, client: Client) -> None:
    block = address_block(client.address)
    if block is not None and (wait := chat.registrations.take(block, chat.now())) > 0:
        raise rate_limited(wait, "Too many registrations from your address")
