"""The declarations: what is pinned, and what each must have."""

from __future__ import annotations

import difflib

import pytest

from chatd.protocol.declare import COMMANDS, EVENTS, Declared, Needs, Request
from chatd.protocol.errors import MEANINGS, Code
from tests.protocol.signatures import GOLDEN, signatures
from tests.protocol.strategies import DECLARED, REQUESTS


def test_the_signatures_are_those_that_clients_rely_on() -> None:
    pinned = GOLDEN.read_text().splitlines()
    changes = difflib.unified_diff(pinned, signatures(), "pinned", "declared", lineterm="", n=0)
    assert list(changes) == [], "see tests/protocol/signatures.py"


@pytest.mark.parametrize("cls", DECLARED, ids=lambda cls: cls.__name__)
def test_free_text_stands_last_and_optional_fields_after_the_others(cls: type[Declared]) -> None:
    fields = cls.shape.fields
    assert not any(f.kind.rest or f.kind.many for f in (*fields[:-1], *cls.shape.options))
    assert [field.optional for field in fields] == sorted(field.optional for field in fields)
    assert not ((cls.shape.ends_free or cls.shape.many) and cls.shape.options)
    assert all(option.optional for option in cls.shape.options)


@pytest.mark.parametrize("cls", DECLARED, ids=lambda cls: cls.__name__)
def test_each_has_a_doc_line(cls: type[Declared]) -> None:
    assert cls.doc
    assert not cls.doc.startswith(f"{cls.__name__}(")


@pytest.mark.parametrize("cls", REQUESTS, ids=lambda cls: cls.__name__)
def test_a_command_declares_only_what_is_its_own(cls: type[Request]) -> None:
    shared = {Code.BAD_LINE, Code.BAD_FIELD, Code.NOT_AUTHENTICATED, Code.UNAVAILABLE}
    goodbyes = {Code.QUIT, Code.EOF, Code.SHUTDOWN}
    assert not set(cls.errors) & (shared | goodbyes)
    assert len(cls.errors) == len(set(cls.errors))


def test_the_contract_s_commands_and_when_they_may_be_used() -> None:
    by_need = {need: {v for v, made in COMMANDS.items() if made.needs is need} for need in Needs}
    assert by_need[Needs.NO_LOGIN] == {
        *("REGISTER", "ACTIVATE", "RESET", "RECOVER", "AUTH", "RESUME", "SEAL", "ENROL", "LOGIN"),
    }
    assert by_need[Needs.NOTHING] == {"HELP", "INFO", "PING", "QUIT", "SALT"}
    assert len(COMMANDS) == 54
    assert all(verb.isascii() and verb.isupper() for verb in COMMANDS)


def test_verbs_of_events_begin_with_an_asterisk() -> None:
    assert all(verb[0] == "*" and verb[1:].isupper() for verb in EVENTS)


def test_every_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Code)
    assert all(code.value == code.name for code in Code)
