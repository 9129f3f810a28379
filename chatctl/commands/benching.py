"""`bench`: measure a server as its users see it."""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Annotated

import trio
import typer

from chatd.protocol.errors import Code

from ..address import parse_address
from ..consent import consents
from ..desk import Desk
from ..load.plan import (
    ACCOUNTS_MAX,
    CONNECTIONS_MAX,
    PAYLOAD_BYTES_MAX,
    PAYLOAD_BYTES_MIN,
    RATE_MAX,
    ROOMS,
    ROOMS_MAX,
    SECONDS_MAX,
    SECONDS_MIN,
    WINDOW_MAX,
    Plan,
    accounts_for,
)
from ..problems import Problem, Status, complain, problem_of, usage

if TYPE_CHECKING:
    from ..load.measuring import Outcome

FILES_BESIDES = 64
"""Open files that are no connections of the measurement."""
NAMES_MAX = 5
"""So many are told of those who are left."""

Connections = Annotated[
    int, typer.Option(min=1, max=CONNECTIONS_MAX, metavar="N", help="How many are logged in.")
]
Rooms = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=ROOMS_MAX,
        metavar="N",
        help="Over how many rooms they spread.",
        show_default="10, or half as many as connections",
    ),
]
Senders = Annotated[
    int | None,
    typer.Option(
        min=1, max=CONNECTIONS_MAX, metavar="N", help="How many write; unless given, one a room."
    ),
]
Rate = Annotated[
    float,
    typer.Option(
        min=0,
        max=RATE_MAX,
        metavar="N",
        help="Messages a second from all senders; 0: as many as their windows let them.",
    ),
]
Window = Annotated[
    int,
    typer.Option(
        min=1, max=WINDOW_MAX, metavar="N", help="How many of a sender may be without an answer."
    ),
]
Payload = Annotated[
    int,
    typer.Option(
        min=PAYLOAD_BYTES_MIN, max=PAYLOAD_BYTES_MAX, metavar="BYTES", help="How long each is."
    ),
]
Duration = Annotated[
    float,
    typer.Option(min=SECONDS_MIN, max=SECONDS_MAX, metavar="SECONDS", help="How long they write."),
]
History = Annotated[
    bool, typer.Option("--history/--no-history", help="Whether the rooms keep a history.")
]
Accounts = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=ACCOUNTS_MAX,
        metavar="N",
        help="How many accounts share the connections; unless given, about 20.",
    ),
]
OwnAccount = Annotated[
    bool,
    typer.Option(
        "--own-account",
        help="Make no accounts; all connections are the profile's, and hear all rooms.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before loading another machine.")]
CleanUp = Annotated[
    bool, typer.Option("--clean-up", help="Only erase the accounts that earlier runs have left.")
]


