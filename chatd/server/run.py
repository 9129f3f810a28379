"""`chatd run`: puts the parts together, and takes them apart again in good order."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import trio

import chatd
from chatd.chat.chat import Chat
from chatd.protocol.errors import Code
from chatd.protocol.events import PROTOCOL
from chatd.protocol.fields import HISTORY_LIMIT_MAX, TEXT_BYTES_MAX
from chatd.protocol.lines import LINE_BYTES_MAX
from chatd.security.keys import ServerKey
from chatd.storage.sqlite import SqliteStore

from . import folder, logs
from .addresses import Listen, listen_address
from .admin import Admin, open_socket
from .committer import Committer
from .dispatch import Dispatcher
from .gateway.queue import Carriers, Queue
from .gateway.setup import carriers
from .greeting import announce
from .listeners import Doors, listening
from .parts import hasher, make_chat, password_threads, quota, raise_descriptors, rules
from .passwords import PasswordThreads
from .reactor import Reactor
from .settings import Settings, SettingsError
from .sweeper import Sweeper
from .tls import Certificate, CertificateError
from .web_sockets import announce_web, listening_web, web_url

if TYPE_CHECKING:
    from .web.listener import Listener

ACCEPT_PAUSE_SECONDS = 1
FEATURES = (
    "rooms direct history send-once unread invites salt vault identity e2e seal enrol gateway"
    " services listen"
)
"""What clients may ask of this server, beyond what any server of chat/1 has."""
LINGER_SECONDS_MAX = 0.5
POLL_SECONDS = 0.01  # only while stopping: many things may still be under way
GC_THRESHOLDS = 10_000, 10, 10  # what is on its way is no garbage: look for that seldom
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter from another; messages wait for no longer."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = structlog.get_logger()


@dataclass(slots=True)
class Server:
    """A server that is set up."""

    settings: Settings
    reload: Callable[[], Settings]
    chat: Chat
    store: SqliteStore
    reactor: Reactor
    committer: Committer
    doors: Doors
    passwords: PasswordThreads
    queue: Queue
    certificate: Certificate | None = None
    admin_socket: socket.socket | None = None
    web: Listener | None = None

    async def run(self, signals: AsyncIterator[int]) -> None:
        """Serve until SIGTERM or SIGINT."""
        async with trio.open_nursery() as nursery:
            self._start(nursery)
            async for number in signals:
                if number != signal.SIGHUP:
                    break
                self._reload()
            with trio.move_on_after(self.settings.shutdown_seconds_max):
                await self._stop()
            nursery.cancel_scope.cancel()

    def _start(self, nursery: trio.Nursery) -> None:
        Dispatcher(self.chat, self.reactor, self.committer, nursery)
        sweeper = Sweeper(
            self.chat,
            self.reactor,
            self.store,
            self.settings.idle_login_seconds_max,
            self.settings.login_seconds_max,
            self.settings.idle_sealed_seconds_max,
        )
        self.doors.paused = lambda: nursery.start_soon(self._open_later)
        self.doors.open()
        nursery.start_soon(self.reactor.run)
        nursery.start_soon(sweeper.run)
        if self.admin_socket is not None:
            admin = Admin(self.chat, self.committer, self.doors.addresses)
            nursery.start_soon(admin.run, self.admin_socket)
        nursery.start_soon(self.queue.run)
        if self.web is not None:
            nursery.start_soon(self.web.run)
            announce_web(self.web.sockets)
        announce(self.doors.doors, self.settings)

    async def _open_later(self) -> None:
        await trio.sleep(ACCEPT_PAUSE_SECONDS)
        self.doors.open()

    def _reload(self) -> None:
        """Take what can change while running: log, registration, gateways, limits, password
        parameters, and what is in the files of the certificate."""
        try:
            settings = self.reload()
            gateways = self.carriers(settings)
            if self.certificate is not None:
                self.certificate.reload()
        except (SettingsError, CertificateError) as error:
            _log.error("settings not reloaded", problem=str(error))
            return
        self.settings, self.queue.carriers = settings, gateways
        logs.configure(settings)
        self.store.keep(settings.send_ids_hours, settings.session_idle_days_max)
        self.chat.rules = rules(settings)
        self.chat.registrations = quota(settings)
        self.passwords.hasher = hasher(settings)
        self.passwords.queue_max = settings.argon2_queue_max
        self.doors.connections_max = raise_descriptors(settings)
        self.doors.outbox_bytes_max = settings.outbox_bytes_max
        _log.info("settings reloaded")

    def carriers(self, settings: Settings) -> Carriers:
        """The gateways, with the links that lead to our page. SettingsError."""
        sockets = self.web.sockets if self.web is not None else []
        made = carriers(settings, folder.data_path(self.settings))
        return replace(made, http_url=web_url(settings, sockets))

    def _under_way(self) -> bool:
        connections = self.reactor.connections.values()
        return self.committer.busy or any(c.busy or c.lines for c in connections)

    async def _stop(self) -> None:
        """Let nobody in, finish what has been read, store it, say goodbye."""
        _log.info("stopping")
        self.doors.close()
        if self.web is not None:
            self.web.close()
        self.reactor.reading = False
        self.chat.services.stop()  # no answer will be read
        connections = self.reactor.connections
        with trio.move_on_after(self.settings.shutdown_seconds_max * 0.6):
            while self._under_way():  # noqa: ASYNC110
                await trio.sleep(POLL_SECONDS)
        for connection in list(connections.values()):
            connection.goodbye(Code.SHUTDOWN, "The server stops; connect again in a moment.")
        await self.reactor.flush()
        with trio.move_on_after(LINGER_SECONDS_MAX):
            while connections or self.committer.busy:  # noqa: ASYNC110
                await trio.sleep(POLL_SECONDS)


async def serve(settings: Settings, reload: Callable[[], Settings]) -> None:
    """Run a server; `reload` reads the settings anew. FolderError, OpenError, ListenError."""
    logs.configure(settings)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with ExitStack() as stack:
        signals = stack.enter_context(trio.open_signal_receiver(*_SIGNALS))
        home = stack.enter_context(folder.opened(settings))
        certificate = _certificate(settings)
        doors = stack.enter_context(listening(_addresses(settings), certificate))
        web_sockets = stack.enter_context(listening_web(settings.http))
        store = SqliteStore(home.database, home.key)
        store.keep(settings.send_ids_hours, settings.session_idle_days_max)
        async with aclosing(store):
            server = _build(settings, reload, store, home.key)
            server.certificate = certificate
            server.admin_socket = open_socket(home.path, stack)
            server.doors.doors = list(doors)
            server.web = _web(server, web_sockets)
            server.queue.carriers = server.carriers(settings)
            await server.run(signals)
    _log.info("stopped")


def _build(
    settings: Settings, reload: Callable[[], Settings], store: SqliteStore, key: ServerKey
) -> Server:
    passwords = password_threads(settings)
    chat = make_chat(settings, store, key, passwords, lambda: _info(server))
    reactor = Reactor(chat, trio.current_time)
    doors = Doors(
        reactor,
        settings.server_name,
        key.fingerprint(),
        settings.outbox_bytes_max,
        raise_descriptors(settings),
        lambda: None,
        [],
    )
    committer = Committer(chat, store, reactor)
    queue = Queue(chat, carriers(settings, folder.data_path(settings)))
    server = Server(settings, reload, chat, store, reactor, committer, doors, passwords, queue)
    return server


def _web(server: Server, sockets: list[socket.socket]) -> Listener | None:
    if not sockets:
        return None
    from .web.parts import Parts, make_listener  # noqa: PLC0415  (its libraries take a while)

    parts = Parts(server.chat, server.store, server.reactor, server.committer, server.passwords)
    return make_listener(parts, server.settings, sockets)


def _addresses(settings: Settings) -> list[Listen]:
    """Where to listen."""
    found = [listen_address(text) for text in settings.listen]
    return found if settings.unix is None else [*found, Listen("unix", path=settings.unix)]


def _certificate(settings: Settings) -> Certificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(Path(settings.tls_cert), Path(settings.tls_key))


def _info(server: Server) -> dict[str, str]:
    settings = server.settings
    return {
        "server": server.doors.server_name,
        "protocol": PROTOCOL,
        "version": f"chatd {chatd.__version__}",
        "line bytes": str(LINE_BYTES_MAX),
        "text bytes": str(TEXT_BYTES_MAX),
        "history limit": str(HISTORY_LIMIT_MAX),
        "outbox bytes": str(settings.outbox_bytes_max),
        "registration": settings.registration,
        "transport": settings.transport,
        "session idle days": str(settings.session_idle_days_max),
        "send id hours": str(settings.send_ids_hours),
        "service seconds": str(settings.service_seconds_max),
        "features": FEATURES,
        "online": str(server.chat.hub.online_count()),
    }
