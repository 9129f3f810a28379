"""The handlers of all commands; importing this registers them."""

from . import (
    about,
    accounts,
    channel,
    devices,
    direct,
    gateway,
    membership,
    messages,
    moderation,
    reading,
    sealed,
    services,
    sessions,
)

__all__ = [
    "about",
    "accounts",
    "channel",
    "devices",
    "direct",
    "gateway",
    "membership",
    "messages",
    "moderation",
    "reading",
    "sealed",
    "services",
    "sessions",
]
