"""Services: listing, providing and calling them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from chatd.protocol import replies, services
from chatd.protocol.declare import Reply
from chatd.protocol.errors import ChatError, Code

from ..chat import Chat
from ..ports import Reachable
from ..registry import Decision, handles

_PAGE = 100


@handles(services.Services)
async def listed(
    chat: Chat, client: Reachable, request: services.Services
) -> AsyncIterator[list[Reply]]:
    items: list[Reply] = [*chat.services.listed()]
    for first in range(0, len(items), _PAGE):
        yield items[first : first + _PAGE]


@handles(services.Call)
async def call(chat: Chat, client: Reachable, request: services.Call) -> Decision:
    """It waits in a task of its own; only this connection's next requests wait for it."""
    me = await chat.asking(lambda: chat.me(client))
    asked = chat.services.ask(client, me, request.service, request.arguments)
    chat.ledger.wake()  # so that the event leaves now
    try:
        await chat.services.wait(asked, chat.rules.service_seconds_max)
    finally:
        chat.services.end(asked)
    return lambda: services.Called(asked.result())


@handles(services.Serve)
async def serve(chat: Chat, client: Reachable, request: services.Serve) -> Decision:
    """It waits for the log-in to be stored, since who provides must stay who it is."""

    def decide() -> Reply:
        chat.services.serve(client, chat.me(client), request)
        return replies.Done()

    return decide


@handles(services.Unserve)
def unserve(chat: Chat, client: Reachable, request: services.Unserve) -> Reply:
    chat.services.unserve(client, request.service)
    return replies.Done()


@handles(services.Answer)
def answer(chat: Chat, client: Reachable, request: services.Answer) -> Reply:
    chat.services.answer(client, request.id, request.result)
    return replies.Done()


@handles(services.Refuse)
def refuse(chat: Chat, client: Reachable, request: services.Refuse) -> Reply:
    refusal = ChatError(Code.SERVICE_FAILED, request.sentence)
    chat.services.answer(client, request.id, refusal)
    return replies.Done()
