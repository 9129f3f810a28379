"""Services that are installed as a distribution: found, bounded, and trusted with nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import Server, started

PLUG_IN = """
import sys
import threading
import trio
from chatd.services import BadArguments, Call, Service, ServiceError

def shout(call):
    if not call.arguments:
        raise BadArguments("shout takes a text: CALL|shout|text")
    return " ".join(call.arguments).upper()

async def who(call):
    await trio.sleep(0)
    return f"{call.caller} of level {call.level}"

def breaks(call):
    kinds = {
        "value": ValueError("a private thing"), "exit": SystemExit("a private thing"),
        "refuse": ServiceError("not today\\nor \\x1b[31mever"), "surrogate": "\\ud800",
        "escape": "\\x1b[31mred", "big": "x" * 32769, "bytes": b"bytes", "none": None,
    }
    found = kinds[call.arguments[0]]
    if isinstance(found, BaseException):
        raise found
    return found

def hang(call):
    threading.Event().wait()

async def sleep(call):
    await trio.sleep_forever()

SHOUT = Service("shout", 0, "text", "Say it louder.", shout)
WHO = Service("who", 0, "", "", who)
BREAKS = Service("breaks", 0, "how", "", breaks)
HANG = Service("hang", 0, "", "", hang)
SLEEP = Service("sleep", 0, "", "", sleep)
TIME = Service("time", 0, "", "A better time.", who)
NO_SERVICE = shout
"""
ENTRIES = """[chatd.services]
shout = plugged_in:SHOUT
who = plugged_in:WHO
breaks = plugged_in:BREAKS
hang = plugged_in:HANG
sleep = plugged_in:SLEEP
time = plugged_in:TIME
function = plugged_in:NO_SERVICE
absent = plugged_in:ABSENT
missing = not_there_at_all:SERVICE
exits = exits_at_import:SERVICE
"""


def install(folder: Path) -> Path:
    """A distribution as pip would leave it."""
    folder.mkdir()
    (folder / "plugged_in.py").write_text(PLUG_IN)
    (folder / "exits_at_import.py").write_text("raise SystemExit(3)\n")
    info = folder / "plugged_in-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-in\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    return folder


class Plugged(Server):
    """A server with a distribution more on its path."""

    def command(self) -> list[str]:
        plain = super().command()
        path = f"import sys; sys.path.append({str(self.data.parent / 'site')!r})"
        run = "from chatd.server.cli import main; sys.argv[0] = 'chatd'; main()"
        return [plain[0], "-c", f"{path}; {run}", *plain[3:]]


@contextmanager
def plugged(folder: Path, **settings: object) -> Iterator[Server]:
    install(folder / "site")
    server = Plugged(folder)
    server.settings |= settings
    with started(server):
        yield server


def test_installed_services_are_loaded_and_broken_ones_named(tmp_path: Path) -> None:
    with plugged(tmp_path) as server:
        (alice,) = server.join("alice")
        alice.send("SERVICES")
        listed = [line.split("|")[2] for line in iter(alice.read, "SERVICES|SUCCESS|9")]
        assert listed == "breaks cbrt hang root shout sleep sqrt time who".split()
        assert alice.ask("CALL|shout|hi|you") == "CALL|SUCCESS|HI YOU"
        assert alice.ask("CALL|who") == "CALL|SUCCESS|alice of level 0"
        said = "CALL|FAILURE|BAD_FIELD|shout takes a text: CALL|shout|text."
        assert alice.ask("CALL|shout") == said
        assert alice.ask("CALL|time").startswith("CALL|SUCCESS|20")
        log = server.log.read_text()
        for name, problem in [
            ("time = plugged_in:TIME (plugged-in)", "ValueError: there is a service time already"),
            ("function = plugged_in:NO_SERVICE", "it is no chatd.services.Service but a function"),
            ("absent = plugged_in:ABSENT", "AttributeError"),
            ("missing = not_there_at_all:SERVICE", "ModuleNotFoundError"),
            ("exits = exits_at_import:SERVICE", "SystemExit: 3"),
        ]:
            (line,) = [line for line in log.splitlines() if name in line]
            assert problem in line
        assert server.stop() == 0


def test_a_service_that_breaks_tells_nothing_and_nobody_else(tmp_path: Path) -> None:
    with plugged(tmp_path) as server:
        (alice,) = server.join("alice")
        broke = "CALL|FAILURE|SERVICE_FAILED|breaks broke; the server's log has it."
        for how in ["value", "exit", "surrogate", "escape", "big", "bytes", "none", "unheard of"]:
            assert alice.ask(f"CALL|breaks|{how}") == broke
        assert alice.ask("CALL|breaks") == broke
        said = "CALL|FAILURE|SERVICE_FAILED|not today\\nor \ufffd[31mever."
        assert alice.ask("CALL|breaks|refuse") == said
        log = server.log.read_text()
        assert '"where": "plugged_in.py:' in log and "ValueError" in log
        assert "private" not in log and "unheard" not in log and "Traceback" not in log


def test_threads_that_hang_are_few_and_end_with_the_server(tmp_path: Path) -> None:
    with plugged(tmp_path, service_seconds_max=1) as server:
        peers = server.join("alice", *(f"user{number}" for number in range(6)))
        alice = peers[0]
        before = threads(server)
        for peer in peers[1:]:
            peer.send("CALL|hang")
        alice.send("CALL|sleep")
        for peer in [*peers[1:], alice]:
            assert peer.read().startswith("CALL|FAILURE|TIMEOUT|")
        assert threads(server) <= before + 4
        assert alice.ask("CALL|hang").startswith("CALL|FAILURE|TIMEOUT|")
        assert alice.ask("CALL|shout|still here") == "CALL|SUCCESS|STILL HERE"
        assert server.stop() == 0


def threads(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/task").iterdir()))
