"""Every dialog, played five ways, and the guard that no command, error or event lacks one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from chatd.protocol import wire  # noqa: F401  (declares the commands and events)
from chatd.protocol.declare import COMMANDS, EVENTS
from chatd.protocol.errors import Code
from tests.dialogs.player import Sending, play
from tests.dialogs.script import Expect, read_dialog

DIALOGS = sorted(Path(__file__).parent.glob("*.txt"))


LEFT_OUT = {
    "devices": {Sending.TLS},
    "enrol": {Sending.TLS},
    "encrypted": {Sending.WHOLE, Sending.BYTE_BY_BYTE, Sending.ONE_PACKET},
    "full": {Sending.TLS, Sending.SEALED},
    "http": {Sending.SEALED},
    "seal": {Sending.ONE_PACKET, Sending.TLS, Sending.SEALED},
}
"""Who is turned away at the door is told nothing where there would be a handshake first; SEAL is
not what a browser says first; and nothing may come in one packet with it. A device seals its
connections itself, and there is no channel within another."""

PLAYS = [
    pytest.param(path, sending, id=f"{path.stem}-{sending.name.lower()}")
    for path in DIALOGS
    for sending in Sending
    if sending not in LEFT_OUT.get(path.stem, ())
]


@pytest.mark.parametrize(("path", "sending"), PLAYS)
def test_dialog(path: Path, sending: Sending, tmp_path: Path) -> None:
    play(path, tmp_path, sending)


@cache
def heard() -> frozenset[str]:
    """The beginning of every line that some client receives in some dialog."""
    lines = (
        step.line for path in DIALOGS for step in read_dialog(path) if isinstance(step, Expect)
    )
    start = re.compile(r"\w+\|FAILURE\|\w+|\w+\|SUCCESS|\*(?:BYE|ALERT)\|\w+|\*\w+")
    return frozenset(found[0] for line in lines if (found := start.match(line)))


@pytest.mark.parametrize("verb", COMMANDS)
def test_each_command_succeeds_in_a_dialog(verb: str) -> None:
    assert f"{verb}|SUCCESS" in heard()


@pytest.mark.parametrize(
    ("verb", "code"), [(verb, code) for verb, made in COMMANDS.items() for code in made.errors]
)
def test_each_declared_error_occurs_in_a_dialog(verb: str, code: str) -> None:
    assert f"{verb}|FAILURE|{code}" in heard()


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_occurs_in_a_dialog(event: str) -> None:
    assert event in {line.partition("|")[0] for line in heard()}


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.INSECURE])
def test_each_code_occurs_in_a_dialog(code: str) -> None:
    """All but INSECURE, which nobody is told who comes from the same machine
    (server/test_sealing.py)."""
    assert code in {line.rpartition("|")[2] for line in heard()}
