"""Fields of a line: how a value is written between two bars, and the kinds of values there are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from . import base64url, kdf
from .errors import ChatError, Code

TEXT_BYTES_MAX = 32_768
VAULT_BYTES_MAX = 49_152
KEYS_BYTES_MAX = 8_192
SEQ_DIGITS_MAX = 18
HISTORY_LIMIT_MAX = 1_000
CODE_DIGITS = 8
CONTACT_SCHEMES = ("mailto", "tel")
CONTACT_CHARACTERS_MAX = 320
ARGUMENTS_MAX = 32
USAGE_BYTES_MAX = 200
DESCRIPTION_BYTES_MAX = 500

_ESCAPED = re.compile(r"\\([pnr\\])")
_PLAIN = {"p": "|", "n": "\n", "r": "\r", "\\": "\\"}
_TO_ESCAPE = re.compile(r"[\\\n\r]")
_TO_ESCAPE_INNER = re.compile(r"[\\\n\r|]")
_ESCAPES = {"|": "\\p", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}


def unescape(field: str) -> str:
    """Undo `escape`; a backslash before anything but p, n, r, \\ is just a backslash."""
    if "\\" not in field:
        return field
    return _ESCAPED.sub(lambda match: _PLAIN[match[1]], field)


def escape(value: str) -> str:
    """Make `value` one field anywhere in a line: no bar, LF, CR or lone backslash is left."""
    if _TO_ESCAPE_INNER.search(value) is None:
        return value
    return _TO_ESCAPE_INNER.sub(lambda match: _ESCAPES[match[0]], value)


def escape_rest(value: str) -> str:
    """Make `value` the free text that ends a line: as `escape`, but a bar stands for itself."""
    if _TO_ESCAPE.search(value) is None:
        return value
    return _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], value)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one sort of field is read (`parse` raises ValueError or ChatError) and written."""

    form: str
    parse: Callable[[Any], Any] = str
    format: Callable[[Any], str] = str
    rest: bool = False  # free text: runs to the end of the line, bars and all
    secret: bool = False  # never shown in a log
    many: bool = False  # all fields that are left, as a tuple


def _filled(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _text(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return _fitting(value)


def _fitting(value: str) -> str:
    if len(value) * 4 > TEXT_BYTES_MAX and len(value.encode()) > TEXT_BYTES_MAX:
        raise ChatError(Code.TOO_BIG, f"Shorten it to {TEXT_BYTES_MAX} bytes; send the rest apart.")
    return value


def _blob(value: str) -> str:
    return _within(_filled(value), VAULT_BYTES_MAX, "A vault")


def _keys(value: str) -> str:
    return _within(_filled(value), KEYS_BYTES_MAX, "A JWK Set")


def _within(value: str, bytes_max: int, what: str) -> str:
    if len(value.encode()) > bytes_max:
        raise ChatError(Code.TOO_BIG, f"{what} has at most {bytes_max} bytes.")
    return value


def _client_id(value: str) -> str:
    if not 1 <= len(value) <= 64:
        raise ValueError("must have 1 to 64 characters")
    return value


def _contact(value: str) -> str:
    scheme, colon, rest = value.partition(":")
    if scheme.lower() not in CONTACT_SCHEMES or not rest:
        raise ValueError("must be mailto: and an address, or tel: and a number")
    if len(value) > CONTACT_CHARACTERS_MAX or not value.isprintable():
        raise ValueError(f"has at most {CONTACT_CHARACTERS_MAX} characters, all of them printable")
    return f"{scheme.lower()}{colon}{rest}"


def _code(value: str) -> str:
    digits = value.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) == CODE_DIGITS):
        raise ValueError(f"must be the {CODE_DIGITS} digits that were sent")
    return digits


def _arguments(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) > ARGUMENTS_MAX:
        raise ValueError(f"takes at most {ARGUMENTS_MAX} fields")
    if sum(len(value.encode()) for value in values) > TEXT_BYTES_MAX:
        raise ChatError(Code.TOO_BIG, f"Arguments have at most {TEXT_BYTES_MAX} bytes in all.")
    return values


