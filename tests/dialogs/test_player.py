"""The player is strict: what these dialogs leave out or get wrong, it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dialogs.player import Sending, WrongPlay, play
from tests.dialogs.script import NoDialog

PROLOGUE = """
alice, bob: register
alice> MSG|bob|hi
alice< MSG|SUCCESS|{seq}|{time}
"""
EVENT = "bob< *MSG|alice|{seq}|{time}|alice|hi\n"


def played(folder: Path, dialog: str) -> None:
    path = folder / "dialog.txt"
    path.write_text(dialog)
    play(path, folder, Sending.WHOLE)


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("", "the end: bob expects"),
        (EVENT + "bob> PING|1\n" + EVENT, "dialog.txt:7: bob expects"),
        (EVENT.replace("{seq}", "{time}"), "dialog.txt:5: bob expects"),
        (EVENT.replace("|hi", "|ho"), "dialog.txt:5: bob expects"),
        (EVENT.replace("|hi", ""), "dialog.txt:5: bob expects"),
        (EVENT.replace("|hi", "|hi…"), "dialog.txt:5: bob expects"),
        ("bob> PING|1\nbob< PING|SUCCESS|1\n" + EVENT, "dialog.txt:6: bob expects"),
        (EVENT + "alice> PING\nalice: closed\n", "is not closed, but got PING"),
        (EVENT + "alice> QUIT\nalice< QUIT|SUCCESS\n", "the end: alice expects"),
        (EVENT + "check: {seq} < {seq}\n", "is not so"),
        (EVENT + "carol> PING\n", "carol has no connection"),
    ],
)
def test_a_wrong_dialog_is_found(rest: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(WrongPlay, match=found):
        played(tmp_path, PROLOGUE + rest)


@pytest.mark.parametrize("sending", Sending, ids=lambda sending: sending.name.lower())
def test_lines_in_any_order(sending: Sending, tmp_path: Path) -> None:
    path = tmp_path / "dialog.txt"
    pings = ["alice<~ PING|SUCCESS|2", "alice<~ PING|SUCCESS|{first}", "alice<~ PING|SUCCESS|3"]
    asked = ["alice: register", "alice> PING|1", "alice> PING|2", "alice> PING|3"]
    path.write_text("\n".join([*asked, *pings, "alice> PING|{first}", "alice< PING|SUCCESS|1"]))
    play(path, tmp_path, sending)


@pytest.mark.parametrize("line", ["alice says hi", "alice>+ PING", "alice: dance", "server: dance"])
def test_what_means_nothing_is_said(line: str, tmp_path: Path) -> None:
    with pytest.raises(NoDialog, match=r"dialog.txt:\d"):
        played(tmp_path, f"alice: connect\nalice< *HELLO|…\n{line}\n")
