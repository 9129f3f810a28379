"""Orders of who runs the server: carried out by the server that runs, through a socket in its data
folder, or where none runs by the same parts without doors.

One connection carries one order and its answer, each a line of JSON. Who may open the socket may
read the server key as well: it is 0600, in a folder that is 0700.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
import trio

from chatd.chat.admin import Order, Outcome, Refused, ordered
from chatd.chat.chat import Chat
from chatd.chat.ports import Unavailable
from chatd.protocol.errors import ChatError
from chatd.storage.sqlite import SqliteStore

from . import folder
from .addresses import UNIX_PATH_BYTES_MAX
from .committer import Committer
from .listeners import ListenError, listen_unix
from .parts import make_chat, password_threads
from .reactor import Reactor
from .settings import Settings

SOCKET = "admin.sock"
ORDER_BYTES_MAX = 4_096
ANSWER_BYTES_MAX = 16 * 1_048_576
ORDERS_AT_ONCE_MAX = 8
ORDER_SECONDS_MAX = 30

T = TypeVar("T")

_log = structlog.get_logger()


class AdminError(Exception):
    """An order was not carried out; the sentence says why."""


class Answer(msgspec.Struct, frozen=True):
    """What became of an order: the outcome, or why there is none. `doors`: hosts and ports where
    people come in without TLS, of a server that runs."""

    outcome: Outcome | None = None
    refused: str = ""
    doors: list[tuple[str, int]] = []

    def __repr__(self) -> str:
        return "Answer(…)"


_read_order = msgspec.json.Decoder(Order).decode
_read_answer = msgspec.json.Decoder(Answer).decode
_write = msgspec.json.Encoder().encode


async def carry_out(chat: Chat, order: Order) -> Outcome:
    """Carry out an order, and wait until it is stored. Refused, Unavailable, ChatError."""
    decide = await ordered(order, chat)
    stored, settled = [False], trio.Event()

    def carried_out() -> Outcome:
        outcome = decide()
        chat.ledger.then(stored.__setitem__, 0, True)
        chat.ledger.anyway(settled.set)
        return outcome

    outcome = await chat.asking(carried_out)
    await settled.wait()
    if not stored[0]:
        raise Unavailable("it could not be stored; nothing was changed")
    return outcome


class Admin:
    """Takes orders; `run` belongs to the server's nursery."""

    def __init__(
        self, chat: Chat, committer: Committer, doors: Callable[[], list[tuple[str, int]]]
    ) -> None:
        self._chat = chat
        self._committer = committer
        self._doors = doors
        self._limit = trio.CapacityLimiter(ORDERS_AT_ONCE_MAX)

    async def run(self, listening: socket.socket) -> None:
        """Take orders until cancelled."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        await trio.serve_listeners(self._serve, [listener])

    async def _serve(self, stream: trio.SocketStream) -> None:
        with trio.move_on_after(ORDER_SECONDS_MAX):
            async with self._limit, aclosing(stream):
                try:
                    line = await _received(stream, ORDER_BYTES_MAX)
                    await stream.send_all(_write(await self._answer(line)) + b"\n")
                except trio.BrokenResourceError:
                    _log.info("an order was given, and its answer not awaited")

    async def _answer(self, line: bytes) -> Answer:
        try:
            order = _read_order(line)
            return Answer(await carry_out(self._chat, order), doors=self._doors())
        except msgspec.MsgspecError:
            return Answer(refused="the server does not know this order: is it another version?")
        except (Refused, Unavailable) as error:
            return Answer(refused=str(error))
        except ChatError as error:
            return Answer(refused=error.sentence)
        except Exception:  # noqa: BLE001
            _log.exception("an order broke")
            self._committer.poison()
            return Answer(refused="the server could not carry it out; its log says why")


def open_socket(home: Path, stack: ExitStack) -> socket.socket | None:
    """The socket in the data folder, removed at the end; None, and why in the log, where there can
    be none."""
    path = home / SOCKET
    if too_long(path):
        _log.warning("no admin socket", problem=_too_long(path))
        return None
    try:
        return stack.enter_context(listen_unix(path))
    except ListenError as error:
        _log.warning("no admin socket", problem=str(error))
        return None


def give(settings: Settings, order: Order) -> Answer:
    """Have an order carried out by the server on the data folder, or where none runs, here.
    AdminError, FolderError, OpenError."""
    home = folder.found(settings)
    answer = trio.run(_ask, home.path / SOCKET, order)
    if answer is None:
        answer = _carried_out_here(settings, order, home.path / SOCKET)
    if answer.outcome is None:
        raise AdminError(answer.refused)
    return answer


def _carried_out_here(settings: Settings, order: Order, path: Path) -> Answer:
    try:
        with folder.locked(settings) as home:
            return trio.run(_alone, settings, home, order)
    except folder.FolderError as error:
        if too_long(path):
            raise folder.FolderError(f"{error}; {_too_long(path)}") from None
        raise


async def _ask(path: Path, order: Order) -> Answer | None:
    """The answer of the server that runs; None where none does. AdminError."""
    if too_long(path):
        return None
    try:
        stream = await trio.open_unix_socket(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise AdminError(f"cannot reach the server at {path}: {error.strerror}") from None
    async with aclosing(stream):
        try:
            await stream.send_all(_write(order) + b"\n")
            return _read_answer(await _received(stream, ANSWER_BYTES_MAX))
        except (trio.BrokenResourceError, msgspec.MsgspecError):
            raise AdminError(
                "the server did not answer, and may have done it or not: look with chatd invites"
            ) from None


async def _alone(settings: Settings, home: folder.Folder, order: Order) -> Answer:
    """The rules over the store, with no doors."""
    store = SqliteStore(home.database, home.key)
    async with aclosing(store):
        chat = make_chat(settings, store, home.key, password_threads(settings), dict)
        reactor = Reactor(chat, trio.current_time)
        Committer(chat, store, reactor)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reactor.run)
            try:
                return Answer(await carry_out(chat, order))
            except (Refused, Unavailable) as error:
                return Answer(refused=str(error))
            finally:
                nursery.cancel_scope.cancel()


async def _received(stream: trio.SocketStream, bytes_max: int) -> bytes:
    """A line; what comes before the end, or before it gets too long, where there is none."""
    data = b""
    while not data.endswith(b"\n") and len(data) < bytes_max:
        if not (more := await stream.receive_some(65_536)):
            break
        data += more
    return data


def too_long(path: Path) -> bool:
    """Whether no Unix socket can have this path."""
    return len(bytes(path)) > UNIX_PATH_BYTES_MAX


def _too_long(path: Path) -> str:
    return (
        f"{path} is longer than the {UNIX_PATH_BYTES_MAX} bytes that a Unix socket's path may have:"
        " stop the server for this, or move its data to a shorter path"
    )
