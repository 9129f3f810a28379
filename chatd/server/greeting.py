"""What `chatd run` says on standard output once it serves: where to come in, and how."""

from __future__ import annotations

from ipaddress import ip_address

from .addresses import written
from .listeners import Door
from .settings import Settings

_TYPED = {
    "open": "type REGISTER|name|password, or HELP",
    "gateway": "type REGISTER|name|password|contact=mailto:ADDRESS, or HELP",
    "invite": "type HELP; chatd invite NAME lets somebody in",
    "closed": "type HELP; nobody can make an account",
}
"""By `registration`: what a newcomer types, if that gets them anywhere."""


def announce(doors: list[Door], settings: Settings) -> None:
    """Where we listen, and how to say hello at the first of these addresses."""
    for door in doors:
        print(f"chatd listens on {_address(door)}")  # noqa: T201
    hello = _hello(doors[0], private=settings.transport == "private")
    print(f"Say hello: {hello}   then {_TYPED[settings.registration]}", flush=True)  # noqa: T201


def _address(door: Door) -> str:
    name = door.sock.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    return f"{door.scheme}{written(*name[:2])}"


def _hello(door: Door, *, private: bool) -> str:
    """What connects; with a secret that is to be typed, not in the clear where that is refused."""
    name = door.sock.getsockname()
    if isinstance(name, str):
        return f"nc -U {name}"
    host, port = _here(name[0]), name[1]
    if door.scheme:
        return f"ncat --ssl {host} {port}"
    if private and not ip_address(host).is_loopback:
        return f"chatctl nc {written(host, port)}"
    return f"nc {host} {port}"


def _here(host: str) -> str:
    """Where whoever reads this reaches us; of all our addresses, the one that stays here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
