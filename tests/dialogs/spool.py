"""Codes as the server's spool holds them, for people who would read their mail."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from tests.peer import PATIENCE_SECONDS


class Letters:
    """The codes in a spool; each is given once."""

    def __init__(self) -> None:
        self._read: set[Path] = set()

    def code(self, spool: Path, user: str, wait: Callable[[], object]) -> str:
        """The next one for `user`; until it is there, `wait` is called. TimeoutError."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            for file in sorted(spool.glob("[!.]*")):
                if file not in self._read and (found := code_in(file, user)) is not None:
                    self._read.add(file)
                    return found
            wait()
        raise TimeoutError(f"no letter came for {user}")


def code_in(file: Path, user: str) -> str | None:
    """The code that a file of the spool holds for `user`."""
    if file.suffix == ".json":
        data = json.loads(file.read_bytes())["data"]
        return str(data["code"]) if data["user"] == user else None
    body = message_from_bytes(file.read_bytes(), policy=default).get_body()
    assert body is not None
    found = re.search(
        rf"^ +(?:ACTIVATE|RECOVER)\|{user}\|(\d{{8}})", body.get_content(), re.MULTILINE
    )
    return None if found is None else found[1]
