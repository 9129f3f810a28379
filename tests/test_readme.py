"""README.md against what it tells of: settings, make's targets, files, links."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from chatd.server.settings import Settings
from tests.sources import ROOT

README = (ROOT / "README.md").read_text()
_, _, _TABLE = README.partition("| setting |")
SETTINGS = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", _TABLE, re.MULTILINE))


def test_the_table_of_settings_has_them_all() -> None:
    assert sorted(SETTINGS) == sorted(field.name for field in msgspec.structs.fields(Settings))


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_the_table_of_settings_tells_the_defaults(field: msgspec.structs.FieldInfo) -> None:
    told = SETTINGS[field.name]
    assert told.startswith("`") == (field.default is not None) or field.name == "key_file"
    if field.default is not None:
        assert told == f"`{json.dumps(field.default)}`"


def test_make_has_the_targets() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make (\w+)", README)) <= targets


def test_the_files_that_it_names_are_there() -> None:
    named = set(re.findall(r"`((?:chat|protocol|server|storage)/[\w/]+\.py)`", README))
    assert len(named) > 5
    assert [name for name in named if not (ROOT / "chatd" / name).is_file()] == []
    links = set(re.findall(r"\]\((?!https?:)([\w./-]+)", README))
    assert [link for link in links if not (ROOT / link).is_file()] == []
