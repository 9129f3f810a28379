"""Whether a text has the form of a JWE (RFC 7516): all that can be asked of it without a key."""

from __future__ import annotations

from typing import Any

import msgspec

from chatd.protocol import base64url


class _Recipient(msgspec.Struct):
    encrypted_key: str


class _General(msgspec.Struct):
    """The members that matter of the General and the Flattened JSON Serialization."""

    protected: str
    iv: str
    ciphertext: str
    tag: str
    recipients: list[_Recipient] = []
    encrypted_key: str = ""


_json = msgspec.json.Decoder(_General)
_header = msgspec.json.Decoder(dict[str, Any])
_WRONG = (msgspec.MsgspecError, ValueError, RecursionError)


def is_jwe(text: str) -> bool:
    """Whether it is a JWE in one of its forms. What it holds, and for whom, cannot be told here."""
    try:
        return _is_json(text) if text.startswith("{") else _is_compact(text)
    except _WRONG:
        return False


def _is_compact(text: str) -> bool:
    protected, key, iv, ciphertext, tag = text.split(".")
    header = _decoded(protected)
    return {"alg", "enc"} <= header.keys() and _all_filled([iv, ciphertext, tag], [key])


def _is_json(text: str) -> bool:
    jwe = _json.decode(text)
    _decoded(jwe.protected)
    keys = [recipient.encrypted_key for recipient in jwe.recipients]
    return _all_filled([jwe.iv, jwe.ciphertext, jwe.tag, *(keys or [jwe.encrypted_key])], [])


def _decoded(protected: str) -> dict[str, Any]:
    header: dict[str, Any] = _header.decode(base64url.decode(protected))
    return header


def _all_filled(parts: list[str], maybe_empty: list[str]) -> bool:
    """Whether all are base64url, and something."""
    for part in (*parts, *maybe_empty):
        base64url.decode(part)
    return all(parts)
