"""Posting: the path of a message begins here.

A message gets its seq when it is judged, goes into the ledger, is stored with all others that wait,
and is acknowledged and published when the ledger releases it. In a room without history it is
published at once, unless something of the room is still on its way: then it queues behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from itertools import groupby

from chatd.protocol import commands, replies
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.runs import Run
from chatd.protocol.wire import write_failure

from .. import changes
from ..changes import MessagesPosted
from ..chat import VOLATILE_IDS_MAX, Chat
from ..jwe import is_jwe
from ..ledger import Post
from ..model import Account, Conversation, Direct, Sent
from ..ports import Client
from ..registry import handles
from ..routes import Route


@handles(Run)
def run(chat: Chat, client: Client, request: Run) -> None:
    route = _route(chat, client, request.target)
    if route.conversation.e2e:
        _post_encrypted(chat, client, route, request.texts)
        return
    if client.alive:
        chat.epoch.routes[client] = route
    post(chat, client, route, request.texts)


@handles(commands.Msg)
def msg(chat: Chat, client: Client, request: commands.Msg) -> None:
    run(chat, client, Run(request.target, [request.text]))


@handles(commands.Send)
def send(chat: Chat, client: Client, request: commands.Send) -> Reply | None:
    me = chat.me(client)
    digest = sha256(request.text.encode()).digest()[:16]
    sent = chat.volatile_ids.get((me.id, request.id)) or chat.directory.sent(me.id, request.id)
    if sent is not None:
        return _sent_before(chat, me, request, digest, sent)
    route = _route(chat, client, request.target)
    if route.conversation.e2e and not is_jwe(request.text):
        raise _not_encrypted()
    post(chat, client, route, [request.text], request.verb, (request.id, digest))
    return None


def _post_encrypted(chat: Chat, client: Client, route: Route, texts: list[str]) -> None:
    """Post what is encrypted of a run, and refuse the rest, each in its turn. Such a room's routes
    are not kept, so that all that is said in it comes by here."""
    ledger, refusal = chat.ledger, write_failure(commands.Msg.verb, _not_encrypted())
    for encrypted, some in groupby(texts, is_jwe):
        if encrypted:
            post(chat, client, route, list(some))
        else:
            ledger.answer(client, commands.Msg.verb, refusal * len(list(some)), ledger.mark())


def _not_encrypted() -> ChatError:
    return ChatError(
        Code.NOT_ENCRYPTED, "This room takes encrypted messages alone; send a JWE (RFC 7516)."
    )


def _route(chat: Chat, client: Client, target: str) -> Route:
    """Where messages to `target` go, if they may."""
    me = chat.me(client)
    conversation, other = _allowed(chat, me, target)
    return Route(target, client.session, me, conversation, other)


def _allowed(chat: Chat, me: Account, target: str) -> tuple[Conversation, Account | None]:
    """The conversation that `me` may post to; a direct one is made where there is none."""
    if target.startswith("#"):
        return chat.my_room(me, target), None
    other = chat.person(target)
    if me.id in other.blocked:
        raise ChatError(Code.BLOCKED, f"{other.name} does not take messages from you.")
    return chat.directory.direct(me.id, other.id) or _make_direct(chat, me, other), other


def _make_direct(chat: Chat, me: Account, other: Account) -> Direct:
    low, high = sorted((me, other), key=lambda account: account.id)
    direct = Direct(chat.ids.conversation(), low=low.id, high=high.id)
    made = changes.DirectMade(direct.id, low.id, low.name, high.id, high.name)
    chat.ledger.store(made, chat.directory.admit(direct), low, high)
    return direct


def post(
    chat: Chat,
    client: Client,
    route: Route,
    texts: list[str],
    verb: str = commands.Msg.verb,
    once: tuple[str, bytes] | None = None,
) -> None:
    """Post a run of messages; they are answered once they are stored. `once`: a SEND id, with the
    digest of the only text."""
    conversation, clock = route.conversation, chat.clock
    seq = conversation.last_seq + 1
    conversation.last_seq += len(texts)
    time_ms = clock.now_ms()
    posted = MessagesPosted(conversation.id, seq, time_ms, route.me.id, texts, once)
    entry = Post(client, verb, route, posted, clock.text(time_ms))
    if not conversation.history:
        _pass_on(chat, conversation, entry)
        return
    if once is not None:
        ids = chat.directory.sent_ids(route.me.id)
        ids.add(once[0], Sent(conversation.id, once[1], seq, time_ms))
        chat.ledger.touch(ids)
    chat.ledger.post(entry)


def _pass_on(chat: Chat, room: Conversation, entry: Post) -> None:
    """Publish without storing, behind whatever of the room or the client is on its way."""
    if entry.posted.once is not None:
        entry.undo = _remember(chat, room, entry.posted, entry.posted.once)
    if room.last_seq > room.ceiling:
        room.ceiling = room.last_seq + chat.rules.seqs_reserved
        chat.ledger.store(changes.SeqReserved(room.id, room.ceiling), room)
    if room.pending or entry.client.pending:
        chat.ledger.post(entry, stored=False)
    else:
        chat.ledger.publish(entry)


def _remember(
    chat: Chat, room: Conversation, message: MessagesPosted, once: tuple[str, bytes]
) -> Callable[[], object]:
    """Keep a SEND id in memory alone; returns how to forget it."""
    key = message.sender, once[0]
    chat.volatile_ids[key] = Sent(room.id, once[1], message.seq, message.time_ms)
    if len(chat.volatile_ids) > VOLATILE_IDS_MAX:
        chat.volatile_ids.popitem(last=False)
    return partial(chat.volatile_ids.pop, key, None)


def _sent_before(
    chat: Chat, me: Account, request: commands.Send, digest: bytes, sent: Sent
) -> Reply:
    conversation = _target(chat, me, request.target)
    if digest != sent.digest or conversation is None or conversation.id != sent.conversation:
        raise ChatError(Code.CONFLICT, "This id was used for another message; choose a new one.")
    chat.already(conversation)
    return replies.Posted(sent.seq, chat.clock.text(sent.time_ms))


def _target(chat: Chat, me: Account, target: str) -> Conversation | None:
    """A conversation, whether or not one may post to it now; None where there is none."""
    try:
        if target.startswith("#"):
            return chat.any_room(target)
        return chat.directory.direct(me.id, chat.anyone(target).id)
    except ChatError:
        return None
