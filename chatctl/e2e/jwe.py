"""Encryption: JWE (RFC 7516) in its three serialisations, read with suspicion, written in one.

What is read may be compact, flattened or General JSON, and is tried with one's own keys alone. The
methods allowed are named; crit, zip, aad and b64 are refused, PBES2 and `dir` are no methods here,
and so nothing received decides how much time or memory is spent.

What is written is General JSON in which alg stands in the protected header and each recipient has
an ephemeral key (`epk`) of its own, as RFC 7518 section 4.6 demands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Protocol

import msgspec

from .errors import DoesNotOpen, Malformed, NotForUs, Unsafe
from .key import Key
from .strict import encoded, from_base64url, parse_object, shaped

RECIPIENTS_MAX = 110
TRIES_MAX = 220
"""A try takes about 0.1 ms."""

_REFUSED = {
    "crit": "demands an extension (crit) that is not known here",
    "zip": "is compressed, which is refused: a short one could unfold without end",
    "b64": "demands an extension (b64) that is not known here",
    "p2c": "wants a password guessed in its own time (p2c), which is refused",
}
_COMPACT = re.compile(r"(eyJ[A-Za-z0-9_-]+)((?:\.[A-Za-z0-9_-]*){4})")
_JSON_MEMBER = re.compile(r'"(?:protected|ciphertext)"\s*:')


class Loadable(Protocol):
    """A key that joserfc can take."""

    @property
    def kid(self) -> str:
        """What the recipient's header calls it."""

    @property
    def loaded(self) -> Any:
        """An ECKey or OctKey."""


@dataclass(frozen=True)
class Rules:
    """What may be read: methods by name, and bytes in all."""

    algs: frozenset[str]
    encs: frozenset[str]
    bytes_max: int


@dataclass(frozen=True)
class Plain:
    """What was inside, and the kid of the key that opened it."""

    content: bytes
    kid: str


class _Part(msgspec.Struct):
    """One recipient of General JSON (RFC 7516, section 7.2.1)."""

    header: dict[str, Any] = {}
    encrypted_key: str = ""


class _Json(msgspec.Struct):
    """General and flattened JSON; members not named here are ignored, as section 7.2.1 has it."""

    protected: str
    iv: str
    ciphertext: str
    tag: str
    unprotected: dict[str, Any] = {}
    header: dict[str, Any] = {}
    encrypted_key: str = ""
    recipients: Annotated[list[_Part], msgspec.Meta(max_length=RECIPIENTS_MAX)] | None = None
    aad: msgspec.UnsetType | Any = msgspec.UNSET


@dataclass(frozen=True)
class _Sealed:
    """A JWE as one recipient sees it: all headers together, and what joserfc is given."""

    headers: dict[str, Any]
    given: str | dict[str, Any]

    @property
    def kid(self) -> Any:
        return self.headers.get("kid")


def looks_sealed(text: str) -> bool:
    """Whether `text` is meant as a JWE, be it a broken one; cheap, and no promise."""
    if text.startswith("{"):
        return _JSON_MEMBER.search(text) is not None
    return _COMPACT.fullmatch(text) is not None


def decrypt(text: str, keys: Mapping[str, Loadable], rules: Rules, what: str) -> Plain:
    """Opens `text` with the first of `keys`, by kid, that fits; newer keys stand in front.

    Raises Malformed, Unsafe, NotForUs, and DoesNotOpen where the key is wrong or the text changed.
    """
    if len(text.encode("utf-8", "surrogatepass")) > rules.bytes_max:
        raise Malformed(f"{what} is longer than any can be; it was not made by chatctl")
    sealed = _read(text, what)
    fitting = list(islice(_fitting(sealed, keys), TRIES_MAX))
    if not fitting:
        raise NotForUs(f"{what} is encrypted for others; none of your keys is among its recipients")
    for one, key in fitting:
        _demand_allowed(one.headers, rules, what)
        if (content := _opened(one, key, rules)) is not None:
            return Plain(content, key.kid)
    raise DoesNotOpen(f"{what} does not open; it was changed on its way, or the key is wrong")


def encrypt(content: bytes, protected: dict[str, Any], keys: Iterable[Loadable]) -> str:
    """General JSON for all `keys`, on one line without white space. ValueError if they are none,
    or over RECIPIENTS_MAX; `protected` has alg and enc."""
    from joserfc.jwe import GeneralJSONEncryption, encrypt_json  # noqa: PLC0415

    recipients = list(keys)
    if not 1 <= len(recipients) <= RECIPIENTS_MAX:
        raise ValueError(f"{len(recipients)} recipients; 1 to {RECIPIENTS_MAX} are possible")
    sealing = GeneralJSONEncryption(dict(protected), content)
    for key in recipients:
        sealing.add_recipient({"kid": key.kid}, key.loaded)
    done = encrypt_json(sealing, None, registry=_registry([protected["alg"], protected["enc"]]))
    return encoded(dict(done))


