"""Commands for devices: enrolling one with a one-time ID, and logging in with it, without a
password; what is answered, and what an account is warned of."""

from __future__ import annotations

from typing import Annotated

from .declare import Command, Event, Listing, Needs, Reply, command, event, reply
from .enrolment import DeviceKey, OneTimeId
from .errors import Code
from .fields import Keys, Line, Time, Token, User, Word, flag
from .replies import Done

C = Code


@reply
class Enrolled(Reply):
    """The token for the device's first LOGIN."""

    device_token: Token


@reply
class LoggedIn(Reply):
    """The token for the device's next LOGIN, and that of the session."""

    next_device_token: Token
    session_token: Token


@reply
class DeviceItem(Reply):
    """One device of the account."""

    device_id: Word
    created: Time
    last_used: Time
    address: Word
    this: Annotated[bool, flag("this")]


@command(Needs.NO_LOGIN, Enrolled, C.DENIED, C.RATE_LIMITED, C.TOO_BIG)
class Enrol(Command[Enrolled]):
    """Make a device yours, and your account if there is none, with a one-time ID."""

    user: User
    one_time_id: OneTimeId
    device_key: DeviceKey
    jwks: Keys = ""


@command(Needs.NO_LOGIN, LoggedIn, C.DENIED, C.RATE_LIMITED, C.INSECURE)
class Login(Command[LoggedIn]):
    """Log in from an enrolled device, inside a channel sealed with its key."""

    user: User
    device_token: Token


@command(Needs.LOGIN, DeviceItem)
class Devices(Listing[DeviceItem]):
    """List your enrolled devices."""


@command(Needs.LOGIN, Done, C.NO_SUCH_DEVICE)
class Unenrol(Command[Done]):
    """Remove one of your devices: its token and its sessions end."""

    device_id: Word


@event("ALERT")
class Alert(Event):
    """something about the account that its owner must know: to all its sessions"""

    code: Word
    sentence: Line
