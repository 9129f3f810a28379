"""`send`: post a message, or with `--lines` every line of standard input as it comes."""

from __future__ import annotations

import os
import sys
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator
from functools import partial
from secrets import token_hex
from typing import Annotated, Any

import trio
import typer

from chatd.protocol.commands import History
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.fields import HISTORY_LIMIT_MAX, TEXT_BYTES_MAX
from chatd.protocol.replies import Posted

from ..client import Client
from ..desk import Desk
from ..e2e import E2eError, TooLong, fresh_id
from ..errors import ConnectionLost, NotVerified
from ..harmless import sendable
from ..output import fields_of
from ..paging import said
from ..privacy import Privacy, privacy
from ..problems import Problem, Status, problem_of, usage
from ..sealer import Sealer
from ..session import plain_name
from .arguments import Conversation

WINDOW = 64
"""How many messages may wait for their answers at a time."""
READ_BYTES_MAX = 65_536

Text = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="Unless given, standard input is the text."),
]
Lines = Annotated[
    bool, typer.Option("--lines", help="Post each line of standard input as it comes.")
]
Id = Annotated[
    str | None,
    typer.Option(
        "--id", help="An id of your choice: sent twice under one id, a message is posted once."
    ),
]


Plain = Annotated[
    bool,
    typer.Option(
        "--plain", help="Send it so that the server can read it, say to one without keys."
    ),
]


Direct = Annotated[
    bool,
    typer.Option(
        "--direct",
        help="Straight to the person's own chatctl, if it listens; else through the server.",
    ),
]


async def send(
    desk: Desk,
    target: Conversation,
    text: Text = None,
    lines: Lines = False,
    send_id: Id = None,
    plain: Plain = False,
    direct: Direct = False,
) -> None:
    """Post a message to a person or a '#room'; control characters become their pictures.

    To a person, and in a room that is encrypted, only its readers can open it; then a text has
    about 17,600 bytes at most, and less in a large room. Where it is not encrypted: 32,768.
    """
    if direct and (lines or plain or target.startswith("#")):
        raise usage("--direct sends one encrypted text to a person")
    if lines:
        if text or send_id:
            raise usage("--lines takes its texts from standard input, and no --id")
        await _send_lines(desk, target, plain)
        return
    desk.token()
    whole = sendable(" ".join(text) if text else await _standard_input())
    if not whole:
        raise usage("There is no text to send")
    message_id = send_id or token_hex(8)
    async with desk.login() as client:
        secrets = await privacy(desk, client)
        sealed = await secrets.sealer.sealed(target, whole, message_id, plain=plain)
        if direct and await _went_directly(
            desk, client, secrets, target, (whole, sealed), message_id
        ):
            return
        posted = await _posted(client, secrets, target, message_id, (whole, sealed))
    _show(desk, target, posted)


async def _posted(
    client: Client, secrets: Privacy, target: str, message_id: str, texts: tuple[str, str]
) -> Posted:
    """Post a text, as written and sealed, through the server. Raises ChatError, Problem."""
    whole, sealed = texts
    try:
        return await client.send_once(target, sealed, message_id)
    except ChatError as error:
        if error.code is not Code.CONFLICT or sealed == whole:
            raise
        return await _posted_before(client, secrets, target, message_id, whole)
    except ConnectionLost as error:
        hint = f"perhaps it was posted; with --id {message_id} sending it again is safe"
        raise Problem(Status.UNREACHABLE, f"{error.sentence} {hint}") from None


async def _went_directly(*args: Any) -> bool:
    # The channel's cryptography takes a while to load.
    from ..direct.sending import went_directly  # noqa: PLC0415

    return await went_directly(*args)


async def _posted_before(
    client: Client, secrets: Privacy, target: str, message_id: str, text: str
) -> Posted:
    """Where the message stands that had this id: sealed twice, a text is not the same twice, so
    the server takes it for another. Raises ChatError if it is."""
    for item in reversed(await client.call(History(target, limit=HISTORY_LIMIT_MAX))):
        if item.sender == client.user:
            read = await secrets.opener.read(said(plain_name(target), item))
            if (read.id, read.message.text) == (message_id, text):
                return Posted(item.seq, item.time)
    raise ChatError(Code.CONFLICT, "This id was used for another message; choose a new one.")


