"""What is checked of the gateway's settings, before a server starts with them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from ..addresses import file_path
from ..sources import Source

if TYPE_CHECKING:
    from ..settings import Settings

_NEEDED = {
    ("gateway_mail", "smtp"): ("smtp_host", "mail_from"),
    ("gateway_mail", "webhook"): ("webhook_url", "webhook_secret_file"),
    ("gateway_text", "webhook"): ("webhook_url", "webhook_secret_file"),
}


def is_loopback(host: str) -> bool:
    """Whether it is this machine, and so nobody listens on the way."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def http_url(url: str) -> str:
    """Where people find our pages. ValueError."""
    found = _url(url)
    if found.query or found.fragment:
        raise ValueError("expected no more than https://HOST and perhaps a path")
    return url.rstrip("/")


def webhook_url(url: str) -> str:
    """Where messages are posted to: https, since codes are in them. ValueError."""
    found = _url(url)
    if found.scheme != "https" and not is_loopback(found.hostname or ""):
        raise ValueError("must be https://: codes are sent there, and others must not read them")
    return url


def mail_from(address: str) -> str:
    """An address as it stands in a mail, also one that is known here alone. ValueError."""
    from email.errors import MessageError  # noqa: PLC0415  (it takes a while to load)
    from email.headerregistry import Address  # noqa: PLC0415

    plain = address.isascii() and address.isprintable() and " " not in address
    try:
        if plain and Address(addr_spec=address).domain:
            return address
    except (ValueError, IndexError, MessageError):
        pass
    raise ValueError("expected a mail address, chat@example.org")


CHECKS = {
    "mail_from": mail_from,
    "smtp_ca": file_path,
    "smtp_password_file": file_path,
    "webhook_url": webhook_url,
    "webhook_secret_file": file_path,
    "webhook_ca": file_path,
    "http_url": http_url,
}
"""For each setting alone."""


def check_gateway(settings: Settings, origins: Mapping[str, Source]) -> None:
    """What must fit together. SettingsError."""
    for (key, value), needed in _NEEDED.items():
        for lacking in needed:
            if getattr(settings, key) == value and getattr(settings, lacking) is None:
                raise origins[key].error(key, f"with {value}, {lacking} is needed as well")
    if (settings.smtp_user is None) != (settings.smtp_password_file is None):
        pair = ("smtp_user", "smtp_password_file")
        given, lacks = pair if settings.smtp_user else pair[::-1]
        raise origins[given].error(given, f"{lacks} is needed as well")
    if settings.smtp_security == "none" and not is_loopback(settings.smtp_host or "localhost"):
        problem = "codes would be sent in the clear; only a mail server on this machine may be so"
        raise origins["smtp_security"].error("smtp_security", problem)


def _url(url: str) -> SplitResult:
    found = urlsplit(url)
    if found.scheme not in ("http", "https") or not found.hostname or not url.isprintable():
        raise ValueError("expected https://HOST…")
    if found.username is not None or " " in url:
        raise ValueError("can hold neither a user nor a blank")
    if found.port is not None and not found.port:
        raise ValueError("port 0 is none")
    return found
