"""People with keys, and messages made the way a hostile program makes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from joserfc.jws import JWSRegistry

from chatctl.e2e import Claims, E2eError, Identity, Key, OwnKeys, seal_message
from chatctl.e2e.jwe import encrypt

T = TypeVar("T")

NOW = datetime(2026, 11, 21, 4, 5, 6, 789_000, UTC)
HEADER = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}

ALICE, BOB, MALLORY = (OwnKeys.fresh(NOW) for _ in range(3))
"""Drawn once, for keys cost time; nothing changes them."""


def unless_refused(call: Callable[[], T]) -> T | None:
    """What `call` gives, or None where it raises our error with a sentence; nothing else may."""
    try:
        return call()
    except E2eError as error:
        if error.sentence:
            return None
        raise


def b64(value: bytes | dict[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def identity(user: str, keys: OwnKeys) -> Identity:
    return keys.identity(user)


def claims(**changes: Any) -> Claims:
    """Alice to Bob, now."""
    return replace(Claims("alice", "alice,bob", "an id", NOW), **changes)


def message(text: str = "hello", **changes: Any) -> str:
    """What Alice sends to Bob."""
    return seal_message(text, claims(**changes), ALICE, [identity("bob", BOB)])


def payload(**changes: Any) -> dict[str, Any]:
    said = {"from": "alice", "to": "alice,bob", "id": "an id", "text": "hello"}
    return {**said, "time": "2026-11-21T04:05:06.789Z", **changes}


def sealed(content: str | bytes, keys: OwnKeys = BOB) -> str:
    """Anything at all, encrypted as it should be."""
    raw = content.encode() if isinstance(content, str) else content
    return encrypt(raw, HEADER, [keys.enc])


def signed(said: dict[str, Any] | bytes, key: Key = ALICE.sig, **header: Any) -> str:
    """A good signature, be it under a header that no library would write."""
    merged = {"alg": "ES256", "kid": key.kid, "jwk": key.public, **header}
    first = f"{b64(merged)}.{b64(said)}"
    return f"{first}.{b64(JWSRegistry.algorithms['ES256'].sign(first.encode(), key.loaded))}"


def changed(line: str, **members: Any) -> str:
    """A JSON message with members replaced; None takes one out."""
    merged = {**json.loads(line), **members}
    return json.dumps({name: value for name, value in merged.items() if value is not None})


def with_header(line: str, **members: Any) -> str:
    """A JSON message with members of the protected header replaced; None takes one out."""
    header = {**json.loads(unb64(json.loads(line)["protected"])), **members}
    kept = {name: value for name, value in header.items() if value is not None}
    return changed(line, protected=b64(kept))
