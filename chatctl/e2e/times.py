"""Times as they stand on the wire and in the vault: RFC 3339, UTC, milliseconds, a Z at the end."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .errors import Malformed

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


def time_text(when: datetime) -> str:
    """`2026-11-21T04:05:06.789Z`; `when` has a time zone, ValueError otherwise."""
    if when.tzinfo is None:
        raise ValueError("this time has no time zone")
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(text: str, what: str) -> datetime:
    """The moment in UTC. Raises Malformed."""
    if _FORM.fullmatch(text) is not None:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise Malformed(f"{what} holds no time of the form 2026-11-21T04:05:06.789Z")
