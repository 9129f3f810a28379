"""The terminal of `chat`: a prompt below, what happens above it, in the terminal's own scrollback.

prompt_toolkit runs in a thread, and one prompt lasts until the end, so that no key press is lost.
Its `patch_stdout` is not used: it leaves raw mode for each line that it prints, and a key pressed
at that moment is echoed into the display; it also keeps any number of lines in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

TYPED_MAX = 100
"""Lines that may wait to be carried out; the prompt keeps a further one."""
SHOWN_MAX = 200
"""Lines that may wait to be printed; `room` waits beyond it."""


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
        self.left = trio.Event()
        """One wants to leave: Ctrl-D, or Ctrl-C."""
        self.stopped = trio.Event()
        """One wants to leave at once: Ctrl-C, or a second Ctrl-D."""
        self.interrupted = False
        """Whether it ended by Ctrl-C."""
        self._typed, self.typed = trio.open_memory_channel[str](TYPED_MAX)
        self._started = trio.Event()
        self._shown: deque[str] = deque()
        self._has_room = trio.Event()
        self._printing = False
        self._session: PromptSession[str] = PromptSession(
            prompt,
            bottom_toolbar=toolbar,
            completer=Choices(choose),
            complete_while_typing=False,
            key_bindings=self._bindings(),
            enable_suspend=True,
            erase_when_done=True,
        )
        self._app = self._session.app

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Show it while the block runs."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._prompt)
            try:
                await self._started.wait()
                yield
            finally:
                with trio.CancelScope(shield=True):
                    await self._started.wait()
                self._in_thread(self._leave)

    def show(self, text: str) -> None:
        """Print a line, or several, above the prompt; harmless already."""
        self._shown.append(text)
        self._in_thread(self._print)

    async def room(self) -> None:
        """Wait until the terminal has taken most of what is to be shown."""
        while len(self._shown) > SHOWN_MAX:
            self._has_room = trio.Event()
            await self._has_room.wait()

    def _leave_soon(self) -> None:
        if self.left.is_set():
            self.stopped.set()
        self.left.set()
        self._typed.close()

    def _make_room(self) -> None:
        self._has_room.set()

    def refresh(self) -> None:
        """What the prompt and the toolbar show has changed."""
        self._app.invalidate()

    async def _prompt(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        try:
            await trio.to_thread.run_sync(self._run)
        finally:
            self._started.set()

    def _in_thread(self, function: Callable[[], None]) -> None:
        if (loop := self._app.loop) is not None:
            loop.call_soon_threadsafe(function)

    # From here on, all runs in the prompt's thread.

    def _run(self) -> None:
        started = self._started.set
        self._session.prompt(
            pre_run=lambda: self._token.run_sync_soon(started), handle_sigint=False
        )

    def _leave(self) -> None:
        if not self._app.is_done:
            self._print_waiting()
            self._app.exit(result="")

    def _print(self) -> None:
        if not self._printing:
            self._printing = True
            self._app.create_background_task(self._print_all())

    async def _print_all(self) -> None:
        while self._shown and not self._app.is_done:
            await self._app.renderer.wait_for_cpr_responses()
            self._print_waiting()
        self._printing = False

    def _print_waiting(self) -> None:
        """Print all that waits where the prompt stands, and the prompt again below it."""
        renderer, output = self._app.renderer, self._app.output
        renderer.erase()
        while self._shown:
            output.write_raw(self._shown.popleft().replace("\n", "\r\n") + "\r\n")
        output.flush()
        renderer.reset()
        renderer.request_absolute_cursor_position()
        self._app.invalidate()
        self._token.run_sync_soon(self._make_room)

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()
        typing = has_focus(DEFAULT_BUFFER)
        empty = Condition(lambda: not self._session.default_buffer.text)
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
        self._token.run_sync_soon(self.stopped.set)
        self._end()

    def _end(self) -> None:
        self._token.run_sync_soon(self._leave_soon)


def _insert_line(event: KeyPressEvent) -> None:
    event.current_buffer.newline()
