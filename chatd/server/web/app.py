"""The web application: three addresses, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any

import structlog
import trio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .activation import Activate, Activation
from .visitors import exposed, visitor

REQUEST_SECONDS_MAX = 15
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Site:
    """What the application asks of the server. `problem` says what is wrong with it, None if
    nothing is; `private`: no code may come over a line that others can read; `metrics_for_all`: not
    only for this machine, None: for nobody."""

    server_name: str
    problem: Callable[[], Awaitable[str | None]]
    metrics: Callable[[], Awaitable[bytes]]
    activate: Activate
    private: Callable[[], bool]
    now: Callable[[], float]
    proxies: Collection[str] = ()
    metrics_for_all: bool | None = False


def make_app(site: Site) -> ASGIApp:
    """The application, for hypercorn."""
    proxies = frozenset(site.proxies)
    whose = partial(visitor, proxies=proxies)
    page = Activation(site.server_name, site.activate, whose, site.now)

    async def activate(request: Request) -> Response:
        if site.private() and exposed(request, proxies):
            return page.exposed()
        return await (page.act(request) if request.method == "POST" else page.show(request))

    async def health(_request: Request) -> Response:
        problem = await site.problem()
        if problem is None:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "failing", "problem": problem}, 503)

    async def metrics(request: Request) -> Response:
        if site.metrics_for_all is None:
            return PlainTextResponse("Not Found", 404)
        if not site.metrics_for_all and not ip_address(whose(request)).is_loopback:
            return PlainTextResponse("Metrics are for this machine alone: see http_metrics.", 403)
        return Response(await site.metrics(), headers={"content-type": METRICS_TYPE})

    routes = [
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/activate", activate, methods=["GET", "POST"]),
    ]
    return Guard(Starlette(routes=routes))


class Guard:
    """Around the application: HTTP/1 alone, an end to each request, the headers that every response
    has, and a log that quotes nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        answer = _Answer(send)
        try:
            if scope["http_version"] not in ("1.0", "1.1"):
                await answer.refuse(505)
                return
            with trio.move_on_after(REQUEST_SECONDS_MAX) as scope_:
                await self._app(scope, receive, answer.send)
            if scope_.cancelled_caught:
                await answer.refuse(408)
        except ClientDisconnect:
            await answer.refuse(413)
        except Exception as error:  # noqa: BLE001
            _log.error("web request broke", exc_info=error)
            await answer.refuse(500)


class _Answer:
    """What is sent in answer to one request."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            given = dict(message.get("headers", []))
            ours = {name.encode(): value.encode() for name, value in _HEADERS.items()}
            message = {**message, "headers": [*(ours | given).items()]}
        await self._send(message)

    async def refuse(self, status: int) -> None:
        """Unless something was said already."""
        if self._begun:
            return
        start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": []}
        start["headers"] = [(b"content-length", b"0")]
        await self.send(start)
        await self.send({"type": "http.response.body", "body": b""})
