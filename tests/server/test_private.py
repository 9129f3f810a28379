"""Secrets in the clear, where `transport = "private"` refuses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chatd.protocol.declare import COMMANDS
from tests.chat.harness import SECRET, serving
from tests.peer import Peer
from tests.sealed import SealedSocket
from tests.server.sealed_world import ELSEWHERE, seal, tell
from tests.serving import own_address, running

SECRETIVE = {
    "ENROL": f"ENROL|alice|K7QM-2VXR-9HDP|{'A' * 43}",
    "LOGIN": f"LOGIN|alice|{'A' * 43}",
    "ACTIVATE": "ACTIVATE|alice|12345678",
    "RECOVER": f"RECOVER|alice|12345678|{SECRET}",
    "REGISTER": f"REGISTER|bob|{SECRET}",
    "AUTH": f"AUTH|alice|{SECRET}",
    "RESUME": f"RESUME|{'A' * 43}",
    "PASSWD": f"PASSWD|{SECRET}|nine purple elephants",
    "ERASE": f"ERASE|{SECRET}",
    "STORE": "STORE|0|blob",
}


def test_which_commands_carry_a_secret() -> None:
    assert {verb for verb, made in COMMANDS.items() if made.confidential} == {*SECRETIVE}


async def test_a_private_server_takes_no_secret_in_the_clear(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice = await world.login("alice")
        alice.connection.address = ELSEWHERE
        world.chat.rules = replace(world.chat.rules, private_transport=True)
        for verb, line in SECRETIVE.items():
            needs_login = COMMANDS[verb].needs.value == "after login"
            client = alice if needs_login else world.connect(ELSEWHERE)
            (said,) = await world.ask(client, line)
            assert said.startswith(f"{verb}|FAILURE|INSECURE|")
        assert await world.ask(alice, "PING") == ["PING|SUCCESS"]
        assert (await world.ask(alice, "MSG|alice|hi"))[0].startswith("MSG|SUCCESS|")
        assert (await world.ask(world.connect(ELSEWHERE), "SALT|alice")) == ["SALT|SUCCESS|none"]


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_from_the_same_machine_it_does(tmp_path: Path, address: str) -> None:
    async with serving(tmp_path) as world:
        world.chat.rules = replace(world.chat.rules, private_transport=True)
        said = await world.ask(world.connect(address), SECRETIVE["REGISTER"])
        assert said == ["REGISTER|SUCCESS"]


async def test_sealed_it_takes_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        world.chat.rules = replace(world.chat.rules, private_transport=True)
        client, caller = await seal(world, ELSEWHERE)
        said = await tell(world, client, caller, f"{SECRETIVE['REGISTER']}\n".encode())
        assert said == ["REGISTER|SUCCESS"]


def test_private_on_a_port_that_others_reach(tmp_path: Path) -> None:
    own = own_address()
    with running(tmp_path, host=own, transport="private") as server:
        bare = server.connect(host=own)
        assert bare.ask(f"REGISTER|alice|{SECRET}").startswith("REGISTER|FAILURE|INSECURE|")
        with Peer(SealedSocket(server.connect(host=own).sock)) as peer:
            assert peer.ask(f"REGISTER|alice|{SECRET}") == "REGISTER|SUCCESS"
