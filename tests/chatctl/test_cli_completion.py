"""What the shell completes."""

from __future__ import annotations

import subprocess
import sys

from tests.serving import Server

from .shell import Shell, member

PATIENT = "from chatctl import cli, completion; completion.PATIENCE_SECONDS = 60; cli.main()"
"""As a key press does it, but on a machine that may be busy."""


def completed(shell: Shell, typed: str) -> list[str]:
    """What bash is offered for the last word."""
    asked = {"_CHATCTL_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    ended = subprocess.run(
        [sys.executable, "-c", PATIENT],
        env={**shell.environ, **asked, "COMP_CWORD": str(typed.count(" "))},
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return ended.stdout.split()


def test_commands_and_options(shell: Shell) -> None:
    assert completed(shell, "chatctl jo") == ["join"]
    assert completed(shell, "chatctl history --li") == ["--limit"]
    assert completed(shell, "chatctl whoami --j") == ["--json"]
    assert completed(shell, "chatctl call who") == ["whoami", "who"]
    assert completed(shell, "chatctl role '#x' y m") == ["moderator", "member"]


def test_rooms_and_names(shared_server: Server, shell: Shell) -> None:
    member(shared_server, shell.folder, "nat", "#tab-one", "#tab-two")
    member(shared_server, shell.folder, "oda", "#tab-one")
    rooms = completed(shell, "chatctl --profile nat join '#tab")
    assert rooms == ["#tab-one", "#tab-two"]
    assert completed(shell, "chatctl --profile nat kick '#tab-one' o") == ["oda"]


def test_without_login_or_server_there_is_nothing(shared_server: Server, shell: Shell) -> None:
    assert completed(shell, "chatctl join '#") == []
    member(shared_server, shell.folder, "pia", "#tab-three")
    assert completed(shell, "chatctl --profile pia --server 127.0.0.1:1 join '#tab") == []


def test_the_script_for_the_shell(shell: Shell) -> None:
    """Which it is, it sees by who has started it."""
    ended = subprocess.run(
        ["bash", "-c", '"$@"; exit', "bash", *shell.argv("--show-completion")],
        env=shell.environ,
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "_CHATCTL_COMPLETE=complete_bash" in ended.stdout, ended