def _show(desk: Desk, target: str, posted: Posted) -> None:
    # A person reads nothing where all is well; a program gets the seq.
    desk.out.show("", {"conversation": plain_name(target), **fields_of(posted)})


async def _standard_input() -> str:
    """All of it, but no more than is refused anyway; without the last line's end."""
    read = partial(sys.stdin.buffer.read, TEXT_BYTES_MAX + 3)
    raw: bytes = await trio.to_thread.run_sync(read, abandon_on_cancel=True)
    return raw.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")


async def _send_lines(desk: Desk, target: str, plain: bool) -> None:
    async with desk.login(reconnect=True) as client, trio.open_nursery() as nursery:
        sealer = (await privacy(desk, client)).sealer
        sender = _Sender(desk, client, target)
        async for number, text in _numbered_texts():
            try:
                pieces = await _pieces(sealer, target, text, plain)
            except (ChatError, E2eError, NotVerified, Problem) as error:
                await sender.finish()
                raise _not_sent(number, error) from None
            for message_id, sealed in pieces:
                await sender.window.acquire()
                # Once it has started, a message has its place among the others.
                await nursery.start(sender.post, number, message_id, sealed)


async def _pieces(sealer: Sealer, target: str, text: str, plain: bool) -> list[tuple[str, str]]:
    """The text as messages with their ids: several where sealed it would not fit in one."""
    message_id = fresh_id()
    try:
        return [(message_id, await sealer.sealed(target, text, message_id, plain=plain))]
    except TooLong:
        if len(text) == 1:
            raise
    half = len(text) // 2
    first = await _pieces(sealer, target, text[:half], plain)
    return first + await _pieces(sealer, target, text[half:], plain)


def _not_sent(number: int, error: Exception) -> Problem:
    """What refused a line, with its number."""
    problem = problem_of(error)
    problem.sentence = f"line {number} is not sent: {problem.sentence}"
    return problem


class _Sender:
    """Posts messages, several of which may be under way at a time."""

    def __init__(self, desk: Desk, client: Client, target: str) -> None:
        self.window = trio.Semaphore(WINDOW)
        self._desk = desk
        self._client = client
        self._target = target

    async def post(
        self, number: int, message_id: str, text: str, task_status: trio.TaskStatus[None]
    ) -> None:
        """Post the text of line `number`. Raises Problem where it is refused."""
        task_status.started()
        try:
            posted = await self._client.send_once(self._target, text, message_id)
        except ChatError as error:
            raise _not_sent(number, error) from None
        _show(self._desk, self._target, posted)
        self.window.release()

    async def finish(self) -> None:
        """Wait until all that has started is posted."""
        for _ in range(WINDOW):
            await self.window.acquire()


async def _numbered_texts() -> AsyncIterator[tuple[int, str]]:
    """The lines of standard input with their numbers; what is too long for one text is several."""
    number = 0
    async for line in _input_lines():
        number += 1
        for text in _texts(line):
            yield number, text


def _texts(line: str) -> list[str]:
    """A line as texts that fit; an empty line is none."""
    text = sendable(line.rstrip("\r"))
    texts: list[str] = []
    while text:
        fitting = text.encode()[:TEXT_BYTES_MAX].decode(errors="ignore")
        texts.append(fitting)
        text = text[len(fitting) :]
    return texts


async def _input_lines() -> AsyncIterator[str]:
    """Standard input as it comes, in lines; a very long one comes in pieces."""
    read = partial(os.read, sys.stdin.fileno(), READ_BYTES_MAX)
    decoder = getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    while data := await trio.to_thread.run_sync(read, abandon_on_cancel=True):
        *lines, rest = (rest + decoder.decode(data)).split("\n")
        for line in lines:
            yield line
        if len(rest) >= READ_BYTES_MAX:
            yield rest
            rest = ""
    yield rest + decoder.decode(b"", final=True)
