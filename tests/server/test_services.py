"""Services at a server that runs: levels, hostile providers and callers, netcat."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from chatd.chat.device_changes import LevelSet
from chatd.server.services import make_services
from tests.chat.harness import serving
from tests.peer import Peer
from tests.serving import SECRET, Server, running


async def test_levels_open_what_is_built_in(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        world.chat.services = make_services(world.chat.clock)
        session = alice.connection.session
        assert session is not None
        account = world.chat.directory.account(session.account)
        results = {"sqrt|16": 1, "cbrt|27": 2, "root|1024|10": 3}
        for level in range(4):
            account.level = level
            world.chat.ledger.store(LevelSet(account.id, level), account)
            await world.rest()
            for call, needed in results.items():
                (said,) = await world.ask(alice, f"CALL|{call}")
                assert said.startswith("CALL|SUCCESS|" if level >= needed else "CALL|FAILURE|FORB")
        assert await world.ask(alice, "CALL|root|1024|10") == ["CALL|SUCCESS|2"]
        assert await world.ask(alice, "CALL|cbrt|-8") == ["CALL|SUCCESS|-2"]
        assert (await world.ask(alice, "CALL|sqrt|-1"))[0].startswith("CALL|FAILURE|SERVICE_FAILED")
        assert (await world.ask(alice, "CALL|sqrt|x"))[0].startswith(
            "CALL|FAILURE|BAD_FIELD|An arg"
        )


def test_netcat_provides_a_service(tmp_path: Path) -> None:
    if (nc := shutil.which("nc.openbsd") or shutil.which("nc")) is None:
        pytest.skip("netcat is not installed")
    with running(tmp_path) as server:
        alice, bob = server.join("alice", "bob")
        bob.close()
        script = (
            f"printf 'AUTH|bob|{SECRET}\\nSERVE|echo|0|text|Says it again.\\n'; "
            "while IFS='|' read -r verb id service caller text; do "
            "if [ \"$verb\" = '*CALL' ]; then printf 'ANSWER|%s|%s: %s\\n' $id $caller \"$text\"; "
            "fi; done"
        )
        pipe = f"mkfifo p; {nc} 127.0.0.1 {server.port} < p | tee log | ({script}) > p"
        with subprocess.Popen(["sh", "-c", pipe], cwd=tmp_path) as sh:
            try:
                while "NO_SUCH_SERVICE" in (said := alice.ask("CALL|echo|hi \\p \\\\ there")):
                    pass
                assert said == "CALL|SUCCESS|alice: hi | \\\\ there"
                assert alice.ask("CALL|echo|again") == "CALL|SUCCESS|alice: again"
            finally:
                sh.terminate()
                server.part()
                server.kill()


def test_a_stranger_answers_nothing_and_ids_never_come_again(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        alice, bob, mallory = server.join("alice", "bob", "mallory")
        assert alice.ask("SERVE|dice|0||") == mallory.ask("SERVE|cards|0||") == "SERVE|SUCCESS"
        seen = set()
        for number in range(200):
            bob.send("CALL|dice")
            call = alice.read().split("|")[1]
            assert call not in seen
            seen.add(call)
            assert mallory.ask(f"ANSWER|{call}|forged").startswith("ANSWER|FAILURE|EXPIRED|")
            assert mallory.ask(f"REFUSE|{call}|forged").startswith("REFUSE|FAILURE|EXPIRED|")
            assert alice.ask(f"ANSWER|{call}|{number}") == "ANSWER|SUCCESS"
            assert bob.read() == f"CALL|SUCCESS|{number}"


def test_a_provider_that_reads_nothing_costs_a_bounded_amount(tmp_path: Path) -> None:
    with running(tmp_path, service_seconds_max=1) as server:
        deaf = server.connect(receive_bytes=4_096)
        assert deaf.ask(f"REGISTER|deaf|{SECRET}") == "REGISTER|SUCCESS"
        assert deaf.ask(f"AUTH|deaf|{SECRET}").startswith("AUTH|SUCCESS|")
        assert deaf.ask("SERVE|void|0||") == "SERVE|SUCCESS"
        callers = [one for n in range(4) for one in crowd(server, f"caller{n}", 16)]
        full = "CALL|void|" + "\\\\" * 32_000
        before = server.memory_kib("VmRSS")
        refused = 0
        for _ in range(2):
            for caller in callers:
                caller.send(full)
            refused += [caller.read().split("|")[2] for caller in callers].count("UNAVAILABLE")
        assert refused >= 64
        assert server.memory_kib("VmRSS") - before < 32_768
        assert callers[0].ask("CALL|time").startswith("CALL|SUCCESS|")
        assert server.complaints() == []


def crowd(server: Server, user: str, count: int) -> list[Peer]:
    """Connections of one account."""
    return [*server.join(user), *(server.login(user) for _ in range(count - 1))]


def test_a_flood_of_calls_and_of_services_is_bounded(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        alice, bob = server.join("alice", "bob")
        alice.send(*(f"SERVE|s{number}|0||" for number in range(100)))
        said = [alice.read() for _ in range(100)]
        assert said[:16] == ["SERVE|SUCCESS"] * 16
        assert {line.split("|")[2] for line in said[16:]} == {"UNAVAILABLE"}
        bob.send(*(f"CALL|s{number % 16}|{number}" for number in range(500)))
        for number in range(500):  # one at a time, since they are one connection's
            verb, call, *_, argument = alice.read().split("|")
            assert (verb, argument) == ("*CALL", str(number))
            alice.send(f"ANSWER|{call}|{number}")
            assert alice.read() == "ANSWER|SUCCESS"
        assert [bob.read() for _ in range(500)] == [f"CALL|SUCCESS|{n}" for n in range(500)]
        assert "s1" not in server.log.read_text()


def test_a_caller_that_breaks_off_ends_its_call_and_one_that_half_closes_does_not(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as server:
        alice, bob, carol = server.join("alice", "bob", "carol")
        assert alice.ask("SERVE|slow|0||") == "SERVE|SUCCESS"
        bob.send("CALL|slow|b")
        gone = alice.read().split("|")[1]
        carol.send("CALL|slow|c")
        carol.half_close()
        stays = alice.read().split("|")[1]
        bob.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        bob.close()
        late = alice.ask(f"ANSWER|{gone}|for nobody")
        assert late.startswith("ANSWER|FAILURE|EXPIRED|")
        assert alice.ask(f"ANSWER|{stays}|for carol") == "ANSWER|SUCCESS"
        assert carol.read() == "CALL|SUCCESS|for carol"
        assert carol.read().startswith("*BYE|EOF|")


def test_a_server_stops_at_once_whoever_waits(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        alice, bob = server.join("alice", "bob")
        assert alice.ask("SERVE|slow|0||") == "SERVE|SUCCESS"
        bob.send("CALL|slow")
        assert alice.read().startswith("*CALL|")
        assert server.stop() == 0
        assert bob.read() == "CALL|FAILURE|UNAVAILABLE|The server stops; try again in a moment."
        assert bob.read().startswith("*BYE|SHUTDOWN|")
