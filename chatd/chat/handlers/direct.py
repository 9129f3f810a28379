"""Client to client: people are told where others listen; what they say there, nobody else hears."""

from __future__ import annotations

from functools import partial

from chatd.protocol import direct, replies
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code

from ..chat import Chat
from ..model import ERASED, Account
from ..ports import Client, Provable
from ..registry import Decision, handles
from ..whereabouts import Place


@handles(direct.Listen)
def listen(chat: Chat, client: Provable, request: direct.Listen) -> Reply:
    """In its turn, since the log-in itself may not have been published yet."""
    me = chat.me(client)
    place = _place(client, request) if request.port else None
    chat.ledger.then(partial(_listen, chat, client, me.id), place)
    return replies.Done()


@handles(direct.Where)
def where(chat: Chat, client: Client, request: direct.Where) -> Reply:
    me, other = chat.me(client), chat.person(request.user)
    # Whoever may not know learns no more than that, and in the same way.
    known = _share_conversation(chat, me, other) and me.id not in other.blocked
    place = chat.hub.whereabouts.newest(chat.hub.clients(other.id)) if known else None
    if place is None:
        raise ChatError(Code.OFFLINE, f"{other.name} does not listen for you; send it with MSG.")
    return direct.Whereabouts(place.address, place.port, place.key)


@handles(direct.Blocks)
async def blocks(chat: Chat, client: Client, request: direct.Blocks) -> Decision:
    me = await chat.asking(lambda: chat.me(client))
    names = await chat.archive.names(me.blocked)
    return lambda: [direct.BlockedItem(name) for name in sorted({*names.values()} - {ERASED})]


def _place(client: Provable, request: direct.Listen) -> Place:
    key = request.key or client.device_key
    if key is None:
        raise ChatError(
            Code.BAD_FIELD, "Name your X25519 public key, key=…, or come through an IK channel."
        )
    return Place(client.address, request.port, key)


def _listen(chat: Chat, client: Client, account: int, place: Place | None) -> None:
    """Not for a connection that has gone, or logged out, meanwhile."""
    if client in chat.hub.clients(account):
        chat.hub.whereabouts.listen(client, place)


def _share_conversation(chat: Chat, me: Account, other: Account) -> bool:
    direct_one = chat.directory.direct(me.id, other.id)  # asked for in any case
    return me is other or not me.rooms.isdisjoint(other.rooms) or direct_one is not None
