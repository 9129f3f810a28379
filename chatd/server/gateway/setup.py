"""The gateways as the settings want them; their secrets are read from files."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import trio

from chatd.security.contacts import contact
from chatd.storage.scan import SPOOL

from ..sources import SettingsError
from .base import Carrier
from .queue import Carriers
from .spool import SENDER, Spool

if TYPE_CHECKING:
    from ..settings import Settings
    from .smtp import Smtp
    from .webhook import Webhook

SECRET_BYTES_MAX = 1_024
T = TypeVar("T")


def carriers(settings: Settings, folder: Path) -> Carriers:
    """SettingsError where a file cannot be used."""
    spool = Spool(folder / SPOOL, settings.mail_from or SENDER, settings.server_name)
    make: dict[str, Callable[[], Carrier]] = {
        "spool": lambda: spool,
        "smtp": lambda: _smtp(settings),
        "webhook": lambda: _webhook(settings),
    }
    return Carriers(
        make[settings.gateway_mail](),
        make[settings.gateway_text](),
        settings.server_name,
        settings.http_url,
    )


async def checked_contact(raw: str) -> str:
    """`contacts.contact` in a thread: its libraries take a while to load. BadContact."""
    return await trio.to_thread.run_sync(contact, raw)


def _smtp(settings: Settings) -> Smtp:
    from .smtp import Smtp  # noqa: PLC0415  (a server without has no need of it)

    assert settings.smtp_host is not None and settings.mail_from is not None
    login = None
    if settings.smtp_user is not None and settings.smtp_password_file is not None:
        password = _secret("smtp_password_file", settings.smtp_password_file, _filled)
        login = settings.smtp_user, password
    return Smtp(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        _context("smtp_ca", settings.smtp_ca),
        settings.mail_from,
        settings.server_name,
        login,
    )


def _webhook(settings: Settings) -> Webhook:
    from .webhook import Webhook, read_secret  # noqa: PLC0415

    assert settings.webhook_url is not None and settings.webhook_secret_file is not None
    secret = _secret("webhook_secret_file", settings.webhook_secret_file, read_secret)
    return Webhook(settings.webhook_url, secret, _context("webhook_ca", settings.webhook_ca))


def _secret(key: str, file: str, read: Callable[[str], T]) -> T:
    path = Path(file)
    try:
        if path.stat().st_mode & stat.S_IRWXO:
            raise SettingsError(f"{key}: everybody can read {file}: close it with chmod 600")
        with path.open("rb") as stream:
            return read(stream.read(SECRET_BYTES_MAX).decode())
    except OSError as error:
        raise SettingsError(f"{key}: can't read {file}: {error.strerror}") from None
    except ValueError as error:
        problem = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise SettingsError(f"{key}: {file}: {problem}") from None


def _filled(text: str) -> str:
    if not (password := text.rstrip("\r\n")):
        raise ValueError("it is empty")
    return password


def _context(key: str, file: str | None) -> ssl.SSLContext:
    """It verifies certificates and names, against these authorities or the system's."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # also where it holds no certificate
        raise SettingsError(
            f"{key}: can't use {file}: {error.strerror or 'no certificate'}"
        ) from None
