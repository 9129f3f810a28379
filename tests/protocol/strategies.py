"""Hypothesis strategies for every command, reply and event, derived from the declarations."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from chatd.protocol import base64url, fields, kdf, wire  # noqa: F401  (wire declares the commands and events)
from chatd.protocol.declare import COMMANDS, EVENTS, Declared, Field, Reply, Request
from chatd.protocol.enrolment import ALPHABET, CHARACTERS, KEY_BYTES
from chatd.protocol.fields import HISTORY_LIMIT_MAX, SEQ_DIGITS_MAX

REQUESTS = list(COMMANDS.values())
REPLIES: list[type[Reply]] = sorted({made.reply for made in REQUESTS}, key=lambda cls: cls.__name__)
EVENT_CLASSES = list(EVENTS.values())
DECLARED: list[type[Declared]] = [*REQUESTS, *REPLIES, *EVENT_CLASSES]

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

writable = st.text(
    st.one_of(
        st.sampled_from("|\\\n\r\tpnr=#*, "),
        st.characters(exclude_categories=["Cs"]).filter(lambda c: not _UNWRITABLE.match(c)),
    )
)
"""Text that a line can carry: anything but the control characters that no escape stands for."""

filled = writable.filter(bool)
numbers = st.integers(0, 10**SEQ_DIGITS_MAX - 1)

salts = st.binary(min_size=8, max_size=64)
kdfs = st.one_of(
    st.just(kdf.NONE),
    st.builds(
        lambda lanes, more, passes, salt: kdf.argon2id(8 * lanes + more, passes, lanes, salt),
        st.integers(1, 64),
        st.integers(0, 4_000_000),
        st.integers(1, 1_000),
        salts,
    ),
)
derived = st.binary(min_size=32, max_size=32).map(base64url.encode)
"""Secrets that a client has derived."""

BY_FORM: dict[str, st.SearchStrategy[Any]] = {
    "secret": filled,
    "1 to 64 characters": filled.map(lambda text: text[:64]),
    "free text": filled,
    "kdf": kdfs,
    "one-time id": st.text(ALPHABET, min_size=CHARACTERS, max_size=CHARACTERS),
    "device key": st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES),
    "blob": filled,
    "blob, a bar as \\p": filled,
    "JWK Set": filled,
    "NK, NX or IK": st.sampled_from(["NK", "NX", "IK"]),
    "base64url": st.binary(max_size=100),
    "port": st.integers(0, 65_535),
    "version": numbers,
    "seq": numbers,
    "number": numbers,
    f"number, at most {HISTORY_LIMIT_MAX}": st.integers(0, HISTORY_LIMIT_MAX),
    "0 to 32 fields": st.lists(writable, max_size=32).map(tuple),
    "usage, may be empty": writable.filter(lambda text: len(text.encode()) <= 200),
    "description, may be empty": writable.filter(lambda text: len(text.encode()) <= 500),
    "0 to 9": st.integers(0, 9),
    "yes or no": st.booleans(),
    "this or empty": st.booleans(),
    "joined or empty": st.booleans(),
    "pending or empty": st.booleans(),
    "mailto: or tel:": st.sampled_from(["mailto:alice@example.org", "tel:+4930901820"]),
    "8 digits": st.integers(0, 99_999_999).map("{:08}".format),
    "online or offline": st.booleans(),
    "owner, moderator or member": st.sampled_from(["owner", "moderator", "member"]),
}
"""By the form that a kind shows in the tables; a form that is not here takes any text."""


def _of(field: Field) -> st.SearchStrategy[Any]:
    return BY_FORM.get(field.kind.form, writable)


@st.composite
def values_of(draw: st.DrawFn, cls: type[Declared]) -> Any:
    """Any value of `cls` that it accepts."""
    held = {field.name: draw(_of(field)) for field in cls.shape.fields}
    options = cls.shape.options
    named = draw(st.lists(st.sampled_from(options), unique=True)) if options else []
    if cls is COMMANDS["SET"] and not named:
        named = [options[0]]
    held |= {option.name: draw(_of(option)) for option in named}
    return cls(**_agreeing(draw, held))


def _agreeing(draw: st.DrawFn, held: dict[str, Any]) -> dict[str, Any]:
    """What is told of secrets and vaults hangs together."""
    if str(held.get("kdf", kdf.NONE)) != kdf.NONE and ("secret" in held or "new" in held):
        held["secret" if "secret" in held else "new"] = draw(derived)
    proven = "old" in held or "code" in held
    if "vault" in held and proven:
        held["version"] = draw(numbers)
    elif "version" in held and proven:
        del held["version"]
    return held


requests: st.SearchStrategy[Request] = st.sampled_from(REQUESTS).flatmap(values_of)

_VERB = st.sampled_from([*COMMANDS, *map(str.lower, COMMANDS), "ERROR", "", "NOPE", "ſend"])
_FIELD = st.one_of(
    st.sampled_from(["", "a", "#a", "7", "limit=5", "private=no", "level=9", "=", "\\", "\\p"]),
    st.text(max_size=8),
)
request_like = st.builds(lambda verb, rest: "|".join([verb, *rest]), _VERB, st.lists(_FIELD))
"""Lines that look like requests, many of which are wrong."""

byte_lines = st.one_of(
    request_like.map(str.encode),
    st.binary(max_size=40),
    st.sampled_from([b"", b"\r", b"PING|\xff", b"PING|\x07", b"a\rb", b"GET / HTTP/1.1"]),
)
streams = st.builds(
    lambda lines, ends, tail: b"".join(a + b for a, b in zip(lines, ends)) + tail,
    st.lists(byte_lines),
    st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=64, max_size=64),
    byte_lines,
)
"""What a client may send, a last line without LF included."""