def warm_up() -> None:
    """Imports what the first message will need, 0.1 s; for a thread, while the network is slow."""
    import joserfc.jwe  # noqa: PLC0415
    import joserfc.jws  # noqa: F401, PLC0415


def _read(text: str, what: str) -> list[_Sealed]:
    compact = _COMPACT.fullmatch(text)
    if compact is not None:
        return [_Sealed(_header(compact[1], what), text)]
    return _read_json(shaped(parse_object(text, what), _Json, what), what)


def _header(segment: str, what: str) -> dict[str, Any]:
    return parse_object(from_base64url(segment, what), f"{what}'s header")


def _read_json(parsed: _Json, what: str) -> list[_Sealed]:
    from joserfc.util import json_b64encode  # noqa: PLC0415

    protected = _header(parsed.protected, what)
    if "enc" not in protected:
        raise Malformed(f"{what} does not protect its header; it was made by a faulty program")
    # joserfc authenticates the header as it would write it itself, not as it was received.
    if json_b64encode(protected).decode() != parsed.protected:
        raise Malformed(f"{what}'s header is written in an unusual way (white space or escapes)")
    if parsed.aad is not msgspec.UNSET:
        raise Unsafe(f"{what} carries data beside its text (aad), which is refused")
    return [_merged(parsed, protected, part, what) for part in _parts(parsed, what)]


def _parts(parsed: _Json, what: str) -> Sequence[_Part]:
    if parsed.recipients is None:
        return [_Part(parsed.header, parsed.encrypted_key)]
    if parsed.header or parsed.encrypted_key:
        raise Malformed(f"{what} names its recipients in two ways; it was made by a faulty program")
    return parsed.recipients


def _merged(parsed: _Json, protected: dict[str, Any], part: _Part, what: str) -> _Sealed:
    headers = {**parsed.unprotected, **part.header, **protected}
    if len(headers) != len(parsed.unprotected) + len(part.header) + len(protected):
        raise Malformed(f"{what} says one thing in two headers; it was made by a faulty program")
    given: dict[str, Any] = {
        "protected": parsed.protected,
        "unprotected": parsed.unprotected,
        "header": part.header,
        "encrypted_key": part.encrypted_key,
        "iv": parsed.iv,
        "ciphertext": parsed.ciphertext,
        "tag": parsed.tag,
    }
    return _Sealed(headers, given)


def _fitting(
    sealed: list[_Sealed], keys: Mapping[str, Loadable]
) -> Iterator[tuple[_Sealed, Loadable]]:
    """First who is named by kid; then, for what names nobody, every key."""
    for one in sealed:
        if isinstance(one.kid, str) and one.kid in keys:
            yield one, keys[one.kid]
    for one in sealed:
        if one.kid is None:
            yield from ((one, key) for key in keys.values())


def _demand_allowed(headers: dict[str, Any], rules: Rules, what: str) -> None:
    for name, why in _REFUSED.items():
        if name in headers:
            raise Unsafe(f"{what} {why}")
    if headers.get("alg") not in list(rules.algs) or headers.get("enc") not in list(rules.encs):
        raise Unsafe(f"{what} is encrypted in a way that is not allowed here")
    if "epk" in headers:
        epk = headers["epk"]
        if isinstance(epk, dict) and "d" in epk:
            raise Unsafe(f"{what} comes with a private key; it is no secret to anybody")
        Key.read(epk, "enc", f"{what}'s ephemeral key")


def _opened(one: _Sealed, key: Loadable, rules: Rules) -> bytes | None:
    """What was inside; None where it does not open."""
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwe import decrypt_compact, decrypt_json  # noqa: PLC0415

    registry = _registry([*rules.algs, *rules.encs])
    given: Any = one.given
    try:
        if isinstance(given, str):
            return decrypt_compact(given, key.loaded, registry=registry).plaintext
        return decrypt_json(given, key.loaded, registry=registry).plaintext
    except (JoseError, ValueError):
        return None


def _registry(methods: list[str]) -> Any:
    from joserfc.jwe import JWERegistry  # noqa: PLC0415

    return JWERegistry(algorithms=methods, strict_check_header=False, max_recipients=RECIPIENTS_MAX)
