"""Every row of what leads to accounts: devices, one-time IDs, registrations that wait, and what is
sent to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatd.protocol import base64url

from .tables import Row

if TYPE_CHECKING:
    from .verify import Verifier


def _device(verifier: Verifier, row: Row, place: str) -> None:
    codec, id_ = verifier.codec, row["id"]
    public = verifier.open(place, "device.public", row["public_box"], id_)
    key = verifier.open(place, "device.key", row["key_box"], id_)
    verifier.open(place, "device.address", row["address_box"], id_)
    if public is not None:
        tag = codec.device_tag(row["account"], public)
        verifier.fits(place, "public_tag", row["public_tag"], tag)
    if key is not None:
        hashed = codec.device_hash(base64url.decode(key))
        verifier.fits(place, "key_hash", row["key_hash"], hashed)


def _enrolment(verifier: Verifier, row: Row, place: str) -> None:
    _named(verifier, row, place, "enrolment")


def _pending(verifier: Verifier, row: Row, place: str) -> None:
    _named(verifier, row, place, "pending")
    verifier.open(place, "pending.secret", row["secret_box"], row["id"])
    verifier.open(place, "pending.contact", row["contact_box"], row["id"])
    verifier.judge_kdf(place, verifier.open(place, "pending.kdf", row["kdf_box"], row["id"]))


def _named(verifier: Verifier, row: Row, place: str, table: str) -> None:
    name = verifier.open(place, f"{table}.name", row["name_box"], row["id"])
    if name is not None:
        verifier.fits(place, "name_hash", row["name_hash"], verifier.codec.user_hash(name))


def _outgoing(verifier: Verifier, row: Row, place: str) -> None:
    verifier.open(place, "outgoing.message", row["message_box"], row["id"])


VERIFY_WAYS_IN: dict[str, Callable[[Verifier, Row, str], None]] = {
    "device": _device,
    "enrolment": _enrolment,
    "pending": _pending,
    "outgoing": _outgoing,
}
