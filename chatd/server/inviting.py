"""What an invitation looks like: the one-time ID, the enrolment line, and its QR code."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TextIO

import segno

from chatd.chat.admin import Invited
from chatd.protocol.enrolment import EnrolmentLine, grouped
from chatd.protocol.enrolment import host as checked_host
from chatd.security.keys import ServerKey

from .addresses import listen_address
from .settings import Settings

_DURATION = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mhd])")
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_QUIET_MODULES = 2


class InviteError(Exception):
    """An invitation cannot be made; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the invited find the server; `hint`: why they might not."""

    host: str
    port: int
    hint: str = ""


def milliseconds(duration: str) -> int:
    """Of `30m`, `12h` or `7d`. InviteError."""
    found = _DURATION.fullmatch(duration)
    if found is None or not int(found["number"]):
        raise InviteError(f"{duration!r} is no duration; write 30m, 12h or 7d")
    return int(found["number"]) * _UNIT_MS[found["unit"]]


def place(
    settings: Settings, doors: list[tuple[str, int]], host: str | None, port: int | None
) -> Place:
    """Where to come in: as told, else at the first of `doors`, or of the settings, that speaks
    plain TCP, since devices seal their connections themselves. InviteError."""
    host = None if host is None else _host(host)
    open_doors = doors or [
        (found.host, found.port)
        for found in map(listen_address, settings.listen)
        if found.kind == "tcp"
    ]
    if not open_doors and (host is None or port is None):
        raise InviteError(
            "devices log in over plain TCP, which they seal themselves, and there is no such"
            " address in the settings; name one with --host and --port"
        )
    own_host, own_port = open_doors[0] if open_doors else ("", 0)
    if port is None and own_port == 0:
        raise InviteError("the port is not known before the server runs; name it with --port")
    found = Place(host or own_host, port or own_port)
    return found if host else _reachable(found)


def _host(told: str) -> str:
    """As `--host` names it: whoever is invited reads it, a shell and a terminal too."""
    try:
        return checked_host(told.removeprefix("[").removesuffix("]") if ":" in told else told)
    except ValueError as wrong:
        raise InviteError(f"--host {wrong}; the port is for --port") from None


def _reachable(found: Place) -> Place:
    """The host by which others may find it."""
    try:
        address = ipaddress.ip_address(found.host)
    except ValueError:
        return found
    if address.is_unspecified:
        name = socket.gethostname()
        hint = f"the server listens at all its addresses, and {name} is only what it calls itself"
        return Place(name, found.port, hint)
    if address.is_loopback:
        return Place(found.host, found.port, f"{found.host} is found on this machine alone")
    return found


def show(invited: Invited, where: Place, key: ServerKey, out: TextIO, qr: bool) -> None:
    """Print what the invited need; the QR code if it is wanted and `out` is a terminal."""
    line = EnrolmentLine(
        where.host, where.port, invited.name, key.channel_public(), invited.one_time_id
    ).write()
    what = "one more device of " if invited.another else ""
    print(f"One-time ID for {what}{invited.name} (level {invited.level}):", file=out)
    print(f"  {grouped(invited.one_time_id)}", file=out)
    print(f"Good once, until {invited.expires}. All in one line:", file=out)
    print(f"  chatctl enrol '{line}'", file=out)
    if qr and out.isatty():
        segno.make(line, error="m", micro=False).terminal(out, border=_QUIET_MODULES, compact=True)
