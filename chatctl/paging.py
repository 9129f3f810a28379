"""HISTORY beyond the bound of one request, `HISTORY_LIMIT_MAX` messages.

A page is taken only in its order, and with what was asked for: so it ends, and shows who reordered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from chatd.protocol.commands import History
from chatd.protocol.events import Message
from chatd.protocol.fields import HISTORY_LIMIT_MAX
from chatd.protocol.replies import HistoryItem

from .client import Client
from .errors import NotVerified


async def listed(client: Client, wanted: History, limit: int) -> list[HistoryItem]:
    """What `wanted` asks for, though with `limit` messages, oldest first."""
    forward = wanted.after is not None and wanted.before is None
    found: list[HistoryItem] = []
    after, before = wanted.after, wanted.before
    while True:
        size = min(limit - len(found), HISTORY_LIMIT_MAX)
        page = await client.call(
            History(wanted.conversation, after=after, before=before, limit=size)
        )
        _demand_asked_for(page, after, before)
        found = [*found, *page] if forward else [*page, *found]
        if len(page) < HISTORY_LIMIT_MAX or len(found) >= limit:
            return found
        after, before = (page[-1].seq, before) if forward else (after, page[0].seq)


async def between(
    client: Client, conversation: str, first_seq: int, last_seq: int
) -> AsyncIterator[Message]:
    """The messages from `first_seq` to `last_seq`, oldest first, a page at a time."""
    after = first_seq - 1
    while after < last_seq:
        page = await client.call(History(conversation, after=after, limit=HISTORY_LIMIT_MAX))
        _demand_asked_for(page, after, None)
        for item in page:
            if item.seq <= last_seq:
                yield said(conversation, item)
        after = page[-1].seq if page else last_seq


def _demand_asked_for(page: list[HistoryItem], after: int | None, before: int | None) -> None:
    """Oldest first, and between these. Raises NotVerified."""
    seqs = [item.seq for item in page]
    low = -1 if after is None else after
    if any(here <= earlier for earlier, here in zip([low, *seqs], seqs)) or (
        before is not None and seqs and seqs[-1] >= before
    ):
        raise NotVerified(
            "The server shows messages out of their order, or others than were asked for; none of"
            " them is shown here. Tell who runs the server"
        )


def said(conversation: str, item: HistoryItem) -> Message:
    """An earlier message as it came when it was new."""
    return Message(conversation, item.seq, item.time, item.sender, item.text)
