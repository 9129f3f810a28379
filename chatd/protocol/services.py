"""Services: what one client may have another, or the server, do for it. All of the area stands
here: its commands, their replies and its event."""

from __future__ import annotations

from .declare import Command, Event, Listing, Needs, Reply, command, event, reply
from .errors import Code
from .fields import (
    Arguments,
    ClientId,
    Description,
    FreeText,
    Level,
    Provider,
    Service,
    Text,
    Usage,
    User,
)
from .replies import Done

C = Code


@reply
class ServiceItem(Reply):
    """One service; what the server itself provides has no provider."""

    name: Service
    level: Level
    provider: Provider
    usage: Usage
    description: Description


@reply
class Called(Reply):
    """What the service answered."""

    result: FreeText


@command(Needs.LOGIN, ServiceItem)
class Services(Listing[ServiceItem]):
    """List the services that may be called, and the level that each needs."""


@command(
    Needs.LOGIN,
    Called,
    C.NO_SUCH_SERVICE,
    C.FORBIDDEN,
    C.SERVICE_FAILED,
    C.TIMEOUT,
    C.TOO_BIG,
    C.RATE_LIMITED,
)
class Call(Command[Called]):
    """Have a service do something, and wait for its result."""

    service: Service
    arguments: Arguments = ()


@command(Needs.LOGIN, Done, C.BAD_NAME, C.TAKEN, C.TOO_BIG)
class Serve(Command[Done]):
    """Provide a service: this connection gets its calls from now on."""

    service: Service
    level: Level
    usage: Usage
    description: Description


@command(Needs.LOGIN, Done, C.NO_SUCH_SERVICE)
class Unserve(Command[Done]):
    """Provide a service no longer."""

    service: Service


@command(Needs.LOGIN, Done, C.EXPIRED, C.TOO_BIG)
class Answer(Command[Done]):
    """Give the result of a call that came to this connection."""

    id: ClientId
    result: FreeText


@command(Needs.LOGIN, Done, C.EXPIRED, C.TOO_BIG)
class Refuse(Command[Done]):
    """Say why a call that came to this connection cannot be answered."""

    id: ClientId
    sentence: Text


@event("CALL")
class CallMade(Event):
    """to a connection that provides the service: somebody calls it; say ANSWER or REFUSE with the
    id"""

    id: ClientId
    service: Service
    caller: User
    arguments: Arguments = ()
