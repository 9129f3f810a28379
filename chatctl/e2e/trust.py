"""Whose key is believed to be whose: pinned at first sight, verified by people, changed by nobody
but them.

A pin stands in the vault under the user's name. Functions give a new pin; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

import msgspec

from .errors import KeyChanged
from .times import time_text

EARLIER_MAX = 20


class Standing(StrEnum):
    """What a reader or writer is told about a key."""

    OWN = "own"
    UNSEEN = "unseen"
    PINNED = "pinned"
    VERIFIED = "verified"
    EARLIER = "earlier"
    CHANGED = "changed"


class Pin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Thumbprints of one user's identities; times are RFC 3339.

    `first`: when `thumbprint` was first seen. `verified`: when a person compared safety numbers.
    `offered`: what the server shows instead since `changed`, not trusted. `earlier`: once trusted.
    """

    thumbprint: str
    first: str
    verified: str | None = None
    offered: str | None = None
    changed: str | None = None
    earlier: list[str] = []

    def shown(self, thumbprint: str, now: datetime) -> Pin:
        """After the server showed `thumbprint`. `changed` stays when the pinned one is back, so
        that the attempt can still be told."""
        if thumbprint == self.thumbprint:
            return msgspec.structs.replace(self, offered=None)
        if thumbprint == self.offered:
            return self
        return msgspec.structs.replace(self, offered=thumbprint, changed=time_text(now))

    def trusting(self, thumbprint: str, now: datetime) -> Pin:
        """After a person said to trust `thumbprint`; it is not verified by that."""
        if thumbprint == self.thumbprint:
            return msgspec.structs.replace(self, offered=None)
        before = [one for one in self.earlier if one != thumbprint]
        earlier = [self.thumbprint, *before][:EARLIER_MAX]
        return Pin(thumbprint, time_text(now), changed=self.changed, earlier=earlier)

    def verifying(self, thumbprint: str, now: datetime) -> Pin:
        """After a person compared the safety number that `thumbprint` makes."""
        trusted = self.trusting(thumbprint, now)
        return msgspec.structs.replace(trusted, verified=time_text(now))


def first_pin(thumbprint: str, now: datetime) -> Pin:
    """For somebody not seen before."""
    return Pin(thumbprint, time_text(now))


def standing_of(thumbprint: str, pin: Pin | None, own: Collection[str] = ()) -> Standing:
    """How `thumbprint` stands for the user whose pin this is; `own`: one's own thumbprints, for
    what one wrote oneself."""
    if own:
        return Standing.OWN if thumbprint in own else Standing.CHANGED
    if pin is None:
        return Standing.UNSEEN
    if thumbprint == pin.thumbprint:
        return Standing.PINNED if pin.verified is None else Standing.VERIFIED
    return Standing.EARLIER if thumbprint in pin.earlier else Standing.CHANGED


def demand_unchanged(user: str, pin: Pin | None, thumbprint: str) -> None:
    """Before sending to `user`, whose identity the server shows as `thumbprint`. KeyChanged."""
    if pin is None or thumbprint == pin.thumbprint:
        return
    since = "" if pin.changed is None or pin.offered != thumbprint else f" on {pin.changed}"
    raise KeyChanged(
        f"{user}'s key changed{since}; nothing was sent. Who rotates keys does that, and so does"
        f" somebody who listens in: ask {user}, and compare: chatctl verify {user}; or take it as"
        f" it is: chatctl trust {user}"
    )
