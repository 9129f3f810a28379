"""The server's own services: the plug-ins that are installed, and what runs them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from traceback import extract_tb

import structlog
import trio

from chatd.chat.built_in import built_in
from chatd.chat.calls import Asked
from chatd.chat.clock import Clock
from chatd.chat.services import Services
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.fields import TEXT_BYTES_MAX
from chatd.services import GROUP, BadArguments, Service, ServiceError

THREADS_PER_SERVICE_MAX = 4
SENTENCE_CHARACTERS_MAX = 1_000

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_log = structlog.get_logger()


def make_services(clock: Clock) -> Services:
    """With those that are built in, and those that are installed."""
    own = {service.name: service for service in built_in(clock)}
    for entry in entry_points(group=GROUP):
        service = _loaded(entry, own)
        if service is not None:
            own[service.name] = service
    return Services(own.values(), ServiceRuns())


def _loaded(entry: EntryPoint, taken: Iterable[str]) -> Service | None:
    """The service of an entry point; one that is broken is named in the log and left out, since a
    server without it is better than none."""
    try:
        service = entry.load()
        if not isinstance(service, Service):
            raise TypeError(f"it is no chatd.services.Service but a {type(service).__name__}")
        if service.name in taken:
            raise ValueError(f"there is a service {service.name} already")
    except (Exception, SystemExit) as error:  # noqa: BLE001
        problem = f"{type(error).__name__}: {error}"
        _log.error("service not loaded", entry_point=_written(entry), problem=problem)
        return None
    _log.info("service loaded", entry_point=_written(entry), service=service.name)
    return service


def _written(entry: EntryPoint) -> str:
    home = entry.dist.name if entry.dist is not None else "?"
    return f"{entry.name} = {entry.value} ({home})"


class ServiceRuns:
    """`chat.services.Runs` on trio."""

    def __init__(self) -> None:
        self._limiters: dict[str, trio.CapacityLimiter] = {}

    async def settled(self, asked: Asked, seconds_max: float) -> None:
        event = trio.Event()
        asked.wake = event.set
        if asked.outcome is None:
            with trio.move_on_after(seconds_max):
                await event.wait()

    async def run(self, service: Service, asked: Asked, seconds_max: float) -> None:
        with trio.move_on_after(seconds_max) as scope:
            asked.wake = scope.cancel
            asked.settle(await self._outcome(service, asked))

    async def _outcome(self, service: Service, asked: Asked) -> str | ChatError:
        try:
            return _checked(await self._called(service, asked))
        except BadArguments as error:
            return ChatError(Code.BAD_FIELD, _sentence(error))
        except ServiceError as error:
            return ChatError(Code.SERVICE_FAILED, _sentence(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a plug-in does
            _log.error(
                "service broke",
                service=service.name,
                problem=type(error).__name__,
                where=_place(error),
            )
            return ChatError(Code.SERVICE_FAILED, f"{service.name} broke; the server's log has it.")

    async def _called(self, service: Service, asked: Asked) -> object:
        if service.is_async:
            return await service.call(asked.call)  # type: ignore[misc]
        if (limiter := self._limiters.get(service.name)) is None:
            limiter = self._limiters[service.name] = trio.CapacityLimiter(THREADS_PER_SERVICE_MAX)
        # A thread that is given up keeps its place until it is done: so they stay few.
        return await trio.to_thread.run_sync(
            service.call, asked.call, abandon_on_cancel=True, limiter=limiter
        )


def _checked(result: object) -> str:
    """TypeError, ValueError, UnicodeEncodeError where it is nothing that a line can carry."""
    if not isinstance(result, str):
        raise TypeError("the result is no text")
    if len(result.encode()) > TEXT_BYTES_MAX or _CONTROLS.search(result):
        raise ValueError("the result is too long or holds control characters")
    return result


def _sentence(error: ServiceError) -> str:
    """What a line can carry of it, as a sentence."""
    text = _CONTROLS.sub("\ufffd", str(error.sentence)[:SENTENCE_CHARACTERS_MAX])
    text = text.encode(errors="replace").decode()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _place(error: BaseException) -> str:
    """Where it was raised; what it says may be private."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
