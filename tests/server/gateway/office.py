"""A post office: a real SMTP server (aiosmtpd) in a thread, that can ask for TLS and a log-in, and
refuse what it likes.

    with PostOffice() as office:
        smtp = Smtp("127.0.0.1", office.port, …)
        …
        assert office.next().to == ["alice@example.org"]
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.peer import PATIENCE_SECONDS
from tests.tls import certificate, serving

USER, PASSWORD = "chatd", "through the slot"


@dataclass(frozen=True)
class Mail:
    """What was delivered, and how."""

    sender: str
    to: list[str]
    raw: bytes
    by_tls: bool
    by: str | None
    smtputf8: bool

    @property
    def read(self) -> EmailMessage:
        """As a mail program reads it."""
        found = message_from_bytes(self.raw, policy=default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        """Its body."""
        body = self.read.get_body()
        assert body is not None
        return str(body.get_content())


class PostOffice:
    """`answers`: what the next mails are told after their data, in the place of 250; `to`: the same
    for who they are for. `utf8`: takes addresses beyond ASCII."""

    def __init__(
        self, *, tls: bool = True, login: bool = False, utf8: bool = True, implicit: bool = False
    ) -> None:
        self._options: dict[str, Any] = {"enable_SMTPUTF8": utf8, "hostname": "post.example"}
        context = serving(*certificate())
        if tls:
            self._options |= {"tls_context": context, "require_starttls": True}
        if login:
            self._options |= {"authenticator": _right, "auth_required": True}
            self._options |= {"auth_require_tls": tls}
        self._ssl = context if implicit else None
        self._calls: list[SMTP] = []
        self.answers: list[str] = []
        self.to: list[str] = []
        self.delivered: Queue[Mail] = Queue()
        self.commands = 0
        self.port = 0

    def next(self) -> Mail:
        """The next one, once it has come. queue.Empty."""
        return self.delivered.get(timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        server = self._loop.run_until_complete(
            self._loop.create_server(
                self._answer,
                "127.0.0.1",
                self.port,
                ssl=self._ssl,
            )
        )
        self.port = server.sockets[0].getsockname()[1]
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = server
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _answer(self) -> SMTP:
        call = SMTP(self, loop=self._loop, **self._options)
        self._calls.append(call)
        return call

    async def _close(self) -> None:
        self._server.close()
        for call in self._calls:
            transport = cast("Any", call).transport
            if transport is not None:  # it is, once the connection has ended
                transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for _ in range(3):  # what is aborted is closed in the turns that follow
            await self._turn()

    async def _turn(self) -> None:
        turned = self._loop.create_future()
        self._loop.call_soon(turned.set_result, None)
        await turned

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _options: list[str]
    ) -> str:
        """For whom."""
        self.commands += 1
        if self.to:
            return self.to.pop(0)
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """The whole mail."""
        if self.answers:
            return self.answers.pop(0)
        by = cast("bytes | None", session.auth_data)
        raw, sender = envelope.original_content, envelope.mail_from
        assert isinstance(raw, bytes) and sender is not None
        mail = Mail(
            sender,
            envelope.rcpt_tos,
            raw,
            bool(session.ssl),
            None if by is None else by.decode(),
            envelope.smtp_utf8,
        )
        self.delivered.put(mail)
        return "250 OK"


def _right(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
) -> AuthResult:
    wanted = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == wanted, handled=False, auth_data=USER.encode())