async def bench(
    desk: Desk,
    connections: Connections = 100,
    rooms: Rooms = None,
    senders: Senders = None,
    rate: Rate = 0,
    window: Window = 8,
    payload: Payload = 64,
    duration: Duration = 10,
    history: History = True,
    accounts: Accounts = None,
    own_account: OwnAccount = False,
    yes: Yes = False,
    clean_up: CleanUp = False,
) -> None:
    """Measure a server: how much it carries, and how long messages take.

    Throw-away accounts write to each other in private rooms. They are erased
    afterwards, also after Ctrl-C; only their names stay taken.

    A message's time counts from when it is sent. With --rate it counts from when
    it was due, however long it had to wait for the answers to those before it.
    """
    _demand_no_pin(desk)
    if clean_up:
        await _clean_up(desk)
        return
    rooms = rooms or max(1, min(ROOMS, connections // 2))
    made = 1 if own_account else accounts or accounts_for(connections, rooms)
    plan = Plan(
        connections=connections,
        rooms=rooms,
        senders=senders or rooms,
        accounts=made,
        window=window,
        rate=rate or None,
        payload_bytes=payload,
        seconds=duration,
        history=history,
    )
    if (complaint := plan.complaint()) is not None:
        raise usage(complaint)
    _demand_plain(desk, own_account)
    _demand_files(connections)
    if yes or _may_load(desk.server):
        await _measure(desk, plan, own_account)
    else:
        complain("Nothing was measured")


def _demand_no_pin(desk: Desk) -> None:
    """Raises Problem."""
    if desk.is_pinned:
        raise usage("bench does not check whose key a server has; leave out --pin")


def _demand_plain(desk: Desk, own_account: bool) -> None:
    """The engine reads bare sockets, on which nobody's own token goes to another machine. Raises
    Problem."""
    if desk.address.tls:
        raise usage("bench measures connections without TLS; give it another --server")
    if own_account and not desk.address.is_here:
        raise usage("--own-account is for a server on this machine: bench does not encrypt")


def _demand_files(connections: int) -> None:
    """Let this process have so many sockets. Raises Problem."""
    wanted = connections + FILES_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) or wanted <= soft:
        return
    if wanted > hard:
        raise usage(f"{connections} connections are over this system's limit of files ({hard})")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _may_load(server: str) -> bool:
    """A server on another machine is not loaded by mistake. Raises as `consents`."""
    here = parse_address(server).is_here
    return here or consents(f"This puts load on {server}, another machine")


async def _measure(desk: Desk, plan: Plan, own_account: bool) -> None:
    # What follows takes a while to load, and no other command needs it.
    from ..load.crowd import Person  # noqa: PLC0415
    from ..load.measuring import Measuring  # noqa: PLC0415
    from ..load.progress import Meter  # noqa: PLC0415

    own = None
    if own_account:
        async with desk.login():  # an enrolled device may have to begin a session
            own = Person(desk.profile.user or "", desk.token())
    with Meter() as meter:
        measuring = Measuring(desk.server, plan, own, meter)
        try:
            await measuring.run()
        except BaseExceptionGroup as group:
            raise _hinted(problem_of(group)) from None
        finally:
            meter.end()
            _tell_left(measuring.outcome.left, own_account)
    _show(desk, measuring.outcome)


def _hinted(problem: Problem) -> Problem:
    """What to do where nobody can register."""
    if problem.code is not Code.CLOSED:
        return problem
    hint = "; log in, and add --own-account"
    return Problem(problem.status, problem.sentence.rstrip(".") + hint, problem.code)


def _tell_left(left: list[str], own_account: bool) -> None:
    if left and own_account:
        complain(f"You are still in {_some(left)}; leave with: chatctl leave '{left[0]}'")
    elif left:
        complain(f"Not erased: {_some(left)}; erase later with: chatctl bench --clean-up")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return ", ".join(names[:NAMES_MAX]) + more


def _show(desk: Desk, outcome: Outcome) -> None:
    """Tell what was measured. Raises Problem where something went wrong meanwhile."""
    from ..load.picture import picture  # noqa: PLC0415
    from ..load.report import fields_of_outcome  # noqa: PLC0415

    tally = outcome.tally
    if tally is not None:
        shown = picture(desk.server, outcome, tally, _writes_blocks())
        desk.out.show(shown, fields_of_outcome(desk.server, outcome, tally))
    if outcome.interrupted:
        raise Problem(Status.INTERRUPTED, "Interrupted")
    assert tally is not None, "it ended neither by itself nor by a signal"
    if tally.lost:
        raise Problem(Status.UNREACHABLE, f"{len(tally.lost)} connections lost: {tally.lost[0]}")
    if tally.refused:
        raise Problem(Status.REFUSED, f"{tally.refused.total()} messages were refused")


def _writes_blocks() -> bool:
    try:
        "█µ".encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


async def _clean_up(desk: Desk) -> None:
    """Erase what earlier measurements have left."""
    from ..load.erasing import erase, patience_seconds  # noqa: PLC0415
    from ..load.leftovers import paths, reopen  # noqa: PLC0415

    left: list[str] = []
    for path in paths():
        if (kept := reopen(path)) is None:
            continue
        with kept, trio.move_on_after(patience_seconds(kept.content)):
            before = list(kept.content.users)
            await erase(kept.content, lambda _: None)
        gone = [user for user in before if user not in kept.content.users]
        left += kept.content.users
        fields = {"server": kept.content.server, "erased": gone, "left": kept.content.users}
        desk.out.show(f"Erased {len(gone)} accounts at {kept.content.server}.", fields)
    if left:
        raise Problem(Status.UNREACHABLE, f"Not erased: {_some(left)}; try again later")
