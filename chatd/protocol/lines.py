"""Bytes to lines, with no I/O (protocol.md, "Lines").

Whatever arrives, `LineReader.receive` gives a list of lines, each a `str` or the `ChatError` that
refuses it, and never holds more than one line. It raises nothing.
"""

from __future__ import annotations

import re

from .errors import ChatError, Code

LINE_BYTES_MAX = 65_536
"""A line that a client sends, LF included."""
OUTPUT_LINE_BYTES_MAX = 131_072
"""A line that the server sends, LF included."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_C0 = bytes({*range(0x20), 0x7F} - {*b"\t\n"})
_HTTP = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP/\d")
_HTTP_CUT = re.compile(rb"[A-Z]+ (/|\*|https?:)")

Line = str | ChatError


class HttpRequest(ChatError):
    """The first line is a web browser's: nothing of this connection may be carried out."""

    def __init__(self) -> None:
        super().__init__(Code.BAD_LINE, "This is a chat server, not a web server; use netcat.")


def _bad_line(why: str) -> ChatError:
    return ChatError(Code.BAD_LINE, f"The line was refused: {why}. Send UTF-8 text, LF at its end.")


def _too_long() -> ChatError:
    return ChatError(
        Code.LINE_TOO_LONG, f"The line is over {LINE_BYTES_MAX} bytes and was thrown away."
    )


def _plain(data: bytes) -> str | None:
    """Whole lines as text; None where something is wrong with one of them."""
    if len(data.translate(None, _C0)) != len(data):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if data.isascii() or _CONTROLS.search(text) is None else None


def decode_line(raw: bytes) -> Line:
    """One line without its LF: text, or the error that refuses it."""
    if raw.endswith(b"\r"):
        raw = raw[:-1]
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        return _bad_line("it is not UTF-8")
    if _CONTROLS.search(line) is not None:
        return _bad_line("it holds a control character")
    return line


_CUT = _bad_line("it has no LF, and the end was not announced: somebody may have cut it")


class LineReader:
    """Cuts a stream of bytes into lines; one for each connection."""

    __slots__ = ("_fresh", "_rest", "_skipping")

    def __init__(self) -> None:
        self._rest = b""
        self._fresh = True  # no line has been seen yet
        self._skipping = False  # inside a line that is too long, until its LF

    def receive(self, data: bytes) -> list[Line]:
        """The lines that `data` completes, oldest first; empty lines are left out."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        text = _plain(data) if self._in_order(data) else None
        if text is None:
            return self._careful(data)
        lines: list[Line] = [*text.split("\n")]
        lines.pop()
        return lines if "" not in lines else [line for line in lines if line]

    def end(self, cut: bool = False) -> list[Line]:
        """The last line, where the input ends without LF; `cut`: somebody else may have ended
        it."""
        data, self._rest = self._rest, b""
        if data and cut:
            return [_CUT]
        return self._careful(data + b"\n") if data else []

    @property
    def partial(self) -> bool:
        """Whether a line has begun that is not complete."""
        return bool(self._rest) or self._skipping

    def _in_order(self, data: bytes) -> bool:
        """Whether these are whole lines, none of them too long or the first of all."""
        fits = len(data) <= LINE_BYTES_MAX and data.endswith(b"\n")
        return fits and not self._fresh and not self._skipping

    def _careful(self, data: bytes) -> list[Line]:
        *raws, rest = data.split(b"\n")
        lines: list[Line] = []
        for raw in raws:
            if self._skipping:
                self._skipping = False
            elif raw and raw != b"\r":
                lines.append(self._judge(raw))
        self._keep(rest, lines)
        return lines

    def _judge(self, raw: bytes) -> Line:
        fresh, self._fresh = self._fresh, False
        if fresh and self._is_http(raw):
            return HttpRequest()
        return _too_long() if len(raw) >= LINE_BYTES_MAX else decode_line(raw)

    def _keep(self, rest: bytes, lines: list[Line]) -> None:
        if self._skipping:
            return
        if len(rest) < LINE_BYTES_MAX:
            self._rest = rest
            return
        self._skipping = True
        lines.append(self._judge(rest))

    @staticmethod
    def _is_http(raw: bytes) -> bool:
        pattern = _HTTP_CUT if len(raw) >= LINE_BYTES_MAX else _HTTP
        return pattern.match(raw) is not None
