"""What was opened, held against what the server said: every difference is one sentence.

The server says in which conversation a message stands, where in it, when it came and from whom; the
signature says the same without the server. `Journal` remembers a bounded number of messages, so
that one shown twice or out of order is noticed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from .messages import Claims, Opened, Signature, conversation
from .times import time_text
from .trust import Standing

TIME_SECONDS_MAX = 300.0
"""How far a sender's time may be from the server's: clocks differ, and lines wait to be sent."""
REMEMBERED_MAX = 10_000
ERASED = "~erased"
"""Whom the server calls the sender of what was written by somebody who is gone (contract, 5)."""


class Kind(StrEnum):
    """What differs, for programs."""

    NOT_ENCRYPTED = "not-encrypted"
    NOT_SIGNED = "not-signed"
    NOT_CHECKED = "not-checked"
    KEY_UNSEEN = "key-unseen"
    KEY_EARLIER = "key-earlier"
    KEY_CHANGED = "key-changed"
    SENDER = "sender"
    CONVERSATION = "conversation"
    TIME = "time"
    REPLAYED = "replayed"
    REORDERED = "reordered"
    UNREADABLE = "unreadable"


GRAVE = frozenset(
    {Kind.KEY_CHANGED, Kind.SENDER, Kind.CONVERSATION, Kind.REPLAYED}
)  # fmt: skip
"""With one of these a message is not what it seems: show it as an alarm, not as a message."""


@dataclass(frozen=True)
class Finding:
    """One thing to tell the reader."""

    kind: Kind
    sentence: str

    @property
    def is_grave(self) -> bool:
        """Whether the message must not be shown as if it were its sender's."""
        return self.kind in GRAVE


@dataclass(frozen=True)
class Said:
    """What the server said of a message: the fields of `*MSG`."""

    conversation: str
    seq: int
    time: datetime
    sender: str


class _Message(NamedTuple):
    """One message for all time; a sender's id is the same in whatever place it is shown."""

    conversation: str
    signer: str
    id: str

    @property
    def line(self) -> tuple[str, str]:
        """What its neighbours in time have in common."""
        return self.conversation, self.signer


NOT_ENCRYPTED = Finding(Kind.NOT_ENCRYPTED, "Not encrypted: the server can read and write this")


def judge(
    opened: Opened, said: Said, me: str, standing: Standing, journal: Journal
) -> list[Finding]:
    """What the reader `me` must be told; nothing where all agrees.

    `standing` is that of `opened.signer` for `said.sender` (trust.py; not looked at without one).
    """
    claims = opened.claims
    if claims is None:
        sentence = f"Not signed: anybody may have written this, {said.sender} or not"
        return [Finding(Kind.NOT_SIGNED, sentence)]
    found = [*_key(opened, claims, said, standing), *_differences(claims, said, me)]
    if opened.signer is not None:
        found += journal.note(said, opened.signer, claims)
    return found


def _key(opened: Opened, claims: Claims, said: Said, standing: Standing) -> list[Finding]:
    who = said.sender
    if who == ERASED:
        sentence = f"Its sender's account is erased; signed as {claims.sender}"
        return [Finding(Kind.NOT_CHECKED, sentence)]
    if opened.signature is not Signature.VALID:
        sentence = "Signed by a key that is not at hand: whether it is {}'s cannot be checked"
        return [Finding(Kind.NOT_CHECKED, sentence.format(who))]
    match standing:
        case Standing.UNSEEN:
            sentence = "Signed by a key not seen before; compare: chatctl verify {}"
            return [Finding(Kind.KEY_UNSEEN, sentence.format(who))]
        case Standing.EARLIER:
            return [Finding(Kind.KEY_EARLIER, f"Signed by an earlier key of {who}")]
        case Standing.CHANGED:
            sentence = "Not signed by the key known as {}'s: somebody else may have written this"
            return [Finding(Kind.KEY_CHANGED, sentence.format(who))]
        case _:
            return []


def _differences(claims: Claims, said: Said, me: str) -> list[Finding]:
    found: list[Finding] = []
    if said.sender not in (claims.sender, ERASED):
        sentence = f"The server says {said.sender} sent this, but {claims.sender} signed it"
        found.append(Finding(Kind.SENDER, sentence))
    if claims.to != conversation(me, said.conversation):
        sentence = f"Written for {claims.to}, but the server shows it in {said.conversation}"
        found.append(Finding(Kind.CONVERSATION, sentence))
    if abs((claims.time - said.time).total_seconds()) > TIME_SECONDS_MAX:
        written, came = time_text(claims.time), time_text(said.time)
        sentence = f"Written at {written} by its sender's clock; the server says {came}"
        found.append(Finding(Kind.TIME, sentence))
    return found


class Journal:
    """Which messages were seen where; forgets those noted first beyond `remembered_max`."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._max = remembered_max
        self._seqs: OrderedDict[_Message, int] = OrderedDict()
        self._places: dict[tuple[str, int], _Message] = {}
        self._times: dict[tuple[str, str], list[tuple[int, datetime]]] = {}

    def note(self, said: Said, signer: str, claims: Claims) -> list[Finding]:
        """Remembers a message; says if it was seen at another place, or if another was in this,
        or if its signer wrote its neighbours in another order."""
        message = _Message(said.conversation, signer, claims.id)
        seq = self._seqs.get(message, said.seq)
        if seq != said.seq:
            sentence = f"Shown twice: {claims.sender} sent this once, and it stands at {seq} too"
            return [Finding(Kind.REPLAYED, sentence)]
        if self._places.setdefault((said.conversation, seq), message) != message:
            return [Finding(Kind.REPLAYED, "The server showed another message in this place")]
        if message not in self._seqs:
            self._remember(message, seq, claims.time)
        return self._order(message, seq, claims)

    def _remember(self, message: _Message, seq: int, time: datetime) -> None:
        self._seqs[message] = seq
        insort(self._times.setdefault(message.line, []), (seq, time))
        if len(self._seqs) > self._max:
            self._forget(*self._seqs.popitem(last=False))

    def _forget(self, message: _Message, seq: int) -> None:
        del self._places[message.conversation, seq]
        line = self._times[message.line]
        del line[bisect_left(line, (seq,))]
        if not line:
            del self._times[message.line]

    def _order(self, message: _Message, seq: int, claims: Claims) -> list[Finding]:
        line = self._times[message.line]
        place = bisect_left(line, (seq,))
        times = [time for _, time in line[max(place - 1, 0) : place + 2]]
        if times == sorted(times):
            return []
        written = time_text(claims.time)
        sentence = (
            f"Out of order: {claims.sender} wrote this or its neighbour elsewhere ({written})"
        )
        return [Finding(Kind.REORDERED, sentence)]
