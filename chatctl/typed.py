"""What is typed in the chat screen: a text to say, or a command after a slash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from chatd.protocol.commands import Join
from chatd.protocol.declare import Command, Listing, Reply, Request
from chatd.protocol.errors import ChatError, Code

from . import slash
from .client import Client
from .e2e import E2eError
from .errors import ConnectionFailed
from .harmless import harmless
from .problems import Problem
from .session import plain_name
from .talk import BACKLOG, Talk
from .wording import on_screen


class Typed:
    """Carries out one line after the other."""

    def __init__(self, talk: Talk, client: Client) -> None:
        self._talk = talk
        self._client = client
        self._own: dict[str, Callable[[str], Awaitable[None]]] = {
            "HELP": self._help,
            "HISTORY": self._history,
            "JOIN": self._join,
            "MSG": self._message,
            "PLAIN": self._plain,
            "SWITCH": self._switch,
        }

    def choices(self, before: str, word: str) -> Iterable[str]:
        """What `word`, which follows `before`, may become: verbs, rooms, names."""
        if word.startswith("/") and not before.strip():
            verbs = (f"/{verb.lower()} " for verb in slash.VERBS)
            return [verb for verb in verbs if verb.startswith(word.lower())]
        begun = plain_name(word)
        return [name for name in self._talk.names() if name.startswith(begun)] if begun else []

    async def carry_out(self, line: str) -> bool:
        """A line; whether to go on. What is refused is shown, also that a connection broke."""
        verb, _, words = line.removeprefix("/").partition(" ")
        if line.startswith("/") and verb.upper() == "QUIT":
            return False
        try:
            if line.startswith("/") and not line.startswith("//"):
                self._talk.show(f"> {harmless(line)}")
                await self._command(verb.upper(), words.strip())
            else:
                await self._talk.say(self._talk.here, line.removeprefix("/"))
        except ChatError as error:
            self._talk.show(f"! {harmless(on_screen(error))}")
        except (ConnectionFailed, E2eError, Problem) as error:
            self._talk.show(f"! {harmless(error.sentence)}")
        return True

    async def _command(self, verb: str, words: str) -> None:
        if verb in self._own:
            await self._own[verb](words)
            return
        replies = await self._call(slash.request(verb, words, self._talk.here))
        for line in slash.reply_lines(replies) or ["None."]:
            self._talk.show(f"  {line or 'Done.'}")

    async def _call(self, request: Request) -> list[Reply]:
        if isinstance(request, Listing):
            return await self._client.call(cast(Listing[Reply], request))
        return [await self._client.call(cast(Command[Reply], request))]

    async def _help(self, words: str) -> None:
        for verb in [words.upper().removeprefix("/")] if words else slash.VERBS:
            self._talk.show(f"  {slash.usage_of(verb)}")

    async def _history(self, words: str) -> None:
        if words and not (words.isascii() and words.isdigit()):
            raise ChatError(Code.BAD_FIELD, slash.usage_of("HISTORY"))
        await self._talk.recall(int(words or BACKLOG))

    async def _join(self, words: str) -> None:
        joined = await self._client.call(Join(words))
        await self._talk.enter(joined.room)

    async def _message(self, words: str) -> None:
        target, _, text = words.partition(" ")
        if not text.strip():
            raise ChatError(Code.BAD_FIELD, slash.usage_of("MSG"))
        await self._talk.say(plain_name(target), text)

    async def _plain(self, words: str) -> None:
        if not words:
            raise ChatError(Code.BAD_FIELD, slash.usage_of("PLAIN"))
        await self._talk.say(self._talk.here, words, plain=True)

    async def _switch(self, words: str) -> None:
        target = plain_name(words) or next(iter(self._talk.unread), None)
        if target is None:
            raise ChatError(Code.BAD_FIELD, "Nothing is unread; say where to: /switch #room")
        await self._talk.enter(target)
