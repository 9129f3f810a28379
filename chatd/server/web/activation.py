"""`/activate`: what the link in a mail leads to.

Scanners of mail open links, so GET changes nothing; only the button does, by POST. The form needs
no token against forgery by other sites: the code itself is what they would have to know.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chatd.protocol.errors import Code
from chatd.security.names import BadName, user_name
from chatd.security.throttle import Quota, address_block

from . import pages

BODY_BYTES_MAX = 4_096
FIELDS_MAX = 8
TRIES_MAX, TRIES_SECONDS = 30, 60
"""From one address, whatever the accounts; the rules bound those of one account."""
ADDRESSES_KEPT_MAX = 10_000

_CODE = re.compile(r"[0-9][0-9 -]{0,63}")
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: None where the account is open now, else why not."""

    code: Code | None
    sentence: str = ""


Activate = Callable[[str, str, str], Awaitable[Outcome]]
"""Carries out ACTIVATE: user, code, and the address that asks."""

_TOLD: dict[Code, tuple[int, str, str]] = {
    Code.DENIED: (
        403,
        "That did not work",
        (
            "The name or the code is wrong, or the code was used, or typed wrong too often. If the"
            " account is open already, just log in."
        ),
    ),
    Code.EXPIRED: (
        410,
        "The code is too old",
        "Ask for another one, and use it within a quarter of an hour.",
    ),
    Code.RATE_LIMITED: (429, "Too many tries", "Wait a moment, then try again."),
    Code.UNAVAILABLE: (
        503,
        "Not now",
        "The server cannot store anything at this moment. Nothing was changed; try again soon.",
    ),
}


class Activation:
    """The page's two requests; `visitor` tells the address of who asks."""

    def __init__(
        self,
        server_name: str,
        activate: Activate,
        visitor: Callable[[Request], str],
        now: Callable[[], float],
    ) -> None:
        self._server_name = server_name
        self._activate = activate
        self._visitor = visitor
        self._now = now
        self._tries = Quota(TRIES_MAX, TRIES_SECONDS, ADDRESSES_KEPT_MAX)

    async def show(self, request: Request) -> Response:
        """GET: changes nothing, and tells nothing of the account."""
        user = _name(request.query_params.get("user", ""))
        code = _code(request.query_params.get("code", ""))
        if user is None or code is None:
            why = "Type the name that you have registered, and the code that was sent to you."
            return pages.ask("Open your account", why, user or "")
        return pages.confirm(self._server_name, user, code)

    async def act(self, request: Request) -> Response:
        """POST: gives the code back."""
        form = await _form(request)
        user, code = _name(form.get("user", "")), _code(form.get("code", ""))
        if user is None or code is None:
            why = "A name or a code is never like that. Compare them with what was sent to you."
            return pages.ask("That did not work", why, user or "", 400)
        address = self._visitor(request)
        if (wait_seconds := self._wait_seconds(address)) > 0:
            return _refused(Outcome(Code.RATE_LIMITED), user, wait_seconds)
        outcome = await self._activate(user, code, address)
        if outcome.code is None:
            return pages.tell("Your account is open", f"Welcome, {user}. Now you can log in.")
        return _refused(outcome, user, _seconds(outcome.sentence))

    def exposed(self) -> Response:
        """Instead of both, where others may read what is sent."""
        what = "This server takes no code over a line that others can read: use https."
        return pages.tell("Not like this", what, 403)

    def _wait_seconds(self, address: str) -> float:
        block = address_block(address)
        return 0 if block is None else self._tries.take(block, self._now())


def _refused(outcome: Outcome, user: str, wait_seconds: float) -> Response:
    assert outcome.code is not None
    status, title, what = _TOLD.get(outcome.code, (400, "That did not work", outcome.sentence))
    response = pages.ask(title, what, user, status)
    if outcome.code is Code.RATE_LIMITED:
        response.headers["retry-after"] = str(int(wait_seconds) + 1)
    return response


def _seconds(sentence: str) -> float:
    """How long to wait: what the sentence of RATE_LIMITED begins with."""
    digits = re.match(r"[0-9]{1,6}", sentence)
    return float(digits[0]) if digits else 0


def _name(raw: str) -> str | None:
    """A name that an account can have: nothing else is shown, so that no link puts words there."""
    try:
        return user_name(raw)
    except BadName:
        return None


def _code(raw: str) -> str | None:
    code = raw.strip()
    return code if _CODE.fullmatch(code) else None


async def _form(request: Request) -> dict[str, str]:
    """The fields of the form; HTTPException where it is none, or too big."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise HTTPException(415)
    body = bytearray()
    async for piece in request.stream():
        if len(body) <= BODY_BYTES_MAX:
            body += piece
    if len(body) > BODY_BYTES_MAX:
        raise HTTPException(413)
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=FIELDS_MAX, errors="strict"))
    except ValueError:  # not ASCII, not UTF-8, or too many
        raise HTTPException(400) from None
