"""The `{names}` in a dialog's lines: what they match, and what they stand for afterwards."""

from __future__ import annotations

import re

_HOLE = re.compile(r"\{(?P<name>\w+)\}|\{(?P<part>.+?)\*(?P<times>\d+)\}|(?P<any>…)")
_LOOKS = {
    "code": r"\d{8}",
    "key": r"[A-Za-z0-9_-]{43}",
    "seconds": r"[1-9][0-9]*",
    "seq": r"[1-9][0-9]*",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "token": r"[A-Za-z0-9_-]{43}",
}


class Memory:
    """What the `{names}` of a dialog stand for."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def filled(self, line: str) -> str:
        """`line` as it is sent. Raises KeyError where a name is still unknown."""

        def fill(hole: re.Match[str]) -> str:
            if hole["name"]:
                return self.held[hole["name"]]
            return hole["part"] * int(hole["times"]) if hole["part"] else hole[0]

        return _HOLE.sub(fill, line)

    def matches(self, line: str, got: str) -> bool:
        """Whether `got` is what `line` expects; if so, its new names are remembered."""
        found = re.fullmatch(self._pattern(line), got)
        if found is None:
            return False
        fresh = {name: text for name, text in found.groupdict().items() if name[0] != "_"}
        self.held.update(fresh)
        return True

    def _pattern(self, line: str) -> str:
        parts, end = [], 0
        seen: set[str] = set()
        for hole in _HOLE.finditer(line):
            parts += [re.escape(line[end : hole.start()]), self._hole(hole, seen)]
            end = hole.end()
        return "".join(parts) + re.escape(line[end:])

    def _hole(self, hole: re.Match[str], seen: set[str]) -> str:
        name = hole["name"]
        if hole["any"]:
            return ".+"
        if not name:
            return re.escape(hole["part"] * int(hole["times"]))
        if name in self.held:
            return re.escape(self.held[name])
        if name in seen:
            return f"(?P={name})"
        look = _LOOKS.get(name.rstrip("0123456789").rpartition("_")[2], "[^|]+")
        if name[0] == "_":
            return look
        seen.add(name)
        return f"(?P<{name}>{look})"
