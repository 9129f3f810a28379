"""Commands about the local log: `log show | verify | clear`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Annotated, Any

import trio
import typer

from ..consent import consents
from ..desk import Desk
from ..harmless import harmless
from ..locallog import Damaged, Entry, LocalLog, Unfinished, clear, local_log
from ..output import clock, message_lines
from ..problems import Problem, Status, usage
from ..session import plain_name

Who = Annotated[
    str | None, typer.Argument(metavar="[CONVERSATION]", help="Only this one; unless given, all.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Only so many, the newest of them.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


async def show(desk: Desk, who: Who = None, limit: Limit = None) -> None:
    """List what is kept here, oldest first, up to the first entry that was tampered with."""
    log, name = _log(desk), None if who is None else plain_name(who)
    found: deque[tuple[int, Entry]] = deque(maxlen=limit)
    problem = await trio.to_thread.run_sync(_read, log, name, found)
    for number, entry in found:
        desk.out.show(_told(entry), {"entry": number, **_fields(entry)})
    if problem is not None:
        raise problem


async def verify(desk: Desk) -> None:
    """See that no entry was changed, left out, put in or moved, and that nothing was added."""
    found: deque[tuple[int, Entry]] = deque(maxlen=0)
    counted = _Counted(_log(desk))
    problem = await trio.to_thread.run_sync(_read, counted, None, found)
    if problem is not None:
        raise problem
    told = {"entries": counted.count, "first": counted.first, "last": counted.last}
    kept = f", from {counted.first} to {counted.last}" if counted.count else ""
    desk.out.show(f"The local log is as it was written: {counted.count} entries{kept}.", told)


async def clear_(desk: Desk, yes: Yes = False) -> None:
    """Do away with the local log and its key; what is received next begins another."""
    if desk.profile.log_key is None:
        desk.out.show(_none(desk), {"cleared": False})
    elif yes or consents("This removes all that is kept in the local log"):
        clear(desk)
        desk.out.show("The local log is gone.", {"cleared": True})
    else:
        desk.out.show("Nothing was removed.", {"cleared": False})


class _Counted:
    """A log whose entries are counted as they are read."""

    def __init__(self, log: LocalLog) -> None:
        self._log = log
        self.count = self.first = self.last = 0

    def entries(self) -> Iterator[tuple[int, Entry]]:
        for number, entry in self._log.entries():
            self.count, self.last = self.count + 1, number
            self.first = self.first or number
            yield number, entry


def _log(desk: Desk) -> LocalLog:
    if desk.profile.log_key is None:
        raise usage(f"{_none(desk)}; listen and chat keep one")
    return local_log(desk)


def _none(desk: Desk) -> str:
    return f"Profile '{desk.profile_name}' has no local log"


def _read(
    log: LocalLog | _Counted, name: str | None, found: deque[tuple[int, Entry]]
) -> Problem | None:
    """Take in the entries of a conversation; what is wrong, if anything is."""
    try:
        for number, entry in log.entries():
            if name in (None, entry.conversation):
                found.append((number, entry))
    except Unfinished as error:
        sentence = (
            f"The local log is not as it was written: {error.sentence}. A crash left it, or"
            " somebody put it there; the next listen or chat cuts it off"
        )
        return Problem(Status.NOT_VERIFIED, sentence)
    except Damaged as error:
        return Problem(Status.NOT_VERIFIED, f"The local log was tampered with: {error.sentence}")
    return None


def _told(entry: Entry) -> str:
    """As it was shown when it came."""
    head = entry.sender if entry.sender == entry.conversation else _both(entry)
    marks = ["direct"] if entry.way != "server" else []
    marks += [kind.replace("-", " ") for kind in entry.findings]
    alarm = " !" if entry.grave else ""
    words = f" [{', '.join(marks)}]" if marks else ""
    return message_lines(f"{clock(entry.time)} {harmless(head + words)}{alarm}:", entry.text)


def _both(entry: Entry) -> str:
    return f"{entry.conversation} {entry.sender}"


def _fields(entry: Entry) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: getattr(entry, name) for name in entry.__struct_fields__ if name != "user"
    }
    return {name: value for name, value in fields.items() if value not in (None, 0, [], False)}
