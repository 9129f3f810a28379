"""Commands about keys: one's own (`keys show | rotate | export`) and whose to believe."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from chatd.protocol.errors import ChatError, Code

from ..client import Client
from ..consent import agrees, can_ask
from ..desk import Desk
from ..e2e import Content, Identity, Pin, safety_number, verification_payload
from ..harmless import harmless
from ..output import clock
from ..own_vault import publish
from ..people import People
from ..privacy import people_of
from ..problems import usage
from ..session import plain_name
from .arguments import Conversation, Person

Yes = Annotated[
    bool, typer.Option("--yes", help="The numbers were compared and are the same; do not ask.")
]


async def show(desk: Desk) -> None:
    """List your keys, and those of the people whose keys you know."""
    async with desk.login() as client:
        content = (await people_of(desk, client)).vault.content
    mine = [
        {"user": client.user, "use": key.use, "thumbprint": key.kid, "made": made}
        for key, made in content.keys.listed()
    ]
    known = [_of_pin(user, pin) for user in content.people() if (pin := content.pin(user))]
    rows = [(*own.values(),) for own in mine]
    rows += [(pin["user"], "sig", pin["thumbprint"], _known(pin)) for pin in known]
    desk.out.table([*mine, *known], rows)


def _of_pin(user: str, pin: Pin) -> dict[str, Any]:
    return {"user": user, **{name: getattr(pin, name) for name in _TOLD}}


_TOLD = ("thumbprint", "first", "verified", "offered", "changed")


def _known(held: dict[str, Any]) -> str:
    """Since when a key is known, and how well."""
    if held["offered"]:
        return f"changed {held['changed']}, not trusted"
    if held["verified"]:
        return f"verified {held['verified']}"
    return f"first seen {held['first']}"


async def rotate(desk: Desk) -> None:
    """Take new keys; the old ones stay in the vault, so that history stays readable.

    For when somebody may have had yours. Others must compare or trust the new ones to write to you.
    """
    async with desk.login() as client:
        people = await people_of(desk, client)
        now = datetime.now(UTC)
        await people.vault.change(lambda content: content.rotate(now))
        keys = people.vault.content.keys
        await _publish(client, people)
    sentence = "New keys. Before others write to you again, they compare or trust them."
    desk.out.show(f"{sentence}\n{keys.sig.kid}", {"thumbprint": keys.sig.kid})


async def _publish(client: Client, people: People) -> None:
    """Let others see the newest keys of the vault, also where another device rotates as well."""
    shown = None
    while shown != (keys := people.vault.content.keys).sig.kid:
        await publish(client, client.me, keys)
        shown = keys.sig.kid
        await people.vault.refresh()


async def export(desk: Desk) -> None:
    """Print your keys, private halves and all, as a JWK Set for stock tools. Guard it well."""
    async with desk.login() as client:
        jwks = (await people_of(desk, client)).vault.content.keys.exported()
    desk.out.show(jwks, {"jwks": jwks})


async def verify(desk: Desk, user: Person, yes: Yes = False) -> None:
    """Compare keys with somebody: both see the same number, or somebody sits between.

    Compare by another way than this server: read it out, or scan the QR code. If you answer no,
    nothing changes.
    """
    user = plain_name(user)
    async with desk.login() as client:
        people = await people_of(desk, client, _unsaid)
        identity = await _identity(client, people, user)
        me = client.me, people.vault.content.keys.sig.kid
        number = safety_number(me, (user, identity.thumbprint))
        payload = verification_payload(me, (user, identity.thumbprint))
        if not desk.out.as_json:
            desk.out.show(_shown(user, number, payload), {})
        agreed = yes or _agrees(user)
        if agreed:
            await people.vault.change(lambda content: _verify(content, user, identity))
    told = {"user": user, "thumbprint": identity.thumbprint, "safety_number": number}
    said = f"{user} is verified." if agreed else "Not marked as verified; where both agree: --yes"
    desk.out.show(harmless(said), {**told, "payload": payload, "verified": agreed})


async def trust(desk: Desk, name: Conversation) -> None:
    """Take a changed key as it is, not compared; or that a '#room' is not encrypted any more."""
    name = plain_name(name)
    async with desk.login() as client:
        people = await people_of(desk, client, _unsaid)
        if name.startswith("#"):
            await people.vault.change(lambda content: content.rooms.pop(name, None))
            said = f"{name} is written to as its settings say, encrypted or not."
            desk.out.show(harmless(said), {"room": name})
        elif (identity := await _shown_identity(client, people, name)) is None:
            await people.vault.change(lambda content: content.forget_pin(name))
            said = f"{name} has no key now, and is as if never seen."
            desk.out.show(harmless(said), {"user": name})
        else:
            await people.vault.change(lambda content: _trust(content, name, identity))
            _show_trusted(desk, name, people.vault.content.pin(name))


def _show_trusted(desk: Desk, user: str, pin: Pin | None) -> None:
    assert pin is not None
    changed = f" It changed on {clock(pin.changed)}." if pin.changed else ""
    said = f"{user}'s key is now {pin.thumbprint}.{changed} Compare it: chatctl verify {user}"
    desk.out.show(harmless(said), _of_pin(user, pin))


async def _identity(client: Client, people: People, user: str) -> Identity:
    identity = await _shown_identity(client, people, user)
    if identity is None:
        raise ChatError(Code.NO_IDENTITY, f"{user} has published no keys.")
    return identity


async def _shown_identity(client: Client, people: People, user: str) -> Identity | None:
    if user == client.user:
        raise usage("These are your own keys: chatctl keys show")
    return (await people.identities([user])).get(user)


def _unsaid(_: str) -> None:
    """Of news about keys: the command itself is about them."""


def _verify(content: Content, user: str, identity: Identity) -> None:
    if (pin := content.pin(user)) is not None:
        content.set_pin(user, pin.verifying(identity.thumbprint, datetime.now(UTC)))


def _trust(content: Content, user: str, identity: Identity) -> None:
    if (pin := content.pin(user)) is not None:
        content.set_pin(user, pin.trusting(identity.thumbprint, datetime.now(UTC)))


def _shown(user: str, number: str, payload: str) -> str:
    import segno  # noqa: PLC0415

    groups = number.split()
    lines = ["    " + " ".join(groups[start : start + 4]) for start in range(0, len(groups), 4)]
    picture = io.StringIO()
    segno.make(payload, error="l").terminal(out=picture, compact=True)
    asked = f"Compare this with {user} by another way than this server; both must see the same:"
    return "\n".join([harmless(asked), "", *lines, "", picture.getvalue()])


def _agrees(user: str) -> bool:
    """Ask, if anybody is there to answer."""
    # Who does not see the number cannot compare it.
    seen = sys.stdout.isatty() and can_ask()
    return seen and agrees(f"Is it the same at {user}'s side?")
