"""The handlers of all commands; importing this registers them."""

from . import about, accounts, membership, messages, moderation, reading, sealed, sessions

__all__ = [
    "about",
    "accounts",
    "membership",
    "messages",
    "moderation",
    "reading",
    "sealed",
    "sessions",
]
