"""Puts the parts of a server together, as the settings say."""

from __future__ import annotations

import os
import resource
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import astuple

import trio

from chatd.chat.channels import Channels
from chatd.chat.chat import Chat, Ids, Rules
from chatd.chat.clock import Clock
from chatd.chat.directory import Directory
from chatd.chat.gateway import Gateway
from chatd.chat.hub import Hub
from chatd.chat.ledger import Ledger
from chatd.chat.routes import Epoch
from chatd.security.channel import Acceptor
from chatd.security.keys import CHANNEL, ServerKey
from chatd.security.passwords import Hasher
from chatd.security.throttle import Quota, Slowdown
from chatd.storage.sqlite import SqliteStore

from .gateway.setup import checked_contact
from .identities import IdentityThread
from .passwords import PasswordThreads
from .services import make_services
from .settings import Settings

ADDRESSES_KEPT_MAX = 100_000
SPARE_DESCRIPTORS = 64
WEB_DESCRIPTORS = 128


def make_chat(
    settings: Settings,
    store: SqliteStore,
    key: ServerKey,
    passwords: PasswordThreads,
    info: Callable[[], dict[str, str]],
) -> Chat:
    """The rules and what they know; `info` is what INFO tells."""
    hub, epoch, clock = Hub(), Epoch(), Clock()
    objects_max = settings.rooms_cached_max + settings.accounts_cached_max
    return Chat(
        rules=rules(settings),
        directory=Directory(store, epoch, trio.Event, objects_max),
        epoch=epoch,
        ledger=Ledger(hub, epoch),
        hub=hub,
        archive=store,
        passwords=passwords,
        identities=IdentityThread(),
        clock=clock,
        ids=Ids.after(*astuple(store.highest)),
        now=trio.current_time,
        slowdown=_slowdown(settings),
        registrations=quota(settings),
        channels=Channels(Acceptor(key.derive(CHANNEL)), _slowdown(settings)),
        info=info,
        volatile_ids=OrderedDict(),
        gateway=Gateway(contact=checked_contact),
        services=make_services(clock),
    )


def password_threads(settings: Settings) -> PasswordThreads:
    """As many as may hash at a time."""
    threads = settings.argon2_threads or _cores()
    return PasswordThreads(hasher(settings), threads, settings.argon2_queue_max)


def rules(settings: Settings) -> Rules:
    """What the operator has chosen."""
    return Rules(
        settings.registration,
        settings.session_idle_days_max,
        settings.transport == "private",
        code_seconds=settings.code_seconds,
        service_seconds_max=settings.service_seconds_max,
    )


def _slowdown(settings: Settings) -> Slowdown:
    wait_seconds_max = settings.login_wait_seconds_max
    return Slowdown(settings.login_failures_free, 1, wait_seconds_max, ADDRESSES_KEPT_MAX)


def quota(settings: Settings) -> Quota:
    """Of registrations from one address."""
    return Quota(settings.registrations_max, settings.registrations_seconds, ADDRESSES_KEPT_MAX)


def hasher(settings: Settings) -> Hasher:
    """Of passwords, with today's parameters."""
    return Hasher(settings.argon2_memory_kib, settings.argon2_passes, settings.argon2_lanes)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def raise_descriptors(settings: Settings) -> int:
    """Allow as many descriptors as the system lets us; how many connections that is enough for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = SPARE_DESCRIPTORS + (WEB_DESCRIPTORS if settings.http is not None else 0)
    wanted = settings.connections_max + spare
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, allowed - spare)
