"""Logging in and out, and the sessions of an account."""

from __future__ import annotations

from collections.abc import AsyncIterator

from chatd.protocol import commands, events, replies
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.wire import write_event
from chatd.security.tokens import new_session_id, new_token, token_hash

from .. import changes
from ..chat import Chat
from ..model import Account, Session
from ..ports import Client
from ..registry import Decision, handles
from .accounts import possible_name, prove, wrong_secret

_PAGE = 500
_DAY_MS = 86_400_000


@handles(commands.Auth)
async def auth(chat: Chat, client: Client, request: commands.Auth) -> Decision:
    user = possible_name(request.user)
    known = await chat.archive.credentials(user)  # read, whoever it is: it takes as long
    await prove(chat, client, user, request.secret, known and known[1])
    if known is None:
        raise wrong_secret()
    id_, hashed, version = known
    secret = await chat.passwords.rehashed(request.secret, hashed)

    def decide() -> Reply:
        account = chat.directory.account(id_)
        if account.erased or account.version != version:
            raise wrong_secret()
        if secret is not None:
            account.secret = secret
            rehash = changes.SecretSet(account.id, secret, account.version, None)
            chat.ledger.store(rehash, account)
        return replies.Authenticated(open_session(chat, client, account))

    return decide


@handles(commands.Resume)
async def resume(chat: Chat, client: Client, request: commands.Resume) -> Decision:
    hashed = token_hash(request.token)
    if hashed is None:
        raise _no_token()

    def decide() -> Reply:
        session, account = _resumable(chat, hashed)
        _enter(chat, client, session, account)
        return replies.Resumed(account.name)

    return decide


@handles(commands.Logout)
def logout(chat: Chat, client: Client, request: commands.Logout) -> Reply:
    session = client.session
    assert session is not None
    chat.directory.forget(session)
    chat.ledger.store(changes.SessionEnded(session.id))
    client.session = None
    chat.ledger.then(chat.hub.detach, client, session.account)
    chat.ledger.then(chat.services.leave, client)
    chat.ledger.then(chat.hub.end, session.account, "Logged out elsewhere.", session.id)
    return replies.Done()


@handles(commands.Whoami)
def whoami(chat: Chat, client: Client, request: commands.Whoami) -> Reply:
    me = chat.me(client)
    assert client.session is not None
    return replies.WhoIAm(me.name, client.session.public_id, me.level)


@handles(commands.Sessions)
async def sessions(
    chat: Chat, client: Client, request: commands.Sessions
) -> AsyncIterator[list[Reply]]:
    me = await chat.asking(lambda: chat.me(client))
    mine = client.session
    after = 0
    while page := await chat.archive.sessions(me.id, after, _PAGE):
        yield [_session_item(chat, session, mine) for session in page]
        after = page[-1].id


@handles(commands.Forget)
async def forget(chat: Chat, client: Client, request: commands.Forget) -> Decision:
    me = await chat.asking(lambda: chat.me(client))
    session = await chat.archive.session_listed(me.id, request.session_id)
    if session is None:
        raise ChatError(Code.NO_SUCH_SESSION, "You have no such session; SESSIONS lists them.")

    def decide() -> Reply:
        chat.directory.forget(session)
        chat.ledger.store(changes.SessionEnded(session.id))
        chat.ledger.then(chat.hub.end, me.id, "This session was ended.", session.id)
        return replies.Done()

    return decide


async def welcome(chat: Chat, client: Client) -> bytes:
    """What one is told after logging in: what is unread, and invitations."""
    session = client.session
    if session is None:
        return b""
    unread, invites = await chat.archive.news(session.account, client.hears_after)
    told = [events.UnreadSince(u.conversation, u.count, u.first_seq, u.last_seq) for u in unread]
    lines = [*map(write_event, told)]
    lines += [write_event(events.Invited(room, by)) for room, by in invites]
    return b"".join(lines)


def _no_token() -> ChatError:
    return ChatError(Code.DENIED, "The token is not valid, or no longer; log in with AUTH.")


def _resumable(chat: Chat, hashed: bytes) -> tuple[Session, Account]:
    session = chat.directory.session(hashed)
    if session is None:
        raise _no_token()
    account = chat.directory.account(session.account)
    idle_ms = chat.clock.now_ms() - session.used_ms
    if idle_ms > chat.rules.session_idle_days_max * _DAY_MS:
        raise _no_token()
    if account.erased or session.version != account.version:
        raise _no_token()
    if session.device is not None and chat.directory.device(session.device) is None:
        raise _no_token()
    return session, account


def open_session(chat: Chat, client: Client, account: Account, device: int | None = None) -> str:
    """Log in, with a new session of `device`; its token."""
    token, now_ms = new_token(), chat.clock.now_ms()
    hashed = token_hash(token)
    assert hashed is not None
    session = Session(
        id=chat.ids.session(),
        public_id=new_session_id(),
        account=account.id,
        version=account.version,
        created_ms=now_ms,
        used_ms=now_ms,
        address=client.address,
        token_hash=hashed,
        device=device,
    )
    chat.directory.admit(session)
    chat.ledger.store(
        changes.SessionMade(
            session.id,
            session.public_id,
            account.id,
            account.version,
            hashed,
            client.address,
            now_ms,
            device,
        ),
        session,
        account,
    )
    _enter(chat, client, session, account)
    return token


def _enter(chat: Chat, client: Client, session: Session, account: Account) -> None:
    client.session = session
    client.unwelcomed = True
    rooms = tuple(account.rooms)  # as of now: later changes are released later
    if account.pending:
        chat.ledger.then(_attach, chat, client, account.id, rooms)
    else:
        _attach(chat, client, account.id, rooms)


def _attach(chat: Chat, client: Client, account: int, rooms: tuple[int, ...]) -> None:
    if client.alive:
        client.hears_after = chat.archive.latest
        chat.hub.attach(client, account, rooms)


def _session_item(chat: Chat, session: Session, mine: Session | None) -> Reply:
    used_ms, address = session.used_ms, session.address
    for client in chat.hub.clients(session.account):
        if client.session is not None and client.session.id == session.id:
            used_ms, address = chat.clock.now_ms(), client.address
    return replies.SessionItem(
        session.public_id,
        chat.clock.text(session.created_ms),
        chat.clock.text(used_ms),
        address,
        mine is not None and session.id == mine.id,
    )
