"""Messages as mail (RFC 5322)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from .base import Message


def mail(found: Message, sender: str, server: str) -> EmailMessage:
    """As RFC 5322 wants it; with SMTPUTF8 only where the address cannot be written without."""
    ascii_ = found.address.isascii()
    made = EmailMessage(policy=SMTP if ascii_ else SMTPUTF8)
    made["From"] = Address(_one_line(server), addr_spec=sender)
    local, _, domain = found.address.rpartition("@")
    made["To"] = Address(username=local, domain=domain)
    made["Subject"] = _one_line(found.subject)
    made["Date"] = datetime.fromtimestamp(found.created_ms // 1000, UTC)
    made["Message-ID"] = f"<{found.id}.chatd@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(found.text)
    return made


def _one_line(text: str) -> str:
    """Nothing that could begin another header."""
    return "".join(c if c.isprintable() else " " for c in text)
