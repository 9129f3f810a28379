"""Other people's text for a terminal: no escape sequence, no trick of direction gets through.

What is taken out stays to be seen: a control character as its picture (U+2400 and on), what else
is invisible and steers as `<U+202E>`.
"""

from __future__ import annotations

import re

# Writing direction: UAX #9, explicit marks, embeddings and isolates. Then line and paragraph
# separators, interlinear marks, byte order marks and deprecated tags. Joiners are left: words
# of some scripts, and emoji, need them.
_STEERS = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0001"
_CONTROLS = "\x00-\x1f\x7f-\x9f"
_BAD = re.compile(f"[{_CONTROLS}{_STEERS}]")
_TAB = "    "


def harmless(text: str) -> str:
    """`text` as one line: no control, no bidi character; LF and TAB are pictures too."""
    return _BAD.sub(_picture, text)


def harmless_lines(text: str) -> list[str]:
    """`text` as the lines it was written in, at least one, each `harmless`; a TAB is spaces."""
    lines = text.replace("\r\n", "\n").split("\n")
    return [harmless(line.replace("\t", _TAB)) for line in lines]


def harmless_json(encoded: str) -> str:
    """JSON text in which such characters are written as escapes; it means the same."""
    return _BAD.sub(_escape, encoded)


def sendable(text: str) -> str:
    """`text` without the control characters that a line must not hold (protocol.md, "Lines")."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", _picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
