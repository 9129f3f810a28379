"""Messages as a signed JSON POST, for providers of text messages (Standard Webhooks 1.0.0: ids,
timestamps and HMAC-SHA256 over both and the body)."""

from __future__ import annotations

import base64
import hmac
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from .base import GaveUp, Message, Retry
from .letters import payload

STEP_SECONDS_MAX = 10
RETRY_AFTER_SECONDS_MAX = 3_600
SECRET_BYTES = range(24, 65)
SECRET_PREFIX = "whsec_"  # noqa: S105


@dataclass(slots=True, frozen=True)
class Webhook:
    """A provider's address, and what it knows us by. Redirects are not followed, and what it
    answers beside the status is not read."""

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)
    now: Callable[[], float] = time.time

    async def carry(self, message: Message) -> None:
        body = payload(message)
        verify = True if self.context is None else self.context
        try:
            async with (
                httpx.AsyncClient(verify=verify, timeout=STEP_SECONDS_MAX, trust_env=False) as http,
                http.stream(
                    "POST", self.url, content=body, headers=self._head(message, body)
                ) as got,
            ):
                _judge(got, self.now())
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Retry(f"no provider: {type(error).__name__}") from None

    def _head(self, message: Message, body: bytes) -> dict[str, str]:
        moment = str(int(self.now()))
        return {
            "content-type": "application/json",
            "webhook-id": f"msg_{message.id}",
            "webhook-timestamp": moment,
            "webhook-signature": signature(self.secret, f"msg_{message.id}", moment, body),
        }


def signature(secret: bytes, id_: str, moment: str, body: bytes) -> str:
    """`v1,` and HMAC-SHA256 over id, timestamp and body, base64 (Standard Webhooks, Signatures)."""
    signed = b".".join([id_.encode(), moment.encode(), body])
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def read_secret(text: str) -> bytes:
    """`whsec_` and base64 of 24 to 64 bytes. ValueError."""
    try:
        secret = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        secret = b""
    if len(secret) not in SECRET_BYTES:
        raise ValueError("expected whsec_ and base64 of 24 to 64 random bytes")
    return secret


def _judge(got: httpx.Response, now: float) -> None:
    if got.is_success:
        return
    why = f"the provider said {got.status_code}"
    if got.is_client_error and got.status_code not in (408, 429):
        raise GaveUp(why)
    raise Retry(why, _retry_after(got.headers.get("retry-after"), now))


def _retry_after(value: str | None, now: float) -> float | None:
    """RFC 9110, section 10.2.3: seconds, or a date; within bounds."""
    if value is None:
        return None
    try:
        if value.isascii() and value.isdigit():
            seconds = float(value)
        else:
            when = parsedate_to_datetime(value)
            seconds = when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)
