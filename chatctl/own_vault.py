"""One's own vault at the server: opened, changed and stored so that no two devices undo each other.

A change is a function that is applied to the newest version, again if another device was faster, so
carrying it out twice must be the same as once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import trio

from chatd.protocol.errors import ChatError, Code
from chatd.protocol.sealed import Identity, Publish, Store, Vault

from .backoff import Backoff
from .client import Client
from .e2e import Content, OwnKeys, RecoveryKey, WrappingKey, open_vault, seal_vault
from .errors import ConnectionLost, NotVerified, Unreadable
from .problems import Problem, Status

TRIES_MAX = 30
WAIT_SECONDS, WAIT_SECONDS_MAX = 0.005, 0.1
"""Between tries, drawn by lot, so that of many who change the vault at once none is always late."""


class OwnVault:
    """An open vault; `seen` is called with each version that is newer than those before."""

    def __init__(
        self, client: Client, key: WrappingKey, content: Content, seen: Callable[[int], None]
    ) -> None:
        self.content = content
        self._client = client
        self._key = key
        self._seen = seen
        self._lock = trio.Lock()

    async def change(self, change: Callable[[Content], object]) -> None:
        """Apply `change` and store what comes of it. ChatError, ConnectionLost, E2eError, Problem,
        after which the content is as it was."""
        backoff = Backoff(WAIT_SECONDS, WAIT_SECONDS_MAX)
        async with self._lock:
            for _ in range(TRIES_MAX):
                if await self._stored(change):
                    return
                await trio.sleep(backoff.next_seconds())
                await self._fetch()
        raise Problem(Status.REFUSED, "Other devices of yours change the vault too fast; try again")

    async def refresh(self) -> None:
        """Take the newest version, which another device may have stored."""
        async with self._lock:
            await self._fetch()

    async def _stored(self, change: Callable[[Content], object]) -> bool:
        """Whether `change` was stored; if not, another version may be there."""
        content = Content.parse(self.content.encoded(self.content.version))
        change(content)
        try:
            await store(self._client, content, self._key)
        except Unreadable:
            raise
        except ConnectionLost:
            await self._fetch()  # perhaps it was: the newest version tells
            return self.content.encoded(0) == content.encoded(0)
        except ChatError as error:
            if error.code is not Code.CONFLICT:
                raise
            return False
        self._take(content)
        return True

    async def _fetch(self) -> None:
        content = await fetch(self._client, self._key, self.content.version)
        if content is not None and content.version > self.content.version:
            self._take(content)

    def _take(self, content: Content) -> None:
        self.content = content
        self._seen(content.version)


class Made(NamedTuple):
    """A vault's content; with its recovery key, to be shown once, where it was made just now."""

    content: Content
    recovery: RecoveryKey | None = None


async def fetch(client: Client, key: WrappingKey, newest_seen: int = 0) -> Content | None:
    """What is stored; None before anything is. ChatError, ConnectionLost, E2eError."""
    held = await client.call(Vault())
    return open_vault(held.blob, held.version, key, newest_seen)


async def store(client: Client, content: Content, key: WrappingKey) -> None:
    """As the version that follows the content's. ChatError CONFLICT, ConnectionLost, TooLong;
    NotVerified where the server says that it is another one."""
    version = content.version + 1
    blob = seal_vault(content, key, version)
    told = (await client.call(Store(content.version, blob))).version
    if told != version:
        raise NotVerified(
            f"The vault was sent as version {version}, and the server says that it is {told}; so"
            " it may not keep what it gets. Tell who runs the server"
        )
    content.version = version


async def fetch_or_make(client: Client, key: WrappingKey, newest_seen: int = 0) -> Made:
    """A new account has none yet: then one with fresh keys is stored. As `fetch`."""
    content = await fetch(client, key, newest_seen)
    if content is not None:
        return Made(content)
    made = fresh()
    await store(client, made.content, key)
    return made


def fresh() -> Made:
    """A vault with new keys; nothing is stored yet."""
    recovery = RecoveryKey.fresh()
    return Made(Content.fresh(OwnKeys.fresh(datetime.now(UTC)), recovery), recovery)


async def publish(client: Client, user: str, keys: OwnKeys) -> bool:
    """Let others see one's current keys; whether they saw keys until now that never were one's."""
    try:
        shown = (await client.call(Identity(user))).thumbprint
    except ChatError as error:
        if error.code is not Code.NO_IDENTITY:
            raise
        shown = None
    if shown != keys.sig.kid:
        await client.call(Publish(keys.published(user)))
    return shown is not None and shown not in keys.signing
