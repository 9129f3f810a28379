"""Where the reader stands in one conversation, without I/O.

Live messages pass through while nothing is missing. After a break, a `*LAG`, or when the reader is
slow, the track is behind: live messages are held back while pages of HISTORY fill the hole, and
both are merged by seq. A page with less than was asked for ends it, because whatever was stored
later than that page comes live, unless the track learns meanwhile of another hole (`gap`).
"""

from __future__ import annotations

from chatd.protocol.events import Message

OWN_MAX = 10_000


class Track:
    """One conversation. Seqs only grow within it, so a few numbers tell all."""

    __slots__ = ("asked", "behind", "gap", "held", "own", "settled", "start")

    def __init__(self, start: int | None, *, behind: bool = False) -> None:
        self.start = start
        """What is up to here came before the reader listened; None: not known."""
        self.settled = 0
        """What is up to here was shown, or need not be."""
        self.own: dict[int, None] = {}
        """Messages that this client posted itself; they are never shown."""
        self.held: dict[int, Message] = {}
        self.behind = behind
        self.asked = False
        """Whether a page of HISTORY is on its way."""
        self.gap: int | None = None
        """After this seq live messages were lost, since HISTORY was last asked."""

    @property
    def after(self) -> int:
        """Where HISTORY is to go on."""
        return max(self.start or 0, self.settled)

    def is_new(self, seq: int) -> bool:
        """Whether a message is still to be shown."""
        return seq > self.settled and seq not in self.own

    def settle(self, seq: int) -> None:
        """Everything up to `seq` is done with."""
        self.settled = max(self.settled, seq)
        if self.own:
            self.own = {own: None for own in self.own if own > self.settled}

    def posted(self, seq: int) -> None:
        """This client posted a message, and the caller has the reply."""
        if seq > self.settled:
            self.own[seq] = None
        if len(self.own) > OWN_MAX:
            del self.own[next(iter(self.own))]  # it may be shown; better than that another is not

    def lost_after(self, seq: int) -> None:
        """Live messages after `seq` were not kept."""
        self.behind = True
        self.gap = seq if self.gap is None else min(self.gap, seq)

    def begin_at_latest(self) -> None:
        """Nothing older is missing: it begins with what came live or was posted here."""
        known = [*self.held, *self.own, *([] if self.gap is None else [self.gap + 1])]
        self.start = self.settled or min(known, default=1) - 1

    def fill(self, page: list[Message], full: bool) -> list[Message]:
        """Merge a page of HISTORY, oldest first; what is to be shown now, in order.

        `full` says that the page has as many messages as were asked for, so that more may follow.
        """
        self.held.update({message.seq: message for message in page})
        end = page[-1].seq if page else 0
        sure = max(self.held, default=0) if self.gap is None else max(end, self.gap)
        due = sorted(seq for seq in self.held if seq <= (end if full else sure))
        merged = [self.held.pop(seq) for seq in due]
        shown = [message for message in merged if self.is_new(message.seq)]
        self.settle(max(due, default=0))
        self.asked = False
        self.behind = full or self.gap is not None
        return shown

    def close(self) -> list[Message]:
        """No HISTORY can be had any more: what was held back, in order."""
        self.gap = None
        return self.fill([], full=False)
