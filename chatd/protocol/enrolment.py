"""One-time IDs and enrolment lines: what somebody is given who has been met, to be let in.

An enrolment line is a URL, `chat-enrol://HOST:PORT/NAME/SERVER KEY/ONE-TIME ID`, so that it can be
read from a QR code, and means nothing to a shell. A name is percent-encoded where it must be (RFC
3986), an IPv6 address stands in brackets, and the server key is its X25519 public key in base64url.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

from . import base64url
from .fields import Kind

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Letters and digits without those that look alike: no 0 and O, no 1, I and L."""
CHARACTERS = 12
"""Of a one-time ID: 59 random bits."""
GROUP_CHARACTERS = 4
KEY_BYTES = 32
SCHEME = "chat-enrol"

_PARTING = re.compile(r"[\s-]+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_FORM = f"{SCHEME}://HOST:PORT/NAME/SERVER-KEY/ONE-TIME-ID"


def new_one_time_id() -> str:
    """A one-time ID, ungrouped."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS))


def grouped(one_time_id: str) -> str:
    """As people read it: `XXXX-XXXX-XXXX`."""
    starts = range(0, len(one_time_id), GROUP_CHARACTERS)
    return "-".join(one_time_id[at : at + GROUP_CHARACTERS] for at in starts)


def one_time_id(typed: str) -> str:
    """The one-time ID that somebody typed, in any case, with dashes and blanks or without.
    ValueError."""
    plain = _PARTING.sub("", typed).upper()
    if len(plain) != CHARACTERS:
        raise ValueError(f"must have {CHARACTERS} letters and digits")
    if not set(plain) <= set(ALPHABET):
        raise ValueError("holds what is in no one-time ID: there is no 0, O, 1, I and L in them")
    return plain


def public_key(text: str) -> bytes:
    """An X25519 public key of 32 bytes, from 43 characters of base64url. ValueError."""
    raw = base64url.decode(text)
    if len(raw) != KEY_BYTES:
        raise ValueError("must have 43 characters of base64url")
    return raw


def host(text: str) -> str:
    """The name or the address of a host, as it is; an IPv6 address without brackets and zone.
    ValueError."""
    if _NAME.fullmatch(text) is None and not _is_address(text):
        raise ValueError("must be a name such as chat.example.net, or an address such as 192.0.2.7")
    return text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone may hold anything, and is worth nothing elsewhere


OneTimeId = Annotated[str, Kind("one-time id", one_time_id, grouped, secret=True)]
DeviceKey = Annotated[bytes, Kind("device key", public_key, base64url.encode)]


@dataclass(frozen=True, slots=True)
class EnrolmentLine:
    """All that it takes to enrol. `server_key` is an X25519 public key, 32 bytes; the fingerprint
    that the server greets with is its SHA-256."""

    host: str
    port: int
    user: str
    server_key: bytes
    one_time_id: str = field(repr=False)

    def write(self) -> str:
        """As it is printed and scanned."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        key = base64url.encode(self.server_key)
        name = quote(self.user, safe="")
        return f"{SCHEME}://{host}:{self.port}/{name}/{key}/{grouped(self.one_time_id)}"

    @classmethod
    def read(cls, text: str) -> EnrolmentLine:
        """What `write` has written, blanks around it or not. ValueError, whose sentence tells what
        is wrong and never the ID."""
        try:
            url = urlsplit(text.strip())
            place, port = url.hostname, url.port
        except ValueError:
            raise ValueError(f"an enrolment line has the form {_FORM}") from None
        parts = url.path.split("/")
        if url.scheme != SCHEME or not place or not port or len(parts) != 4 or _more(url):
            raise ValueError(f"an enrolment line has the form {_FORM}")
        _, name, key, typed = parts
        try:
            user = unquote(name, errors="strict")
        except UnicodeDecodeError:
            raise ValueError("the name in the enrolment line is not UTF-8") from None
        return cls(_host(place), port, user, _key(key), _once(typed))


def _more(url: object) -> bool:
    """Whether there is something that does not belong in an enrolment line."""
    return any(getattr(url, part) for part in ("query", "fragment", "username", "password"))


def _host(text: str) -> str:
    try:
        return host(text)
    except ValueError as wrong:
        raise ValueError(f"the host in the enrolment line {wrong}") from None


def _key(text: str) -> bytes:
    try:
        return public_key(text)
    except ValueError as wrong:
        raise ValueError(f"the server key in the enrolment line {wrong}") from None


def _once(text: str) -> str:
    try:
        return one_time_id(text)
    except ValueError as wrong:
        raise ValueError(f"the one-time ID in the enrolment line {wrong}") from None
