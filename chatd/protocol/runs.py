"""Runs: consecutive MSG lines to one target, taken as one request, and what is answered and told.

Whoever sends much sends lines that differ in their texts alone. Reading them together costs a
fraction of reading each by itself, and so does all that follows. What is out of the ordinary in a
line, such as an escape, leaves it to `wire.read_request`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .commands import Msg
from .declare import Needs
from .fields import TEXT_BYTES_MAX, escape_rest
from .lines import Line

BEGINNING = "MSG|"
_TEXT_CHARS_MAX = TEXT_BYTES_MAX // 4  # so many fit whatever they are


class Run:
    """As many MSG requests as there are texts: all are carried out, or none."""

    __slots__ = ("target", "texts")
    verb: ClassVar[str] = Msg.verb
    needs: ClassVar[Needs] = Msg.needs
    listed: ClassVar[bool] = False
    confidential: ClassVar[bool] = False

    def __init__(self, target: str, texts: list[str]) -> None:
        self.target = target
        self.texts = texts

    @property
    def requests(self) -> int:
        """How many requests it stands for; each is answered."""
        return len(self.texts)


def read_run(lines: Sequence[Line], first: int, end: int) -> Run | None:
    """The run that begins at `lines[first]`, as far as before `end`; None where none does."""
    beginning = lines[first]
    if type(beginning) is not str or not beginning.startswith(BEGINNING):
        return None
    bar = beginning.find("|", len(BEGINNING)) + 1
    prefix = beginning[:bar]
    if not bar or "\\" in prefix:
        return None
    texts: list[str] = []
    for number in range(first, end):
        line = lines[number]
        if type(line) is not str or not line.startswith(prefix):
            break
        text = line[bar:]
        if not text or len(text) > _TEXT_CHARS_MAX or "\\" in text:
            break
        texts.append(text)
    return Run(prefix[len(BEGINNING) : -1], texts) if texts else None


def posted_lines(verb: str, seq: int, time: str, count: int) -> bytes:
    """The SUCCESS lines, each a `Posted`, of messages with seqs from `seq` on: they are on the hot
    path, so written out."""
    head, tail = f"{verb}|SUCCESS|", f"|{time}\n"
    if count == 1:
        return f"{head}{seq}{tail}".encode()
    return "".join([f"{head}{n}{tail}" for n in range(seq, seq + count)]).encode()


def message_lines(conversation: str, seq: int, time: str, sender: str, texts: list[str]) -> bytes:
    """A `Message` for each text, with seqs from `seq` on, as lines: the one event on the hot path,
    so written out."""
    # A conversation's and a sender's name hold no bar or backslash (names.py), so need no escape.
    head, middle = f"*MSG|{conversation}|", f"|{time}|{sender}|"
    lines = "".join([f"{head}{n}{middle}{text}\n" for n, text in enumerate(texts, seq)])
    if "\\" in lines or "\r" in lines or lines.count("\n") != len(texts):
        escaped = enumerate(map(escape_rest, texts), seq)
        lines = "".join([f"{head}{n}{middle}{text}\n" for n, text in escaped])
    return lines.encode()