def _usage(value: str) -> str:
    return _within(value, USAGE_BYTES_MAX, "A usage")


def _description(value: str) -> str:
    return _within(value, DESCRIPTION_BYTES_MAX, "A description")


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= SEQ_DIGITS_MAX):
        raise ValueError("must be a whole number, 0 or more")
    return int(value)


def _limit(value: str) -> int:
    return min(_number(value), HISTORY_LIMIT_MAX)


def _level(value: str) -> int:
    if len(value) != 1 or value not in "0123456789":
        raise ValueError("must be a digit from 0 to 9")
    return int(value)


def _yes_no(value: str) -> bool:
    if value not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return value == "yes"


def _role(value: str) -> str:
    if value not in ("owner", "moderator", "member"):
        raise ValueError("must be owner, moderator or member")
    return value


def _pattern(value: str) -> str:
    pattern = value.removeprefix("Noise_")
    if pattern not in ("NK", "NX", "IK"):
        raise ValueError("must be NK, NX or IK")
    return pattern


def flag(word: str) -> Kind:
    """A field that holds `word` or nothing."""
    return Kind(f"{word} or empty", lambda value: value == word, lambda on: word if on else "")


RoleWord = Literal["owner", "moderator", "member"]

User = Annotated[str, Kind("user")]
Room = Annotated[str, Kind("#room")]
Target = Annotated[str, Kind("user or #room")]
Conversation = Annotated[str, Kind("user or #room")]
Secret = Annotated[str, Kind("secret", _filled, secret=True)]
Token = Annotated[str, Kind("43 characters base64url", secret=True)]
Word = Annotated[str, Kind("word")]
Contact = Annotated[str, Kind("mailto: or tel:", _contact, secret=True)]
OneCode = Annotated[str, Kind(f"{CODE_DIGITS} digits", _code, secret=True)]
ClientId = Annotated[str, Kind("1 to 64 characters", _client_id)]
Text = Annotated[str, Kind("free text", _text, rest=True)]
FreeText = Annotated[str, Kind("free text, may be empty", _fitting, rest=True)]
Kdf = Annotated[str, Kind("kdf", kdf.checked)]
Blob = Annotated[str, Kind("blob", _blob, rest=True, secret=True)]
BlobField = Annotated[str, Kind("blob, a bar as \\p", _blob, secret=True)]
BlobHeld = Annotated[str, Kind("blob, may be empty", rest=True, secret=True)]
Keys = Annotated[str, Kind("JWK Set", _keys, rest=True)]
Thumbprint = Annotated[str, Kind("thumbprint")]
Pattern = Annotated[str, Kind("NK, NX or IK", _pattern)]
NoiseMessage = Annotated[bytes, Kind("base64url", base64url.decode, base64url.encode)]
Version = Annotated[int, Kind("version", _number)]
Line = Annotated[str, Kind("free text", rest=True)]
Time = Annotated[str, Kind("RFC 3339, UTC, ms")]
Seq = Annotated[int, Kind("seq", _number)]
Count = Annotated[int, Kind("number", _number)]
Limit = Annotated[int, Kind("number, at most 1000", _limit)]
Level = Annotated[int, Kind("0 to 9", _level)]
YesNo = Annotated[bool, Kind("yes or no", _yes_no, lambda on: "yes" if on else "no")]
Role = Annotated[RoleWord, Kind("owner, moderator or member", _role)]
Service = Annotated[str, Kind("service")]
Arguments = Annotated[tuple[str, ...], Kind("0 to 32 fields", _arguments, many=True)]
Usage = Annotated[str, Kind("usage, may be empty", _usage)]
Description = Annotated[str, Kind("description, may be empty", _description, rest=True)]
Provider = Annotated[str, Kind("user or empty")]
