"""What no line of the server may be longer than, and what none of its values may show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from chatd.protocol import wire
from chatd.protocol.declare import Declared, Event, Reply
from chatd.protocol.fields import KEYS_BYTES_MAX, VAULT_BYTES_MAX
from chatd.protocol.lines import OUTPUT_LINE_BYTES_MAX
from tests.protocol.strategies import DECLARED, EVENT_CLASSES, REPLIES, request_like

WORST_TEXT = "\\" * 32_768
WORST_BLOB = "\\" * VAULT_BYTES_MAX
WORST_NAME = "#" + "𐐨" * 64


def worst(form: str) -> Any:
    """The longest that a field of `form` can be on the wire, coming from clients."""
    if form.startswith("free text"):
        return WORST_TEXT
    if form.startswith("blob"):
        return WORST_BLOB
    numbers = {"seq": 10**18 - 1, "number": 10**18 - 1, "version": 10**18 - 1, "0 to 9": 9}
    choices = {"owner, moderator or member": "moderator", "43 characters base64url": "x" * 43}
    choices |= {"thumbprint": "x" * 43, "JWK Set": "\\" * KEYS_BYTES_MAX}
    if form == "base64url":
        return bytes(1_000)
    if form == "device key":
        return bytes(32)
    flags = {"this or empty", "joined or empty", "pending or empty", "online or offline"}
    return True if form in flags else {**numbers, **choices}.get(form, WORST_NAME)


@pytest.mark.parametrize("cls", [*REPLIES, *EVENT_CLASSES], ids=lambda cls: cls.__name__)
def test_no_line_of_the_server_is_over_its_bound(cls: type[Declared]) -> None:
    value = cls(*[worst(field.kind.form) for field in cls.shape.fields])
    if isinstance(value, Event):
        written = wire.write_event(value)
    else:
        assert isinstance(value, Reply)
        written = wire.write_success("REGISTER", value)
    assert len(written) <= OUTPUT_LINE_BYTES_MAX


@pytest.mark.parametrize("cls", DECLARED, ids=lambda cls: cls.__name__)
def test_a_secret_does_not_show(cls: type[Declared]) -> None:
    fields = [*cls.shape.fields, *cls.shape.options]
    held = {field.name: "xyzzy" for field in cls.shape.fields}
    held |= {option.name: "xyzzy" for option in cls.shape.options}
    text = repr(cls(**held))
    assert text.count("xyzzy") == sum(not field.kind.secret for field in fields)
    assert str(cls(**held)) == text


def test_what_is_secret() -> None:
    secret = {
        f"{cls.__name__}.{field.name}"
        for cls in DECLARED
        for field in (*cls.shape.fields, *cls.shape.options)
        if field.kind.secret
    }
    assert secret == {
        "Register.secret",
        "Register.contact",
        "Activate.code",
        "Recover.code",
        "Recover.secret",
        "Recover.vault",
        "Auth.secret",
        "Resume.token",
        "Authenticated.token",
        "Passwd.old",
        "Passwd.new",
        "Passwd.vault",
        "Store.blob",
        "VaultHeld.blob",
        "Erase.secret",
        "Enrol.one_time_id",
        "Enrolled.device_token",
        "Login.device_token",
        "LoggedIn.next_device_token",
        "LoggedIn.session_token",
    }


@given(request_like.map(lambda line: line + "|xyzzy"))
def test_a_refusal_does_not_repeat_what_was_sent(line: str) -> None:
    try:
        wire.read_request(line)
    except wire.Refused as refused:
        said = f"{refused} {refused!r}"
    else:
        said = ""
    assert "xyzzy" not in said
