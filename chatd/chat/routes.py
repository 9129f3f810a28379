"""Routes: that somebody may post somewhere, once judged, holds until something takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from . import changes, device_changes
from .changes import Change
from .gateway_changes import GatewayChange
from .model import Account, Conversation, Session
from .ports import Client

_TAKES_NOTHING: frozenset[type[Change]] = frozenset(
    {
        changes.AccountMade,
        changes.DirectMade,
        changes.InviteSet,
        changes.KeysPublished,
        changes.MemberJoined,
        changes.RoomMade,
        changes.SeenSet,
        changes.SeqReserved,
        changes.SessionMade,
        changes.SessionUsed,
        changes.VaultStored,
        device_changes.DeviceMade,
        device_changes.DeviceUsed,
        device_changes.EnrolmentGone,
        device_changes.EnrolmentMade,
        device_changes.EnrolmentUsed,
        *get_args(GatewayChange),
    }
)


class Epoch:
    """Where each client posted last. It ends whenever a permission to post may, or something leaves
    memory: then routes are judged anew, and nothing that has left is held by them."""

    __slots__ = ("routes",)

    def __init__(self) -> None:
        self.routes: dict[Client, Route] = {}

    def end(self) -> None:
        """No route of before holds."""
        self.routes.clear()

    def saw(self, change: Change) -> None:
        """End with any change that is not known to take nothing back."""
        if type(change) not in _TAKES_NOTHING:
            self.routes.clear()


@dataclass(slots=True, eq=False)
class Route:
    """In `session`, `me` may post to `target`: `other` is who is there, None in a
    room."""

    target: str
    session: Session | None
    me: Account
    conversation: Conversation
    other: Account | None
