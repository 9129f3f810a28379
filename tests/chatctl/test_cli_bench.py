"""`bench`: its figures agree with each other, and nothing of it is left at the server."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Server, own_address, running

from .client_world import SteadyServer
from .shell import Ended, Shell, member
from .terminal import Terminal

SMALL = ("--connections", "6", "--rooms", "2", "--duration", "0.2")
LONG = ("--connections", "6", "--rooms", "2", "--duration", "3600", "--rate", "20")


def measured(shell: Shell, *words: str) -> dict[str, Any]:
    """What one measurement gives, which must be all that is printed."""
    (found,) = shell.done("bench", "--json", *words).objects
    return found


def kept(shell: Shell) -> dict[str, Any]:
    """What the measurement that runs, or could not clean up, keeps about its accounts."""
    (path,) = (shell.folder / "chatctl" / "bench").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def nothing_kept(shell: Shell) -> bool:
    return not list((shell.folder / "chatctl" / "bench").glob("*"))


def there(server: Server, leftover: dict[str, Any]) -> list[str]:
    """Who of these can still log in."""
    found = []
    for user in leftover["users"]:
        with server.connect() as peer:
            if peer.ask(f"AUTH|{user}|{leftover['secret']}").startswith("AUTH|SUCCESS|"):
                found.append(user)
    return found


@contextmanager
def under_way(shell: Shell, *words: str) -> Iterator[Terminal]:
    """A measurement that would go on for an hour."""
    with Terminal(shell, "bench", *LONG, *words) as terminal:
        terminal.until("Measuring")
        yield terminal


def consistent(found: dict[str, Any]) -> bool:
    """Whether all was answered and delivered, and counted once."""
    counts = {name: sum(bar["count"] for bar in found[f"{name}_histogram"]) for name in HISTOGRAMS}
    return (
        found["sent"] == found["acknowledged"] == counts["ack"] > 0
        and found["deliveries"] == found["expected_deliveries"] == counts["delivery"]
        and found["refused"] == {}
        and not found["missing_deliveries"]
        and found["lost_connections"] == found["left"] == []
    )


HISTOGRAMS = ("ack", "delivery")


def test_as_fast_as_it_goes(shell: Shell) -> None:
    found = measured(shell, *SMALL)
    assert consistent(found)
    assert found["deliveries"] == 2 * found["acknowledged"]  # three hear each room
    assert (found["connections"], found["accounts"], found["rooms"]) == (6, 6, 2)
    assert found["software"].startswith("chatd ")
    for name in HISTOGRAMS:
        times = found[f"{name}_ms"]
        order = [times[key] for key in ("min", "p50", "p90", "p99", "p99_9", "max")]
        assert order == sorted(order)
        assert times["min"] <= times["mean"] <= times["max"]
    assert nothing_kept(shell)


def test_with_a_rate(shell: Shell) -> None:
    found = measured(shell, *SMALL, "--rate", "500", "--senders", "3", "--no-history")
    assert consistent(found)
    assert found["sent"] + found["unsent"] == 100  # all that fell due in 0.2 s
    assert (found["rate"], found["history"]) == (500, False)


@pytest.mark.parametrize("accounts", [1, 2, 3, 7])
def test_connections_that_share_accounts(shell: Shell, accounts: int) -> None:
    """With fewer accounts than rooms, each connection hears several rooms; by default at
    least two connections hear each room."""
    words = ("--connections", "7", "--accounts", str(accounts), "--senders", "7")
    found = measured(shell, *words, "--duration", "0.2", "--window", "3", "--payload", "5000")
    assert consistent(found)
    assert (found["accounts"], found["rooms"]) == (accounts, 3)
    assert len(found["notes"]) >= (accounts < 3)


def test_for_people(shell: Shell) -> None:
    shown = shell.done("bench", *SMALL).out
    assert f" at {shell.address}\n6 connections of 6 accounts in 2 rooms\n" in shown
    assert "2 senders, window 8, as fast as that allows, 64 bytes\n" in shown
    assert {"p50", "p99.9", "acknowledged", "delivered", "█"} <= {*shown.split(), *shown}
    assert max(map(len, shown.splitlines())) < 80


def test_with_ones_own_account(shared_server: Server, shell: Shell) -> None:
    owner = member(shared_server, shell.folder, "bench-owner", "#mine")
    found = measured(owner, *SMALL, "--own-account")
    assert consistent(found)
    assert found["deliveries"] == 5 * found["acknowledged"]  # all six hear both rooms
    assert [room["room"] for room in owner.done("rooms", "--json").objects if room["joined"]] == [
        "#mine"
    ]
    assert nothing_kept(shell)


def test_where_nobody_can_register(tmp_path: Path) -> None:
    with running(tmp_path, registration="closed") as server:
        ended = Shell(tmp_path, server.address).type("bench", *SMALL)
    assert (ended.status, ended.out, ended.err[:17]) == (1, "", "chatctl: CLOSED: ")
    assert ended.err.endswith("add --own-account\n")


def test_where_few_can_register(tmp_path: Path) -> None:
    outside = own_address()
    with running(tmp_path, host="0.0.0.0", registrations_max=3) as server:
        shell = Shell(tmp_path, f"{outside}:{server.port}")
        refused = shell.type("bench", *SMALL)
        assert (refused.status, refused.err.count("\n")) == (2, 1)
        assert "--yes" in refused.err
        assert shell.type("bench", *SMALL, "--own-account", "--yes").status == 2  # bare
        found = measured(shell, *SMALL, "--yes")
        assert consistent(found)
        assert found["accounts"] == 3
        assert "3 of 6 accounts" in found["notes"][0]
        none = shell.type("bench", *SMALL, "--yes")
        assert (none.status, none.out) == (1, "")
        assert none.err.startswith("chatctl: RATE_LIMITED: ")
        assert nothing_kept(shell)


def test_another_machine_is_asked_about(shell: Shell) -> None:
    shell.address = "192.0.2.1:4040"
    with Terminal(shell, "bench", *SMALL) as terminal:
        terminal.until("another machine. Go on? [y/N]")
        terminal.keys("n\r")
        terminal.until("chatctl: Nothing was measured")
        assert terminal.status() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--connections", "0"), "--connections"),
        (("--connections", "10001"), "--connections"),
        (("--connections", "3", "--rooms", "4"), "more rooms than connections"),
        (("--duration", "1e9"), "--duration"),
        (("--duration", "nan"), "--duration"),
        (("--rate", "-1"), "--rate"),
        (("--rate", "nan"), "--rate"),
        (("--payload", "15"), "--payload"),
        (("--payload", "32769"), "--payload"),
        (("--window", "4096", "--payload", "32768"), "64 MiB"),
    ],
)
def test_absurd_values(shell: Shell, words: tuple[str, ...], said: str) -> None:
    ended = shell.type("bench", *words)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err


def test_no_server(shell: Shell) -> None:
    shell.address = f"unix:{shell.folder}/none"
    ended = shell.type("bench", *SMALL)
    assert (ended.status, ended.out, ended.err.count("\n")) == (3, "", 1)
    assert nothing_kept(shell)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(shared_server: Server, shell: Shell, number: signal.Signals) -> None:
    with under_way(shell) as terminal:
        leftover = kept(shell)
        assert there(shared_server, leftover) == leftover["users"]
        terminal.signal(number)
        assert terminal.status() == 130
        assert "acknowledged, of" in terminal.shown
        assert "chatctl: Interrupted" in terminal.shown
    assert there(shared_server, leftover) == []
    assert nothing_kept(shell)


def test_interrupted_before_it_has_begun(shared_server: Server, shell: Shell) -> None:
    with Terminal(shell, "bench", "--connections", "300", "--accounts", "300") as terminal:
        terminal.until("Registering")
        leftover = kept(shell)
        terminal.keys("\x03")
        assert terminal.status() == 130
    assert there(shared_server, leftover) == []
    assert nothing_kept(shell)


def test_killed_and_cleaned_up(shared_server: Server, shell: Shell) -> None:
    with under_way(shell) as terminal:
        leftover = kept(shell)
        assert shell.done("bench", "--clean-up").out == ""  # it runs still
        assert there(shared_server, leftover) == leftover["users"]
        terminal.signal(signal.SIGKILL)
        assert terminal.status() == -signal.SIGKILL
    assert there(shared_server, leftover) == leftover["users"]
    (cleaned,) = shell.done("bench", "--clean-up", "--json").objects
    assert cleaned == {"server": shell.address, "erased": leftover["users"], "left": []}
    assert there(shared_server, leftover) == []
    assert nothing_kept(shell)


def test_what_was_kept_is_damaged(shell: Shell) -> None:
    path = shell.folder / "chatctl" / "bench" / "abc.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    ended = shell.type("bench", "--clean-up")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert str(path) in ended.err


def test_refusals_are_counted(shared_server: Server, shell: Shell) -> None:
    with under_way(shell) as terminal:
        leftover = kept(shell)
        sender = leftover["users"][0]
        mark = sender.split("-")[1]
        with shared_server.connect() as peer:
            peer.ask(f"AUTH|{sender}|{leftover['secret']}")
            assert peer.ask(f"LEAVE|#bench-{mark}-0") == "LEAVE|SUCCESS"
        terminal.until(" refused")
        terminal.signal(signal.SIGINT)
        assert terminal.status() == 130
        assert re.search(r"refused +[\d,]+ +NO_SUCH_ROOM", terminal.shown)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[SteadyServer]:
    """A server that the test may kill."""
    server = SteadyServer(tmp_path)
    server.start()
    yield server
    if server.process is not None:
        server.stop()


def test_the_server_goes_away_and_comes_back(mortal: SteadyServer, tmp_path: Path) -> None:
    shell = Shell(tmp_path, mortal.address)
    with under_way(shell) as terminal:
        leftover = kept(shell)
        mortal.kill()
        terminal.until("Erasing")
        mortal.start()
        assert terminal.status() == 3
        assert "chatctl: 6 connections lost: " in terminal.shown
    assert there(mortal, leftover) == []
    assert nothing_kept(shell)


def test_the_server_stays_away(mortal: SteadyServer, tmp_path: Path) -> None:
    shell = Shell(tmp_path, mortal.address)
    with under_way(shell) as terminal:
        leftover = kept(shell)
        mortal.kill()
        terminal.until("Erasing")
        terminal.keys("\x03")
        assert terminal.status() == 130
        assert "bench-" in terminal.shown
        assert "erase later with: chatctl bench --clean-up" in terminal.shown
    mortal.start()
    assert there(mortal, leftover) == leftover["users"] == kept(shell)["users"]
    assert shell.done("bench", "--clean-up").out == f"Erased 6 accounts at {mortal.address}.\n"
    assert there(mortal, leftover) == []


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    with running(tmp_path, outbox_bytes_max=131_072) as server:
        shell = Shell(tmp_path, server.address)
        words = ("--connections", "10", "--rooms", "1", "--senders", "10", "--duration", "1")
        ended: Ended = shell.type(
            "bench", "--json", *words, "--window", "150", "--payload", "30000"
        )
    (found,) = ended.objects
    assert ended.status == 0
    assert found["lags"] > 0
    assert found["missing_deliveries"] == found["expected_deliveries"] - found["deliveries"] > 0
    assert "*LAG" in found["notes"][-1]
