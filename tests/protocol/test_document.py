"""protocol.md: its tables are current, and its transcripts are what the server really says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatd.protocol.declare import COMMANDS, EVENTS
from chatd.protocol.errors import Code
from tests.dialogs.player import Sending, play
from tests.protocol.tables import BLOCK, DOCUMENT, names, renewed

TEXT = DOCUMENT.read_text()

_TRANSCRIPT = re.compile(
    r"^#{2,3} (?P<title>[^\n]+)$"
    r"|(<!-- before:\n(?P<before>.*?)-->\n)?^```chat\n(?P<lines>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_TOKEN = "[A-Za-z0-9_-]{43}"
_BEFORE_TOKENS = [rf"(?<=\b{verb}\|SUCCESS\|)" for verb in ("AUTH", "ENROL", "LOGIN")]
_BEFORE_TOKENS.append(rf"(?<=\bLOGIN\|SUCCESS\|{_TOKEN}\|)")
_ENROLLING = {
    "K7QM-2VXR-9HDP": "alice{}_once",
    "k7qm2vxr9hdp": "alice{}_once",
    "rD2rL0vXjD0sZVbA0lJmXw9hH4tq3bLk1dQy8c7uPgM": "phone{}_device",
    "Zb8uQy3LkX0dT5hVnR2wGm7sJc4pEaF1iOoK9tYxBgE": "laptop_device",
}
"""One-time IDs and devices' keys, and what the player calls them."""

_LITERALS = [
    ("time", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")),
    ("token", re.compile(rf"(?:{'|'.join(_BEFORE_TOKENS)}){_TOKEN}\b")),
    ("answer", re.compile(r"(?<=SEAL\|SUCCESS\|)[A-Za-z0-9_-]{128}$", re.MULTILINE)),
    ("sealed", re.compile(r"(?<=< =)[A-Za-z0-9_-]+$", re.MULTILINE)),
    ("code", re.compile(r"\b(?!48151624)\d{8}\b")),
    ("session", re.compile(r"(?<=\|)(?=[a-z]*[2-7])[a-z2-7]{12}\b")),
]


_NAMES = re.compile(r"\b(alice|bob|carol|phone|dice)\b|(?<=#)(ops|den|nowhere)\b", re.IGNORECASE)
_ALONE = {"INFO", "ROOMS", "ACTIVATE", "SERVICES"}
"""They tell of everything that there is on the server, or need settings of their own."""
_LETTER = re.compile(r"^# The (?:mail|message) to (\w+) holds .*?(\{\w+\})$", re.MULTILINE)
_PLAYS = 3


@dataclass(frozen=True)
class Transcript:
    """A transcript of protocol.md, under the heading `title`."""

    title: str
    before: str | None
    lines: str

    def dialog(self, number: int) -> str:
        """As the dialogs' player takes it: what differs each time stands as a `{name}`.

        `number` makes users and rooms its own, since many transcripts share a server.
        """
        text = self._beginning() + self.lines
        text = text.replace("chat.example.net", "test").replace("chatd 1.0.0", "chatd …")
        text = re.sub(r"\*HELLO\|chat/1\|test\|.*", "*HELLO|chat/1|test|{hello_key}", text)
        for literal, name in _ENROLLING.items():
            text = text.replace(literal, f"{{{name.format(number)}}}")
        for look, pattern in _LITERALS:
            for place, literal in enumerate(dict.fromkeys(pattern.findall(text))):
                text = text.replace(literal, f"{{of{number}at{place}_{look}}}")
        text = _LETTER.sub(r"spool: \1 \2", text)
        return f"# {self.title}\n" + _NAMES.sub(rf"\g<0>{number}", text)

    def _beginning(self) -> str:
        if self.before is not None:
            return self.before
        clients = dict.fromkeys(re.findall(r"^(\w+)[<>]", self.lines, re.MULTILINE))
        return f"{', '.join(clients)}: register\n"


def transcripts() -> list[Transcript]:
    found, title = [], ""
    for match in _TRANSCRIPT.finditer(TEXT):
        title = match["title"] or title
        if match["lines"]:
            found.append(Transcript(title, match["before"], match["lines"]))
    return found


TRANSCRIPTS = transcripts()


def plays() -> list[list[Transcript]]:
    """All transcripts, put together so that few servers need to start."""
    sociable = [one for one in TRANSCRIPTS if one.title not in _ALONE]
    alone = [[one] for one in TRANSCRIPTS if one.title in _ALONE]
    return [*alone, *(sociable[first::_PLAYS] for first in range(_PLAYS))]


@pytest.mark.parametrize("together", plays(), ids=lambda together: together[0].title)
def test_the_server_says_what_the_document_says(together: list[Transcript], tmp_path: Path) -> None:
    path = tmp_path / "protocol.md"
    path.write_text("".join(one.dialog(number) for number, one in enumerate(together)))
    play(path, tmp_path, Sending.WHOLE)


@pytest.mark.parametrize("verb", COMMANDS)
def test_each_command_has_a_transcript_under_its_heading(verb: str) -> None:
    lines = "".join(one.lines for one in TRANSCRIPTS if one.title == verb)
    assert f"< {verb}|SUCCESS" in lines


def test_the_tables_are_current() -> None:
    """`make docs` writes them anew."""
    assert renewed(TEXT).splitlines() == TEXT.splitlines()


def test_each_table_stands_once() -> None:
    assert sorted(block["name"] for block in BLOCK.finditer(TEXT)) == sorted(names())


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_is_seen_or_explained(event: str) -> None:
    assert f"< {event}|" in TEXT or f"`{event}|" in TEXT


def test_links_within_the_document_lead_somewhere() -> None:
    headings = re.findall(r"^#{1,3} (.+)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


def test_no_word_looks_like_a_code_and_is_none() -> None:
    failures = re.findall(r"FAILURE\|([A-Z_]+)|\*BYE\|([A-Z_]+)", TEXT)
    assert {one or other for one, other in failures} <= {*Code, "CODE"}
