"""Mail by SMTP (RFC 5321), in a thread: with STARTTLS (RFC 3207) and a verified certificate, unless
the settings say otherwise, and with a log-in where there is one."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import trio

from .base import GaveUp, Message, Retry
from .mail import mail

STEP_SECONDS_MAX = 10
"""For the other side to answer one command."""
THREADS_MAX = 4

Security = Literal["starttls", "tls", "none"]


@dataclass(slots=True, frozen=True)
class Smtp:
    """A mail server that takes our mail. `context` verifies its certificate."""

    host: str
    port: int
    security: Security
    context: ssl.SSLContext = field(repr=False)
    sender: str
    server: str
    login: tuple[str, str] | None = field(default=None, repr=False)
    step_seconds: float = STEP_SECONDS_MAX
    threads: trio.CapacityLimiter = field(
        default_factory=lambda: trio.CapacityLimiter(THREADS_MAX), repr=False
    )

    async def carry(self, message: Message) -> None:
        calls: list[smtplib.SMTP] = []
        try:
            await trio.to_thread.run_sync(
                self._told, message, calls, abandon_on_cancel=True, limiter=self.threads
            )
        except trio.Cancelled:
            for call in calls:
                _hang_up(call)
            raise

    def _told(self, message: Message, calls: list[smtplib.SMTP]) -> None:
        """What goes wrong without its words: they may quote the address."""
        try:
            self._send(message, calls)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(next(iter(error.recipients.values()))[0]) from None
        except smtplib.SMTPAuthenticationError as error:
            raise Retry(f"the mail server refused our log-in: {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Retry(f"no mail server: {_kind(error)}") from None
        finally:
            for call in calls:
                call.close()

    def _send(self, message: Message, calls: list[smtplib.SMTP]) -> None:
        made = mail(message, self.sender, self.server)
        call = self._connected(calls)
        if self.security == "starttls":
            call.ehlo()
            if not call.has_extn("starttls"):
                raise Retry("the mail server offers no STARTTLS")
            call.starttls(context=self.context)
        call.ehlo()
        if self.login is not None:
            call.login(*self.login)
        if not message.address.isascii() and not call.has_extn("smtputf8"):
            raise GaveUp("the mail server takes no addresses but ASCII ones")
        call.send_message(made, self.sender, [message.address])
        with suppress(OSError, smtplib.SMTPException):
            call.putcmd("quit")  # it has our mail: no answer could change that

    def _connected(self, calls: list[smtplib.SMTP]) -> smtplib.SMTP:
        """At the server, which has said hello."""
        name, seconds = socket.gethostname(), self.step_seconds
        if self.security == "tls":
            return _TlsCall(
                calls, self.host, self.port, name, timeout=seconds, context=self.context
            )
        return _Call(calls, self.host, self.port, name, timeout=seconds)


class _Listed:
    """Stands in `calls` before it waits for anything, so that it can be hung up."""

    def __init__(self, calls: list[Any], *arguments: Any, **options: Any) -> None:
        calls.append(self)
        super().__init__(*arguments, **options)


class _Call(_Listed, smtplib.SMTP):
    pass


class _TlsCall(_Listed, smtplib.SMTP_SSL):
    pass


def _refused(code: int) -> Retry | GaveUp:
    """RFC 5321, section 4.2.1: 5xx is for good."""
    why = f"the mail server said {code}"
    return GaveUp(why) if 500 <= code <= 599 else Retry(why)


def _kind(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return (
        f"{type(error).__name__}({strerror})" if isinstance(strerror, str) else type(error).__name__
    )


def _hang_up(call: smtplib.SMTP) -> None:
    """A thread that still waits for an answer gets none, and ends."""
    if (sock := call.sock) is not None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
