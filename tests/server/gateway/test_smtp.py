"""Mail through a real SMTP server: with TLS and a log-in, refused, put off, and kept waiting."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from chatd.server.gateway.base import GaveUp, Retry
from chatd.server.gateway.smtp import Smtp
from tests.peer import PATIENCE_SECONDS, nowhere
from tests.tls import certificate, trusting

from .office import PASSWORD, USER, PostOffice
from .sample import CODE, MAIL, SENDER, SERVER, sample


def smtp(port: int, **changes: Any) -> Smtp:
    """Our end, which takes the office's certificate."""
    made = Smtp(
        "127.0.0.1", port, "starttls", trusting(certificate()[0]), SENDER, SERVER, step_seconds=20
    )
    return replace(made, **changes)


@contextmanager
def silence() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


async def test_a_mail_goes_through_tls() -> None:
    with PostOffice() as office:
        await smtp(office.port).carry(sample())
        mail = office.next()
        assert (mail.by_tls, mail.sender, mail.to) == (True, SENDER, ["alice@example.org"])
        assert not mail.smtputf8
        assert f"ACTIVATE|alice|{CODE}" in mail.text
        assert office.delivered.empty()


async def test_with_a_log_in() -> None:
    with PostOffice(login=True) as office:
        await smtp(office.port, login=(USER, PASSWORD)).carry(sample())
        assert office.next().by == USER
        with pytest.raises(Retry, match="refused our log-in: 535") as wrong:
            await smtp(office.port, login=(USER, "wrong")).carry(sample())
        assert "wrong" not in wrong.value.why
        with pytest.raises((GaveUp, Retry), match="530"):
            await smtp(office.port).carry(sample())
        assert office.delivered.empty()


async def test_inside_tls_from_the_beginning() -> None:
    with PostOffice(tls=False, implicit=True) as office:
        await smtp(office.port, security="tls").carry(sample())
        assert office.next().to == ["alice@example.org"]


async def test_without_tls_only_where_it_is_said() -> None:
    with PostOffice(tls=False) as office:
        with pytest.raises(Retry, match="offers no STARTTLS"):
            await smtp(office.port, login=(USER, PASSWORD)).carry(sample())
        assert office.commands == 0
        await smtp(office.port, security="none").carry(sample())
        assert not office.next().by_tls


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_is_not_trusted(security: str) -> None:
    with PostOffice(tls=security == "starttls", implicit=security == "tls") as office:
        context = ssl.create_default_context()
        with pytest.raises(Retry, match="SSLCertVerificationError"):
            await smtp(office.port, security=security, context=context).carry(sample())
        assert office.delivered.empty()


async def test_a_certificate_for_another_name() -> None:
    with PostOffice() as office:
        with pytest.raises(Retry, match="SSLCertVerificationError"):
            await smtp(office.port, host="127.1").carry(sample())
        assert office.delivered.empty()


@pytest.mark.parametrize("where", ["to", "answers"])
@pytest.mark.parametrize(
    ("answer", "kind"), [("451 later", Retry), ("421 closing", Retry), ("550 no alice@x", GaveUp)]
)
async def test_what_a_refusal_means(where: str, answer: str, kind: type[Retry | GaveUp]) -> None:
    with PostOffice() as office:
        getattr(office, where).append(answer)
        with pytest.raises(kind, match=answer[:3]) as refused:
            await smtp(office.port).carry(sample())
        assert "alice" not in str(refused.value)
        await smtp(office.port).carry(sample())
        assert office.next().to == ["alice@example.org"]


async def test_an_address_beyond_ascii() -> None:
    message = sample("mailto:jürgen@bücher.example")
    with PostOffice() as office:
        await smtp(office.port).carry(message)
        mail = office.next()
        assert (mail.smtputf8, mail.to) == (True, ["jürgen@bücher.example"])
    with PostOffice(utf8=False) as office:
        with pytest.raises(GaveUp, match="no addresses but ASCII"):
            await smtp(office.port).carry(message)
        await smtp(office.port).carry(sample(MAIL, "jürgen"))
        assert "jürgen" in office.next().text


async def test_nobody_is_there() -> None:
    with nowhere() as port, pytest.raises(Retry, match="ConnectionRefusedError"):
        await smtp(port).carry(sample())


async def test_who_hangs_is_not_waited_for() -> None:
    with (
        silence() as listener,
        pytest.raises(Retry, match="no mail server: SMTPServerDisconnected"),
    ):
        await smtp(port_of(listener), step_seconds=0.05).carry(sample())


ENDLESS = (b"220-" + b"x" * 4_000 + b"\r\n") * 4_000
"""More than any buffers take: who has sent it was heard."""


@pytest.mark.parametrize("said", [ENDLESS, b"220 wait\r\n"], ids=["greeting", "waiting"])
async def test_who_never_comes_to_an_end_is_hung_up_on(said: bytes) -> None:
    """However long a step may take: what is cancelled lets go, thread and all."""
    with silence() as listener:
        our_end = smtp(port_of(listener), security="none", step_seconds=PATIENCE_SECONDS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(our_end.carry, sample())
            with (await trio.to_thread.run_sync(listener.accept))[0] as sock:
                await trio.to_thread.run_sync(sock.sendall, said)
                if said is not ENDLESS:
                    assert await trio.to_thread.run_sync(sock.recv, 100)  # EHLO
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    while our_end.threads.borrowed_tokens:
                        await wait_all_tasks_blocked(0.001)
    assert our_end.threads.borrowed_tokens == 0


def test_nothing_secret_is_shown() -> None:
    shown = repr(smtp(25, login=(USER, PASSWORD))) + repr(sample())
    assert PASSWORD not in shown and CODE not in shown and "alice" not in shown
