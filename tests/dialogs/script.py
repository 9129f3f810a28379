"""A dialog as it stands in its file: who sends what, and what each then receives.

    # Alice writes to Bob.
    alice, bob: register
    alice> MSG|bob|hi
    alice< MSG|SUCCESS|{seq}|{time}
    bob< *MSG|alice|{seq}|{time}|alice|hi

| a line | means |
| --- | --- |
| `alice> LINE` | alice sends LINE |
| `alice>> BYTES` | sends bytes, with `\\r`, `\\n`, `\\x00` … as in Python, and no LF added |
| `alice>*3 LINE` | sends it three times |
| `alice< LINE` | the next line that alice receives |
| `alice<*3 LINE` | the next three |
| `alice<+ LINE` | the next one or more |
| `alice<~ LINE` | such lines one below the other may come in any order |
| `alice: connect` | opens a connection |
| `alice: register`, `alice: login`, `phone: login as alice` | the lines that do so, with replies |
| `phone: device` | makes the key of a device, `{phone_device}` |
| `phone: connect by device` | opens a connection that is sealed with it |
| `alice: half-close`, `alice: close`, `alice: reset` | ends the output; closes; breaks off |
| `alice: closed` | here the server has closed |
| `server: kill -9`, `server: stop`, `server: restart [with NAME=VALUE …]` | stop: SIGTERM |
| `server: invite alice …` | `chatd invite alice …`; the one-time ID is `{alice_once}` |
| `server: user alice …` | `chatd user alice …` |
| `spool: alice {code}` | the code in the next message to alice, once it is in the spool |
| `settings: NAME=VALUE …` | of the server, before anything else |
| `check: {a} < {b}`, `check: {a} != {b}` | numbers or times; anything |

In a LINE `{name}` stands for one field, whatever it is the first time, and the same ever after;
what it must look like follows from the end of the name: seq, time, seconds, token or key.
`{_name}` is not remembered, `…` stands for anything but nothing, and `{x*500}` for 500 times x.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.serving import SECRET


class Way(Enum):
    """How many lines an `alice<` takes."""

    ONCE = ""
    MANY = "+"
    ANY_ORDER = "~"


@dataclass(frozen=True)
class Send:
    """A client sends `line`, as it stands or as raw bytes."""

    where: str
    client: str
    line: str
    times: int = 1
    raw: bool = False


@dataclass(frozen=True)
class Expect:
    """A client receives `line`."""

    where: str
    client: str
    line: str
    way: Way = Way.ONCE
    times: int = 1


@dataclass(frozen=True)
class Act:
    """A client, the server or the player does something that is no line."""

    where: str
    actor: str
    what: str


Step = Send | Expect | Act

_SAYS = re.compile(r"(?P<client>\w+)(?P<mark>>>|>|<)(?P<way>[+~]|\*\d+)? (?P<line>.*)")
_ACTS = re.compile(r"(?P<actors>\w+(?:, \w+)*): (?P<what>.+)")


class NoDialog(ValueError):
    """A line of a dialog's file means nothing."""


def read_dialog(path: Path) -> list[Step]:
    """The steps of a dialog. Raises NoDialog."""
    steps: list[Step] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            steps += _steps(f"{path.name}:{number}", line)
    return steps


def _steps(where: str, line: str) -> list[Step]:
    if says := _SAYS.fullmatch(line):
        return [_said(where, says)]
    acts = _ACTS.fullmatch(line)
    if acts is None:
        raise NoDialog(f"{where}: {line}")
    what = acts["what"]
    return [step for actor in acts["actors"].split(", ") for step in _acted(where, actor, what)]


def _said(where: str, says: re.Match[str]) -> Step:
    client, way, line = says["client"], says["way"] or "", says["line"]
    times = int(way[1:]) if way.startswith("*") else 1
    if says["mark"] == "<":
        return Expect(where, client, line, Way("" if way.startswith("*") else way), times)
    if way in ("+", "~"):
        raise NoDialog(f"{where}: {way} is for lines that are received")
    return Send(where, client, line, times, raw=says["mark"] == ">>")


def _acted(where: str, actor: str, what: str) -> list[Step]:
    if what == "register":
        register: list[Step] = [
            Send(where, actor, f"REGISTER|{actor}|{SECRET}"),
            Expect(where, actor, "REGISTER|SUCCESS"),
        ]
        return [*_connect(where, actor), *register, *_login(where, actor, actor)]
    if what == "login" or what.startswith("login as "):
        user = what.removeprefix("login").removeprefix(" as ") or actor
        return [*_connect(where, actor), *_login(where, actor, user)]
    return [Act(where, actor, what)]


def _connect(where: str, client: str) -> list[Step]:
    return [Act(where, client, "connect"), Expect(where, client, "*HELLO|chat/1|test|{hello_key}")]


def _login(where: str, client: str, user: str) -> list[Step]:
    return [
        Send(where, client, f"AUTH|{user}|{SECRET}"),
        Expect(where, client, f"AUTH|SUCCESS|{{{client}_token}}"),
    ]


def settings(words: str) -> dict[str, object]:
    """What `NAME=VALUE …` sets, `with` before it or not."""
    pairs = [word.partition("=") for word in words.split() if word != "with"]
    return {name: value for name, _, value in pairs}


def block_at(steps: list[Step], index: int) -> list[Expect]:
    """The lines from `index` on that may come in any order."""
    block: list[Expect] = []
    for step in steps[index:]:
        if not isinstance(step, Expect) or step.way is not Way.ANY_ORDER:
            break
        if block and step.client != block[0].client:
            break
        block.append(step)
    return block
