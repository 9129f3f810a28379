"""`send --direct`: without the server where that can be, and if not, why not."""

from __future__ import annotations

from datetime import UTC, datetime

import trio

from chatd.protocol.direct import Where, Whereabouts
from chatd.protocol.errors import ChatError, Code

from ..address import Address
from ..client import Client
from ..desk import Desk
from ..device import device_key
from ..e2e import time_text
from ..locallog import Damaged, Entry, local_log
from ..people import People
from ..privacy import Privacy
from ..problems import Problem, complain
from ..session import plain_name
from .caller import Me, NotDirect, deliver
from .reception import LOCAL_HOST

_NOBODY = (Code.OFFLINE, Code.UNKNOWN_VERB)
"""The latter says a server that knows of no such thing."""


async def went_directly(
    desk: Desk, client: Client, secrets: Privacy, target: str, texts: tuple[str, str], id_: str
) -> bool:
    """Whether a message reached its receiver without the server; else that and why is told.
    `texts`: as written, and sealed. Raises as `Sealer.sealed`."""
    user, (text, sealed) = plain_name(target), texts
    assert secrets.people is not None  # it was sealed
    signers = await _signers(client, secrets.people, user)
    keys = secrets.people.vault.content.keys
    me = Me(client.me, keys, device_key(desk))
    try:
        await deliver(me, user, signers, await _whereabouts(desk, client, user), sealed)
    except NotDirect as why:
        complain(f"Not directly: {user} {why.sentence.rstrip('.')}; it goes through the server")
        return False
    now = time_text(datetime.now(UTC))
    entry = Entry("sent", now, client.me, user, client.me, now, text, id=id_, signer=keys.sig.kid)
    await trio.to_thread.run_sync(_log, desk, entry)
    told = {"conversation": user, "direct": True, "id": id_}
    desk.out.show(f"Delivered to {user} directly.", told)
    return True


async def _signers(client: Client, people: People, user: str) -> set[str]:
    if user == client.user:
        return {people.vault.content.keys.sig.kid}
    return {one.thumbprint for one in await people.readers([user])}


async def _whereabouts(desk: Desk, client: Client, user: str) -> Whereabouts:
    try:
        place = await client.call(Where(user))
    except ChatError as error:
        if error.code in _NOBODY:
            raise NotDirect("does not listen") from None
        raise
    return Whereabouts(_seen_from_here(place.address, desk.address), place.port, place.device_key)


def _seen_from_here(address: str, server: Address) -> str:
    """Who came to the server from its own machine is found where the server is."""
    here = not address or Address(address).is_here
    if here and not server.is_here:
        return server.host
    return address or LOCAL_HOST


def _log(desk: Desk, entry: Entry) -> None:
    try:
        local_log(desk).append([entry])
    except (Damaged, OSError, Problem) as error:
        what = error.sentence if isinstance(error, Damaged | Problem) else error.strerror
        complain(f"It is delivered, but not in the local log: {what}")
