"""A real server that answers HTTP, and people who have registered and wait for their code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import SMTP
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.peer import PATIENCE_SECONDS
from tests.serving import SECRET, Server, running

_LINK = re.compile(r"https?://\S+/activate\?\S+")


def request(method: str, url: str, **more: Any) -> httpx.Response:
    """One request, whose answer may take its time."""
    return httpx.request(method, url, timeout=PATIENCE_SECONDS, **more)


get, head, post = (partial(request, method) for method in ("GET", "HEAD", "POST"))


class Letter(NamedTuple):
    """What a mail said: the link, and what is in it."""

    link: str
    user: str
    code: str

    @property
    def form(self) -> dict[str, str]:
        """What the page's button sends."""
        return {"user": self.user, "code": self.code}


@contextmanager
def web_server(folder: Path, **settings: object) -> Iterator[Server]:
    """A server at `server.web`, which sends codes to those who register."""
    wanted = {"http": "127.0.0.1:0", "registration": "gateway", **settings}
    with running(folder, **wanted) as server:  # type: ignore[arg-type]
        yield server


def register(server: Server, user: str) -> Letter:
    """Register, and read the mail."""
    with server.connect() as peer:
        said = peer.ask(f"REGISTER|{user}|{SECRET}|contact=mailto:{user}@example.com")
        assert said == "REGISTER|SUCCESS|pending"
        while (letter := _letter(server, user)) is None:
            assert peer.ask("PING") == "PING|SUCCESS"
    return letter


def _letter(server: Server, user: str) -> Letter | None:
    for path in (server.data / "spool").glob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=SMTP)
        if f"{user}@example.com" in mail["To"] and (found := _LINK.search(mail.get_content())):
            asked = parse_qs(urlsplit(found[0]).query)
            return Letter(found[0], asked["user"][0], asked["code"][0])
    return None


def is_open(server: Server, user: str) -> bool:
    """Whether the account can be logged in to."""
    with server.connect() as peer:
        return peer.ask(f"AUTH|{user}|{SECRET}").startswith("AUTH|SUCCESS|")


def give(server: Server, form: dict[str, str], **headers: str) -> httpx.Response:
    """Press the button."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return post(f"{server.web}/activate", data=form, headers=named)
