"""The tokens of a device: another for each log-in, so that a stolen one is noticed.

A token is 16 random bytes and a proof over them, the device, and the hash of the token that was
used last, under a key that only the server has. So the server keeps one hash and knows at sight
what it gave out after that log-in: however many replies were lost, and whichever of several
connections was answered last, the device may use any of them, or the one it used before. The first
that is used makes all others old. Who comes with an old one has a copy, or is the one copied from.
"""

from __future__ import annotations

import hmac
import secrets

from chatd.protocol import base64url
from chatd.security.tokens import token_hash

from .model import Device
from .ports import Archive

NONCE_BYTES = 16
ORIGIN_BYTES = 32
RESTORED = bytes(32)
"""The hash of a device of which only the past is known, since an older database was restored: it
may come once with any token, having proved its key."""


def origin() -> bytes:
    """What the first tokens of a new device are made of."""
    return secrets.token_bytes(ORIGIN_BYTES)


def next_token(archive: Archive, device: Device) -> str:
    """One of those that are good until one of them has been used; 43 characters."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return base64url.encode(nonce + archive.token_proof(device.id, device.token_hash, nonce))


def used(archive: Archive, device: Device, token: str) -> bytes | None:
    """The hash of the token that was used last, once this one is; None where it is no good."""
    hashed = token_hash(token)
    if hashed is None:
        return None
    if device.token_hash == RESTORED:
        return hashed
    raw = base64url.decode(token)
    nonce, proof = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
    follows = hmac.compare_digest(proof, archive.token_proof(device.id, device.token_hash, nonce))
    repeats = hmac.compare_digest(hashed, device.token_hash)
    return hashed if follows or repeats else None


def latest(archive: Archive, device: Device, token: str) -> bool:
    """Whether it is one that was made since the last log-in, for the next one."""
    hashed = used(archive, device, token)
    known = device.token_hash != RESTORED
    return known and hashed is not None and hashed != device.token_hash
