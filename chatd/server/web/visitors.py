"""Whose request it is: the other end's address, or where a proxy stands there, whom it names."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

NOBODY = "0.0.0.0"  # noqa: S104
"""Who a proxy names in words that are no address: surely nobody on this machine."""


def visitor(request: HTTPConnection, proxies: Collection[str]) -> str:
    """The address; of `X-Forwarded-For`, what a proxy in `proxies` has added is believed, and no
    more: it stands at the end."""
    address = _plain(request.client.host if request.client is not None else "")
    named = _forwarded(request.headers)
    while address in proxies and named:
        address = _plain(named.pop())
    return address


def exposed(request: HTTPConnection, proxies: Collection[str]) -> bool:
    """Whether others may read what is sent: it came in the clear from another machine, and not from
    a proxy, which sees to TLS."""
    peer = _plain(request.client.host if request.client is not None else "")
    return peer not in proxies and not ip_address(peer).is_loopback


def _forwarded(headers: Headers) -> list[str]:
    """All that was said, in order; the header may stand there several times."""
    values = headers.getlist("x-forwarded-for")
    return [part.strip() for value in values for part in value.split(",")]


def _plain(address: str) -> str:
    """The same address in one form, that of IPv4 where it is one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return NOBODY
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip)
