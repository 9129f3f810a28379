"""Puts the web listener of a server together."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import partial

from chatd.chat.chat import Chat
from chatd.protocol.errors import ChatError
from chatd.protocol.gateway import Activate
from chatd.protocol.wire import read_request, write_request
from chatd.server.committer import Committer
from chatd.server.errands import Errands
from chatd.server.passwords import PasswordThreads
from chatd.server.reactor import Reactor
from chatd.server.settings import Settings
from chatd.storage.base import Store

from .activation import Outcome
from .app import Site, make_app
from .health import Health
from .listener import Listener
from .metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a server is told about."""

    chat: Chat
    store: Store
    reactor: Reactor
    committer: Committer
    passwords: PasswordThreads


def make_listener(parts: Parts, settings: Settings, sockets: list[socket.socket]) -> Listener:
    """A listener at these sockets, as the settings say."""
    chat, reactor = parts.chat, parts.reactor
    metrics = Metrics(chat, reactor, parts.committer, parts.passwords, lambda: listener.connections)
    site = Site(
        server_name=settings.server_name,
        problem=Health(parts.store, parts.committer, reactor.now).problem,
        metrics=metrics.text,
        activate=partial(_activate, Errands(chat, parts.committer)),
        private=lambda: chat.rules.private_transport,
        now=reactor.now,
        proxies=settings.http_proxies,
        metrics_for_all=metrics_for_all(settings),
    )
    listener = Listener(make_app(site), sockets)
    return listener


async def _activate(errands: Errands, user: str, code: str, address: str) -> Outcome:
    """ACTIVATE, as on a connection."""
    try:
        line = write_request(Activate(user, code)).decode().rstrip("\n")
        await errands.carry_out(read_request(line), address)
    except ChatError as error:
        return Outcome(error.code, error.sentence)
    return Outcome(None)


def metrics_for_all(settings: Settings) -> bool | None:
    """Whether others than this machine may read metrics; None: nobody may. Where the listener is
    public and no proxy is named, all may seem to be on this machine: a proxy that stands there."""
    if settings.http_metrics == "all":
        return True
    hidden = settings.http_url is not None and not settings.http_proxies
    return None if settings.http_metrics == "none" or hidden else False
