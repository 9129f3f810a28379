"""Reading back: history, and what is unread."""

from __future__ import annotations

from collections.abc import AsyncIterator

from chatd.protocol import commands, replies
from chatd.protocol.declare import Reply

from .. import changes
from ..chat import Chat
from ..ports import Client
from ..registry import handles

HISTORY_LIMIT = 50


@handles(commands.History)
async def history(
    chat: Chat, client: Client, request: commands.History
) -> AsyncIterator[list[Reply]]:
    conversation = await chat.asking(
        lambda: chat.my_conversation(chat.me(client), request.conversation)
    )
    if conversation is None:
        return
    limit = HISTORY_LIMIT if request.limit is None else request.limit
    after, before = request.after or 0, conversation.last_seq + 1
    if request.before is not None:
        before = min(before, request.before)
    if request.after is None or request.before is not None:
        start = await chat.archive.history_start(conversation.id, before, limit)
        after = max(after, start - 1)
    while limit > 0:
        page = await chat.archive.history(conversation.id, after, before, limit)
        if not page:
            return
        text = chat.clock.text
        yield [replies.HistoryItem(m.seq, text(m.time_ms), m.sender, m.text) for m in page]
        after, limit = page[-1].seq, limit - len(page)


@handles(commands.Seen)
def seen(chat: Chat, client: Client, request: commands.Seen) -> Reply:
    me = chat.me(client)
    conversation = chat.my_conversation(me, request.conversation)
    if conversation is not None:
        upto = min(request.seq, conversation.last_seq)
        chat.ledger.store(changes.SeenSet(conversation.id, me.id, upto), conversation)
    return replies.Done()


@handles(commands.Unread)
async def unread(
    chat: Chat, client: Client, request: commands.Unread
) -> AsyncIterator[list[Reply]]:
    me = await chat.asking(lambda: chat.me(client))
    stored = await chat.archive.unread(me.id)
    yield [replies.UnreadItem(u.conversation, u.count, u.first_seq, u.last_seq) for u in stored]
