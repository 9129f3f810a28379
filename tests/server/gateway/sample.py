"""A message as a gateway gets it."""

from __future__ import annotations

from chatd.chat.gateway import Letter
from chatd.chat.gateway_changes import CodeKind
from chatd.server.gateway.base import Message
from chatd.server.gateway.letters import message

SERVER, SENDER, CODE = "chat.example.net", "chatd@example.net", "27182818"
CREATED_MS = 1_795_286_736_292
MAIL, PHONE = "mailto:alice@example.org", "tel:+4930901820"


def sample(
    contact: str = MAIL,
    user: str = "alice",
    kind: CodeKind = "activate",
    server: str = SERVER,
    http_url: str | None = None,
) -> Message:
    """To alice, unless told otherwise."""
    letter = Letter(contact, kind, user, CODE, CREATED_MS + 900_000)
    return message(letter, 7, CREATED_MS, server, http_url)
