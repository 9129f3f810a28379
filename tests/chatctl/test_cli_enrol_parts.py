"""chatctl enrol without a line: what is lacking is asked for, and what is wrong is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import Server

from .enrol_world import PASSWORD, Unlocked, invite, stranger
from .terminal import Terminal


def parts(line: str) -> list[str]:
    """What a person types who has no line: host, port, name, key, one-time ID."""
    _, _, place, user, key, typed = line.split("/")
    return [*place.split(":"), user, key, typed]


def typed(*given: str) -> str:
    """The same as lines, in answer to what is asked."""
    return "\n".join(["", *given, PASSWORD, ""])


@pytest.fixture
def ann(shared_server: Server, tmp_path: Path) -> Unlocked:
    """Who has no profile yet, and types the password herself."""
    shell = stranger(shared_server, tmp_path / "ann")
    shell.password = None
    return shell


def test_what_is_lacking_is_asked_for(shared_server: Server, ann: Unlocked) -> None:
    given = parts(invite(shared_server, "ena-ann"))
    assert "device of ena-ann" in ann.done("enrol", stdin=typed(*given)).out
    assert ann.done("whoami", stdin=PASSWORD).out.startswith("ena-ann at ")


def test_a_host_with_its_port_is_asked_for_no_port(shared_server: Server, ann: Unlocked) -> None:
    host, port, *others = parts(invite(shared_server, "enq-ann"))
    assert "device of enq-ann" in ann.done("enrol", stdin=typed(f"{host}:{port}", *others)).out


def test_a_key_that_is_not_known_is_taken_with_a_notice(
    shared_server: Server, ann: Unlocked
) -> None:
    host, port, user, key, once = parts(invite(shared_server, "enk-ann"))
    ended = ann.type("enrol", stdin=typed(host, port, user, "", once))
    assert ended.status == 0, ended
    assert "is new to you; compare it with who runs it" in ended.err
    assert ann.opened().server_key == key
    assert ann.done("whoami", stdin=PASSWORD).err == ""


WRONG = [
    ("", "Host:", "The host must be HOST or HOST:PORT"),
    ("unix:/run/chat", "Host:", "The host must be HOST or HOST:PORT"),
    ("two words", "Host:", "The host must be a name"),
    ("kim", "Port (4040 unless given):", "The port must be a number from 1 to 65535"),
    ("65536", "Port (4040 unless given):", "The port must be a number from 1 to 65535"),
    ("", "Your name:", "The name must be the one you were invited by"),
    ("rdyv wx79 e2v5", "The server's key (Enter if", "The server's key must have 43 characters"),
    ("rdyv wx79", "One-time ID:", "The one-time ID must have 12 letters and digits"),
]


@pytest.mark.parametrize(("wrong", "asked", "told"), WRONG)
def test_without_a_terminal_what_is_wrong_ends_it(
    shared_server: Server, ann: Unlocked, wrong: str, asked: str, told: str
) -> None:
    given = parts(invite(shared_server, "enr-ann"))
    prompts = ["Host", "Port", "Your", "The", "One-time"]
    at = next(at for at, prompt in enumerate(prompts) if asked.startswith(prompt))
    given[at] = wrong
    ended = ann.type("enrol", stdin=typed(*given))
    assert (ended.status, ended.err.count("\n"), told in ended.err) == (2, 1, True), ended
    assert not ann.path.exists()


def test_at_a_terminal_what_is_wrong_is_asked_for_again(
    shared_server: Server, ann: Unlocked
) -> None:
    right = parts(invite(shared_server, "env-ann"))
    with Terminal(ann, "enrol") as terminal:
        terminal.until("Enrolment line (Enter to type its parts):")
        terminal.keys("chat-enrol://\r")
        terminal.until("chatctl: The enrolment line is wrong: ")
        terminal.keys("\r")
        for prompt, given in zip(
            ("Host:", "Port", "Your name:", "The server's key", "One-time"), right
        ):
            for wrong, asked, told in WRONG:
                if asked.startswith(prompt):
                    before = terminal.shown.count(told)
                    terminal.keys(f"{wrong}\r")
                    terminal.until(told, before + 1)
            terminal.until(prompt)
            terminal.keys(f"{given}\r")
        for asked in ("Password for profile 'default':", "Once more:"):
            terminal.until(asked)
            terminal.keys(f"{PASSWORD}\r")
        terminal.until("device of env-ann at ")
        assert terminal.status() == 0


@pytest.mark.parametrize(
    ("stdin", "lacks"), [("", "enrolment line"), ("\n", "host"), ("\nlocalhost\n", "port")]
)
def test_what_is_missing_is_named(ann: Unlocked, stdin: str, lacks: str) -> None:
    (ann.folder / "secret").write_text(PASSWORD)
    ended = ann.type("enrol", "--password-file", "secret", stdin=stdin)
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert f"The {lacks} is missing" in ended.err and "chatctl enrol LINE" in ended.err
