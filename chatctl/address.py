"""Where a server listens, as people write it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from .errors import CannotConnect
from .trust import SYSTEM, Trust

PORT = 4040
TLS_PORT = 4041
"""The ports where none is named."""


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP host and port, behind TLS or not, or the path of a Unix socket.

    `trust` is whose certificate or key is taken there; `sealed`: the connection is sealed even on
    this machine.
    """

    host: str = ""
    port: int = PORT
    path: str = ""
    tls: bool = False
    trust: Trust = SYSTEM
    sealed: bool = False

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'chats://' if self.tls else ''}{host}:{self.port}"

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, as far as the address itself tells."""
        if self.path or self.host == "localhost":
            return True
        return self._ip is not None and self._ip.is_loopback

    @property
    def is_named(self) -> bool:
        """Whether the host is called by a name of its own, neither by address nor as this one."""
        return self._ip is None and not self.is_here

    @property
    def _ip(self) -> IPv4Address | IPv6Address | None:
        """The host, where it is no name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def seals(self) -> bool:
        """Whether the connection is to be sealed from within: others on the way could read along,
        or a key is to be shown, or to be compared with a pin."""
        wanted = self.sealed or self.trust.pin is not None
        return not self.tls and (wanted or not self.is_here)


def parse_address(text: str) -> Address:
    """`HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT` or a bare `IPV6`, with `chats://` before it for
    TLS, or `chat://` for none, which is the default; or `unix:PATH`. CannotConnect."""
    if text.startswith("unix:") and len(text) > len("unix:"):
        return Address(path=text.removeprefix("unix:"))
    scheme, slashes, place = text.rpartition("://")
    if slashes and scheme not in ("chat", "chats"):
        raise _wrong(text)
    tls = scheme == "chats"
    default = TLS_PORT if tls else PORT
    if _is_ipv6(place):
        return Address(place, default, tls=tls)
    host, colon, port = _split(place)
    if not host or (colon and not _is_port(port)):
        raise _wrong(text)
    return Address(host, int(port) if colon else default, tls=tls)


def _wrong(text: str) -> CannotConnect:
    return CannotConnect(
        f"{text!r} is no address; write HOST:PORT, chats://HOST:PORT, [IPV6]:PORT or unix:PATH."
    )


def _split(text: str) -> tuple[str, bool, str]:
    """Host, whether a port follows, and the port as written; no host where the form is wrong."""
    if not text.startswith("["):
        host, colon, port = text.partition(":")
        return host, bool(colon), port
    host, bracket, rest = text[1:].partition("]")
    fits = _is_ipv6(host) and bracket and (not rest or rest.startswith(":"))
    return host if fits else "", bool(rest), rest[1:]


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65_536
