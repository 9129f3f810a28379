"""The server's key: a pin that is given is held to everywhere, and what was told once is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatctl.trust import parse_pin
from tests.serving import SECRET, Server, own_address, running

from .shell import Shell, by_netcat, member
from .wire import Wire, wire

WRONG = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s"
WRONG_IN_HEX = f"sha256:{'ab' * 32}"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers; each has a key of its own, and bob's account is at the second one."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "other")]
    with running(folders[0], unix=folders[0] / "sock") as one, running(folders[1]) as other:
        by_netcat(other, "bob")
        yield one, other


@pytest.fixture
def here(two: tuple[Server, Server]) -> Iterator[Wire]:
    """The first server, by the machine's loopback address."""
    with wire(two[0]) as tapped:
        yield tapped


@pytest.fixture
def afar(two: tuple[Server, Server]) -> Iterator[Wire]:
    """The first server, as other machines see it."""
    with wire(two[0], own_address()) as tapped:
        yield tapped


def fingerprint(server: Server) -> str:
    with server.connect() as peer:
        return peer.read().split("|")[3]


def verbs(tapped: Wire) -> set[str]:
    """What was sent in the clear, or `=` for what was sealed."""
    return {re.split(r"[|=]", line)[0] or "=" for line in tapped.sent}


@pytest.mark.parametrize("pin", [WRONG, WRONG_IN_HEX])
@pytest.mark.parametrize("command", ["login", "register", "whoami", "logout", "nc"])
def test_a_pin_is_held_to_on_loopback(
    two: tuple[Server, Server], here: Wire, tmp_path: Path, command: str, pin: str
) -> None:
    ann = member(two[0], tmp_path, f"pin-{command}-{len(pin)}")
    ann.address = here.address
    path = tmp_path / "chatctl" / f"{ann.profile}.json"
    path.write_text(path.read_text().replace(two[0].address, here.address))
    words = ["cat", "--password-stdin"] if command in ("login", "register") else []
    ended = ann.type(command, *words, "--pin", pin, stdin=SECRET)
    assert (ended.status, ended.out, ended.err.count("\n")) == (5, "", 1)
    assert verbs(here) <= {"SEAL"}
    real = fingerprint(two[0])
    for told in (WRONG, WRONG_IN_HEX, real, parse_pin(real)):
        assert told in ended.err


def test_a_pin_is_held_to_at_a_unix_socket(two: tuple[Server, Server], tmp_path: Path) -> None:
    shell = Shell(tmp_path, f"unix:{two[0].settings['unix']}")
    assert shell.type("call", "PING", "--pin", WRONG).status == 5
    assert shell.done("call", "PING", "--pin", fingerprint(two[0])).out == "PING|SUCCESS\n"


def test_a_pin_stays_in_a_profile_of_this_machine(
    two: tuple[Server, Server], here: Wire, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, here.address)
    pin = fingerprint(two[0])
    shell.done("register", "pin-dan", "--password-stdin", "--pin", pin, stdin=SECRET)
    shell.done("login", "pin-dan", "--password-stdin", "--pin", pin, stdin=SECRET)
    shell.done("whoami")
    assert verbs(here) == {"SEAL", "="}
    here.there = "127.0.0.1", two[1].port
    assert shell.type("whoami").status == 5


def test_bench_does_not_pass_over_a_pin(two: tuple[Server, Server], tmp_path: Path) -> None:
    shell = Shell(tmp_path, two[0].address)
    ended = shell.type("bench", "--pin", fingerprint(two[0]))
    assert (ended.status, "leave out --pin" in ended.err) == (2, True)


def test_the_key_that_register_told_is_held_against_login(
    two: tuple[Server, Server], afar: Wire, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, afar.address, "eve")
    ended = shell.type("register", "eve", "--password-stdin", stdin=SECRET)
    assert f"is new to you; compare it with who runs it: {fingerprint(two[0])}\n" in ended.err
    assert "Log in with: chatctl --profile eve login eve\n" in ended.out
    afar.forget()
    afar.there = "127.0.0.1", two[1].port
    ended = shell.type("login", "eve", "--password-stdin", stdin=SECRET)
    assert (ended.status, ended.out, afar.sent) == (5, "", [])
    assert all(fingerprint(server) in ended.err for server in two)


def test_the_next_step_names_the_key_where_the_profile_is_of_another_server(
    two: tuple[Server, Server], afar: Wire, tmp_path: Path
) -> None:
    shell = member(two[1], tmp_path, "fay")
    shell.address = afar.address
    ended = shell.type("register", "fay", "--password-stdin", stdin=SECRET)
    way = f"--profile fay --server {afar.address} --pin {fingerprint(two[0])}"
    assert f"Log in with: chatctl {way} login fay\n" in ended.out
    afar.there = "127.0.0.1", two[1].port
    ended = shell.type(*way.split(), "login", "fay", "--password-stdin", stdin=SECRET)
    assert ended.status == 5


def test_a_new_key_that_is_confirmed_takes_the_place_of_the_old_one(
    two: tuple[Server, Server], afar: Wire, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, afar.address)
    shell.type("register", "gil", "--password-stdin", stdin=SECRET)
    shell.done("login", "gil", "--password-stdin", stdin=SECRET)
    afar.there = "127.0.0.1", two[1].port
    pin = fingerprint(two[1])
    shell.done("login", "bob", "--password-stdin", "--pin", pin, stdin=SECRET)
    assert shell.done("whoami").out.startswith("bob at ")


def test_an_authority_for_tls_takes_nothing_from_the_key(
    two: tuple[Server, Server], afar: Wire, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, afar.address)
    shell.type("register", "hal", "--password-stdin", stdin=SECRET)
    afar.there = "127.0.0.1", two[1].port
    ended = shell.type("login", "hal", "--password-stdin", "--ca", "ca.pem", stdin=SECRET)
    assert ended.status == 5


@pytest.mark.parametrize("words", [["nc"], ["call", "PING"]])
def test_who_only_looks_settles_nowhere_and_is_told_how_to_hold_to_the_key(
    two: tuple[Server, Server], afar: Wire, tmp_path: Path, words: list[str]
) -> None:
    ended = Shell(tmp_path, afar.address).type(*words)
    assert (ended.status, list(tmp_path.glob("chatctl/*.json"))) == (0, [])
    assert f"give it with --pin from then on: {fingerprint(two[0])}" in ended.err
