"""Names of users and rooms: RFC 8265 UsernameCaseMapped, and the rules of protocol.md on top.

`user_name` and `room_name` give the normal form that a name is looked up by; `choose_user_name` and
`choose_room_name` are for a name that someone gives to an account or a room, and refuse in addition
what can be mistaken for another name. All raise BadName, and none takes over a millisecond.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from precis_i18n import get_profile

from .lookalikes import mistakable

USER_CHARACTERS_MAX = 32
ROOM_CHARACTERS_MAX = 64
"""Without the `#` in front."""
FORBIDDEN = "|#@*/\\:,="

_NAMES_CACHED_MAX = 8192
# A character of the normal form comes from four typed ones at most (UAX 15, section 8).
_TYPED_FOR_ONE_MAX = 4

_PLAIN_USER = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{USER_CHARACTERS_MAX - 1}}}")
_PLAIN_ROOM = re.compile(rf"#[a-z0-9][a-z0-9._-]{{0,{ROOM_CHARACTERS_MAX - 1}}}")
_FORBIDDEN = re.compile(f"[{re.escape(FORBIDDEN)}]")
_PRECIS = get_profile("UsernameCaseMapped")

_WHOLE_NAME = {
    "empty": "is empty",
    "bidi_rule": "mixes writing directions, or begins or ends with a mark; use letters of one"
    " direction and end with a letter or digit",
    "not_idempotent": "changes each time it is put into its normal form; spell it otherwise",
}
_NOT_HERE = {
    "zero_width_nonjoiner",
    "zero_width_joiner",
    "middle_dot",
    "greek_keraia",
    "hebrew_punctuation",
    "katakana_middle_dot",
    "arabic_indic",
    "extended_arabic_indic",
}


class BadName(ValueError):
    """The name breaks a rule; the message is a sentence that says which, and what to do."""


def user_name(raw: str) -> str:
    """The user name that `raw` stands for, 1 to 32 characters."""
    if _PLAIN_USER.fullmatch(raw) is not None:
        return raw
    return _checked(raw, USER_CHARACTERS_MAX)


def room_name(raw: str) -> str:
    """The room name that `raw` stands for: `#` and 1 to 64 characters."""
    if _PLAIN_ROOM.fullmatch(raw) is not None:
        return raw
    if not raw.startswith("#"):
        raise BadName("A room's name begins with '#', as in #lobby.")
    return "#" + _checked(raw[1:], ROOM_CHARACTERS_MAX)


def choose_user_name(raw: str) -> str:
    """As `user_name`, for a new account."""
    return _chosen(user_name(raw))


def choose_room_name(raw: str) -> str:
    """As `room_name`, for a new room."""
    return _chosen(room_name(raw))


def _chosen(name: str) -> str:
    if (why := mistakable(name)) is not None:
        raise BadName(f"The name {why}.")
    return name


def _checked(raw: str, characters_max: int) -> str:
    # Ahead of the cache and of PRECIS, so that neither ever gets a long line to chew on.
    if len(raw) > characters_max * _TYPED_FOR_ONE_MAX:
        raise _too_long(characters_max)
    return _normal(raw, characters_max)


@lru_cache(_NAMES_CACHED_MAX)
def _normal(raw: str, characters_max: int) -> str:
    """The normal form, held against every rule but that on lookalikes."""
    try:
        name = _PRECIS.enforce(raw)
    except UnicodeEncodeError as error:
        raise BadName(f"The name {_broken_rule(error)}.") from None
    if len(name) > characters_max:
        raise _too_long(characters_max)
    if (found := _FORBIDDEN.search(name)) is not None:
        shown = " ".join(FORBIDDEN)
        raise BadName(f"The name holds {found[0]!r}; none of {shown} may be in it.")
    if name.startswith("~"):
        raise BadName("The name begins with '~', which the server keeps for itself; drop it.")
    return name


def _too_long(characters_max: int) -> BadName:
    return BadName(f"The name is too long; shorten it to {characters_max} characters.")


def _broken_rule(error: UnicodeEncodeError) -> str:
    """What PRECIS found wrong, to complete a sentence that begins with "The name"."""
    rule = error.reason.rpartition("/")[2]
    if rule in _WHOLE_NAME:
        return _WHOLE_NAME[rule]
    char = error.object[error.start]
    if char.isspace():
        return "holds white space; write it in one piece, say with '_' or '-'"
    which = f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()
    if rule in _NOT_HERE:
        return f"holds {which} where it may not stand; leave it out"
    return f"holds {which}; use letters, digits and plain punctuation"
