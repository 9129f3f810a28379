"""What `chatd run` says of itself: advice that works, whatever the settings."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from chatd.server.greeting import announce
from chatd.server.listeners import Door, listen_tcp, listen_unix
from chatd.server.settings import Settings
from tests.serving import own_address


def said(door: Door, settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    """The advice, with PORT for the port."""
    with closing(door.sock):
        announce([door], settings)
        where, hello = capsys.readouterr().out.replace(_port(door), "PORT").splitlines()
    assert where.startswith("chatd listens on ")
    return hello.removeprefix("Say hello: ")


def _port(door: Door) -> str:
    name = door.sock.getsockname()
    return "PORT" if isinstance(name, str) else str(name[1])


def at(host: str, scheme: str = "") -> Door:
    return Door(listen_tcp(host, 0)[0], scheme)


@pytest.mark.parametrize(
    ("registration", "then"),
    [
        ("open", "type REGISTER|name|password, or HELP"),
        ("gateway", "type REGISTER|name|password|contact=mailto:ADDRESS, or HELP"),
        ("invite", "type HELP; chatd invite NAME lets somebody in"),
        ("closed", "type HELP; nobody can make an account"),
    ],
)
def test_what_to_type(registration: str, then: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(registration=registration)  # type: ignore[arg-type]
    assert said(at("127.0.0.1"), settings, capsys) == f"nc 127.0.0.1 PORT   then {then}"


def test_what_connects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No secret is to be typed in the clear where that is refused; from this machine it is not."""
    own = own_address()
    private = Settings(transport="private")
    for settings, door, connects in (
        (Settings(), at(own), f"nc {own} PORT"),
        (private, at(own), f"chatctl nc {own}:PORT"),
        (private, at(own, "tls://"), f"ncat --ssl {own} PORT"),
        (private, at("0.0.0.0"), "nc 127.0.0.1 PORT"),
        (Settings(), at("::"), "nc ::1 PORT"),
        (private, at("127.0.0.1"), "nc 127.0.0.1 PORT"),
    ):
        assert said(door, settings, capsys).partition("   then ")[0] == connects
    with listen_unix(tmp_path / "it") as sock:
        assert said(Door(sock), private, capsys).startswith(f"nc -U {tmp_path / 'it'}   then ")
