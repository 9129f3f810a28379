"""Where settings come from, and how each place is named when something there is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

FILE_BYTES_MAX = 65_536
PREFIX = "CHATD_"

_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class SettingsError(Exception):
    """A sentence that names the place, the setting and what is wrong with it."""


class Source(Protocol):
    """One place. `strict`: values have their types already, else all are text."""

    strict: bool

    @property
    def values(self) -> Mapping[str, object]: ...

    def written(self, key: str) -> str:
        """How this place writes the key."""

    def error(self, key: str, problem: str, path: str = "") -> SettingsError:
        """The error about `key`; `path` leads further into its value, such as `[1]`."""


class Flags:
    """Options of the command line."""

    strict = False

    def __init__(self, flags: Mapping[str, object]) -> None:
        self.values = {key: value for key, value in flags.items() if value is not None}

    def written(self, key: str) -> str:
        return "--" + key.replace("_", "-")

    def error(self, key: str, problem: str, path: str = "") -> SettingsError:
        return SettingsError(f"{self.written(key)}{path}: {problem}")


class Environment:
    """`CHATD_…` variables; an empty one counts as not set. A list is split at white space and
    commas."""

    strict = False

    def __init__(self, environ: Mapping[str, str], lists: Collection[str]) -> None:
        self.values: dict[str, object] = {}
        for variable, value in environ.items():
            if variable.startswith(PREFIX) and variable != "CHATD_CONFIG" and value.strip():
                key = variable.removeprefix(PREFIX).lower()
                self.values[key] = re.split(r"[\s,]+", value.strip(" ,")) if key in lists else value

    def written(self, key: str) -> str:
        return PREFIX + key.upper()

    def error(self, key: str, problem: str, path: str = "") -> SettingsError:
        return SettingsError(f"environment variable {self.written(key)}{path}: {problem}")


class File:
    """A TOML file. Raises SettingsError where it can't be read."""

    strict = True

    def __init__(self, file: Path) -> None:
        self.file = file
        self.text = self._read()
        try:
            self.values: dict[str, object] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise self._broken(str(error)) from None
        except (ValueError, RecursionError):
            raise SettingsError(f"{file}: a number is too long or nesting too deep") from None

    def written(self, key: str) -> str:
        return key

    def error(self, key: str, problem: str, path: str = "") -> SettingsError:
        line = line_of(self.text, key)
        where = f"{self.file}, line {line}" if line else f"{self.file}"
        return SettingsError(f"{where}: {key}{path}: {problem}")

    def _read(self) -> str:
        try:
            with self.file.open("rb") as stream:
                data = stream.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise SettingsError(f"can't read settings from {self.file}: {error.strerror}") from None
        if len(data) > FILE_BYTES_MAX:
            raise SettingsError(f"{self.file}: longer than {FILE_BYTES_MAX} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise SettingsError(f"{self.file}, line {line}: not UTF-8") from None

    def _broken(self, problem: str) -> SettingsError:
        found = _LINE.search(problem)
        line = int(found[1]) if found else len(self.text.splitlines()) or 1
        return SettingsError(f"{self.file}, line {line}: {problem.partition(' (at ')[0]}")


def line_of(text: str, key: str) -> int | None:
    """The line, from 1, on which the top-level `key` of a TOML text begins: the lines before it
    are TOML without the key, and with it they are not. None where the key is written in escapes."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if key in line:
            before, upto = _keys(lines[:number]), _keys(lines[: number + 1])
            if before is not None and key not in before and (upto is None or key in upto):
                return number + 1
    return None


def _keys(lines: list[str]) -> Collection[str] | None:
    try:
        return tomllib.loads("\n".join(lines) + "\n")
    except tomllib.TOMLDecodeError:
        return None
