"""What a client's reader is shown: every message once, in order per conversation, without I/O.

The rules. Delivery begins at login: what was unread then is announced by `UnreadSince` and read
with HISTORY, as the caller likes; what is posted later is shown, live or, after a break, a `*LAG`
or a pause of the reader, from HISTORY. A conversation in which nothing has happened since login
begins, after a break, with its first unread message. What this client posted is shown by the reply
of its MSG or SEND, never as an event; only if that reply was lost does HISTORY show it. What was
posted in a room without history during a break is gone.

Nothing here grows without bound: events wait up to `events_max`; beyond it, messages are left to
HISTORY and other events are counted in `Missed`. So answers can always be read, and a reader that
makes calls of its own, or no reader at all, blocks nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from chatd.protocol.declare import Event
from chatd.protocol.events import Bye, Hello, Lag, MemberLeft, Message, UnreadSince
from chatd.protocol.replies import HistoryItem, UnreadItem

from .happenings import Missed
from .track import Track

EVENTS_MAX = 1_000
HELD_MAX = 1_000
UNSETTLED_MAX = 256
"""Posts of one's own since somebody else wrote; after so many, HISTORY settles where one is."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is missing: the messages of `conversation` after this seq."""

    conversation: str
    after: int
    track: Track


class Feed:
    """Takes a connection's events and pages of HISTORY, gives the reader's events."""

    def __init__(
        self,
        events_max: int = EVENTS_MAX,
        held_max: int = HELD_MAX,
        unsettled_max: int = UNSETTLED_MAX,
    ) -> None:
        self.user: str | None = None
        self.finding = False
        """Whether UNREAD must still tell which conversations began during the break."""
        self._events_max = events_max
        self._held_max = held_max
        self._unsettled_max = unsettled_max
        self._held = 0
        self._returned = False  # logged in again by itself: what is unread is shown, not announced
        self._events: deque[Event] = deque()
        self._tracks: dict[str, Track] = {}
        self._behind: dict[str, None] = {}  # an ordered set: for whom to ask HISTORY next

    def login(self, user: str | None) -> None:
        """Begin anew, as `user`, or logged out."""
        self.user = user
        self.finding = self._returned = False
        self._held = 0
        self._tracks.clear()
        self._behind.clear()

    def take(self, event: Event) -> None:
        """An event of the connection."""
        match event:
            case Message():
                self._message(event)
            case Lag():
                self._lag(event)
            case UnreadSince() if self._returned:
                self._found(event.conversation, event.first_seq)
            case Hello() | Bye():
                pass
            case _:
                self._note(event)

    def _note(self, event: Event) -> None:
        match event:
            case UnreadSince():
                track = self._track(event.conversation, event.last_seq)
                track.start = max(track.start or 0, event.last_seq)
            case MemberLeft() if event.user == self.user:
                self.left(event.room)
        self.put(event)

    def put(self, event: Event) -> None:
        """Show an event that is no message, or count it where there is no room."""
        if len(self._events) < self._events_max:
            self._events.append(event)
            return
        last = self._events[-1]
        if isinstance(last, Missed):
            self._events[-1] = Missed(last.count + 1)
        else:
            self._events.append(Missed(1))

    def pop(self) -> Event | None:
        """The reader's next event."""
        return self._events.popleft() if self._events else None

    def _track(self, conversation: str, start: int | None) -> Track:
        """The track; a new one begins after `start`, or where UNREAD will say."""
        track = self._tracks.get(conversation)
        if track is None:
            track = Track(None if self.finding else start, behind=self.finding)
            self._tracks[conversation] = track
        return track

    def _message(self, message: Message) -> None:
        track = self._track(message.conversation, message.seq - 1)
        if not track.is_new(message.seq):
            return
        if track.behind or len(self._events) >= self._events_max:
            self._hold(track, message)
        else:
            track.settle(message.seq)
            self._events.append(message)

    def _hold(self, track: Track, message: Message) -> None:
        self._fall_behind(message.conversation, track)
        if self._held >= self._held_max:
            track.lost_after(message.seq - 1)
        elif message.seq not in track.held:
            track.held[message.seq] = message
            self._held += 1

    def _fall_behind(self, conversation: str, track: Track) -> None:
        track.behind = True
        if not track.asked:
            self._behind.setdefault(conversation)

    def _lag(self, lag: Lag) -> None:
        track = self._track(lag.conversation, lag.seq)
        track.lost_after(lag.seq)
        self._fall_behind(lag.conversation, track)

    def posted(self, conversation: str, seq: int) -> None:
        """This client posted a message, and the caller has the reply."""
        # What others wrote just before may still be on its way, so this is no place to begin.
        track = self._track(conversation, None)
        track.posted(seq)
        if track.start is not None and len(track.own) > self._unsettled_max:
            self._fall_behind(conversation, track)

    def joined(self, room: str, last_seq: int) -> None:
        """This client joined a room, perhaps one that it was in already."""
        if not self.finding:
            self._track(room, last_seq)

    def left(self, conversation: str) -> None:
        """What was held back is shown, and nothing more can be asked; it may begin again."""
        track = self._tracks.pop(conversation, None)
        if track is not None:
            self._behind.pop(conversation, None)
            self._held -= len(track.held)
            self._events.extend(track.close())

    def broken(self) -> None:
        """The connection is gone: something may be missing everywhere."""
        if self.user is None:
            return
        self.finding = self._returned = True
        for conversation, track in self._tracks.items():
            track.asked = False
            self._fall_behind(conversation, track)

    def _found(self, conversation: str, first_seq: int) -> None:
        """Something is unread; where nothing was known of the conversation, it begins there."""
        track = self._tracks.get(conversation)
        if track is None:
            track = self._tracks[conversation] = Track(first_seq - 1)
        elif track.start is None:
            track.start = first_seq - 1
        else:
            return
        self._fall_behind(conversation, track)

    def found(self, unread: list[UnreadItem]) -> None:
        """What UNREAD tells after the login that followed a break."""
        for item in unread:
            self._found(item.conversation, item.first_seq)
        self.finding = False
        for conversation, track in self._tracks.items():
            if track.start is None:
                track.begin_at_latest()
                self._fall_behind(conversation, track)

    def ask(self) -> Ask | None:
        """What to ask HISTORY for next, if anything is missing and there is room to show it."""
        if self.finding or len(self._events) > self._events_max // 2:
            return None
        if not self._behind:
            return None
        conversation = next(iter(self._behind))
        del self._behind[conversation]
        track = self._tracks[conversation]
        if track.start is None:
            track.begin_at_latest()
        track.gap, track.asked = None, True
        return Ask(conversation, track.after, track)

    def put_back(self, ask: Ask) -> None:
        """There was no answer; it is to be asked again."""
        if self._tracks.get(ask.conversation) is ask.track:
            ask.track.asked = False
            self._fall_behind(ask.conversation, ask.track)

    def fill(self, ask: Ask, items: list[HistoryItem], limit: int) -> None:
        """What HISTORY answered, with `limit` as asked."""
        track, talk = ask.track, ask.conversation
        if self._tracks.get(talk) is not track:
            return
        page = [Message(talk, item.seq, item.time, item.sender, item.text) for item in items]
        before = len(track.held)
        self._events.extend(track.fill(page, len(items) >= limit))
        self._held += len(track.held) - before
        if track.behind:
            self._fall_behind(talk, track)  # at the end, so that it keeps no other waiting

    def give_up(self, ask: Ask) -> None:
        """HISTORY refuses: there is nothing to be had."""
        if self._tracks.get(ask.conversation) is ask.track:
            self.left(ask.conversation)
