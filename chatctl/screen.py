"""The terminal of `chat`: a prompt below, what happens above it, in the terminal's own scrollback.

prompt_toolkit runs in a thread; one prompt lasts until the end, so that no key press is lost and
nothing is printed between two prompts.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

TYPED_MAX = 100
"""Lines that may wait to be carried out; the prompt keeps a further one."""


class Choices(Completer):
    """Completes the word before the cursor from what `choose(text before it, word)` gives."""

    def __init__(self, choose: Callable[[str, str], Iterable[str]]) -> None:
        self._choose = choose

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Completion]:
        """For prompt_toolkit."""
        word = document.get_word_before_cursor(WORD=True)
        before = document.text_before_cursor.removesuffix(word)
        for choice in self._choose(before, word):
            yield Completion(choice, start_position=-len(word))


class Screen:
    """One prompt; `prompt`, `toolbar` and `choose` are called in its thread."""

    def __init__(
        self,
        prompt: Callable[[], str],
        toolbar: Callable[[], str],
        choose: Callable[[str, str], Iterable[str]],
    ) -> None:
        self.interrupted = False
        """Whether it ended by Ctrl-C."""
        self._typed, self.typed = trio.open_memory_channel[str](TYPED_MAX)
        self._started = trio.Event()
        self._session: PromptSession[str] = PromptSession(
            prompt,
            bottom_toolbar=toolbar,
            completer=Choices(choose),
            complete_while_typing=False,
            key_bindings=self._bindings(),
            erase_when_done=True,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Show it while the block runs; what is printed to standard output appears above it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._prompt)
            try:
                await self._started.wait()
                with patch_stdout(raw=True):
                    yield
            finally:
                with trio.CancelScope(shield=True):
                    await self._started.wait()
                self._exit()

    def show(self, text: str) -> None:
        """Print a line, or several, above the prompt; harmless already."""
        sys.stdout.write(f"{text}\n")

    def refresh(self) -> None:
        """What the prompt and the toolbar show has changed."""
        self._session.app.invalidate()

    async def _prompt(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        try:
            await trio.to_thread.run_sync(self._run)
        finally:
            self._started.set()

    def _run(self) -> None:
        """In the thread: prompt until `_exit`."""
        started = self._started.set
        self._session.prompt(
            pre_run=lambda: self._token.run_sync_soon(started), handle_sigint=False
        )

    def _exit(self) -> None:
        app = self._session.app
        if (loop := app.loop) is not None:
            loop.call_soon_threadsafe(lambda: None if app.is_done else app.exit(result=""))

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()
        typing = has_focus(DEFAULT_BUFFER)
        empty = Condition(lambda: not get_app().current_buffer.text)
        keys.add("enter", filter=typing)(self._accept)
        keys.add("escape", "enter", filter=typing)(_insert_line)
        keys.add("c-c", filter=typing)(self._interrupt)
        keys.add("c-d", filter=typing & empty)(lambda _: self._end())
        return keys

    def _accept(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if not buffer.text.strip() or self._offer(buffer.text):
            buffer.append_to_history()
            buffer.reset()

    def _offer(self, text: str) -> bool:
        try:
            trio.from_thread.run_sync(self._typed.send_nowait, text, trio_token=self._token)
        except (trio.WouldBlock, trio.ClosedResourceError):
            return False
        return True

    def _interrupt(self, event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
            return
        self.interrupted = True
        self._end()

    def _end(self) -> None:
        self._token.run_sync_soon(self._typed.close)


def _insert_line(event: KeyPressEvent) -> None:
    event.current_buffer.newline()
