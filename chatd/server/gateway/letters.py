"""What is written to people: who writes, what to type, for how long, and what if it was not you."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from urllib.parse import urlencode

from chatd.chat.gateway import Letter
from chatd.protocol.gateway import Activate
from chatd.protocol.wire import write_request

from .base import Message

_MAIL = """\
Hello {user},

{purpose}

    {code}

{how}{link}
The code is good once, for {valid}. If it was not you who asked
for it, do nothing: without the code nothing happens.

{server}
"""
_TEXT = "{server}: {code} is the code for {user}. {how} Good for {valid}. Not you? Ignore it."
_ACTIVATE = """\
your name was registered at {server}, with this address.
This code opens the account:"""
_RECOVER = """\
a new password was asked for at {server}.
This code lets you set one:"""


def message(
    letter: Letter, id_: int, created_ms: int, server: str, http_url: str | None
) -> Message:
    """The message that a letter becomes."""
    contact = letter.contact or ""
    by_mail = contact.startswith("mailto:")
    valid = _minutes(letter.expires_ms - created_ms)
    words = {"user": letter.user, "server": server, "code": letter.code, "valid": valid}
    text = _mail(letter, words, http_url) if by_mail else _text(letter, words)
    return Message(
        id=f"{created_ms}-{id_}",
        kind=letter.kind,
        contact=contact,
        user=letter.user,
        code=letter.code,
        subject=f"Your code for {server}",
        text=text,
        created_ms=created_ms,
        expires_ms=letter.expires_ms,
    )


def payload(found: Message) -> bytes:
    """As JSON, for programs that send text messages (Standard Webhooks: type, timestamp, data)."""
    data = {
        "contact": found.contact,
        "user": found.user,
        "code": found.code,
        "expires": _time(found.expires_ms),
        "subject": found.subject,
        "text": found.text,
    }
    body = {"type": f"code.{found.kind}", "timestamp": _time(found.created_ms), "data": data}
    return json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"


def _mail(letter: Letter, words: dict[str, str], http_url: str | None) -> str:
    activates = letter.kind == "activate"
    purpose = (_ACTIVATE if activates else _RECOVER).format(**words)
    how = _how_to_activate(letter) if activates else _how_to_recover(letter)
    link = (
        f"\nOr follow this link:\n\n    {_link(letter, http_url)}\n"
        if activates and http_url
        else ""
    )
    return _MAIL.format(**words, purpose=purpose, how=how, link=link)


def _how_to_activate(letter: Letter) -> str:
    return (
        f"Type this line, at netcat:\n\n    {_line(letter)}\n\n"
        f"or this command:\n\n    chatctl activate {shlex.quote(letter.user)} {letter.code}\n"
    )


def _how_to_recover(letter: Letter) -> str:
    user = shlex.quote(letter.user)
    return (
        f"Type this line, at netcat, with the new password at its end:\n\n"
        f"    RECOVER|{letter.user}|{letter.code}|new password\n\n"
        f"or this command, which also opens your vault:\n\n    chatctl recover --code {user}\n"
    )


def _text(letter: Letter, words: dict[str, str]) -> str:
    how = f"Type {_line(letter)}." if letter.kind == "activate" else "It sets a new password."
    return _TEXT.format(**words, how=how)


def _line(letter: Letter) -> str:
    return write_request(Activate(letter.user, letter.code)).decode().rstrip("\n")


def _link(letter: Letter, http_url: str) -> str:
    asked = urlencode({"user": letter.user, "code": letter.code})
    return f"{http_url.rstrip('/')}/activate?{asked}"


def _minutes(ms: int) -> str:
    minutes = max(1, ms // 60_000)
    return f"{minutes} minutes" if minutes > 1 else "a minute"


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
