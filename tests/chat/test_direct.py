"""Who listens where: in memory, as long as the connection that said so; told to acquaintances."""

from __future__ import annotations

from pathlib import Path

from chatd.protocol import base64url
from chatd.security.channel import Acceptor, Initiator
from chatd.security.keys import CHANNEL
from chatd.server.sealing import Sealed
from tests.chat.harness import KEY, Client, World, heads, in_ops, serving

DEVICE = "DTdYgTpTR7lBZD0AVvrFwkUYbdvkMhKdF8Xa2OPZ5Gc"
OTHER = "Vb2wxUOB3SaoNZ68KOYjKn4nGIhPxNtKLcFqzTPRxHA"
LISTEN = f"LISTEN|4050|key={DEVICE}"
HERE = f"WHERE|SUCCESS||4050|{DEVICE}"


async def pair(world: World) -> tuple[Client, Client]:
    """Alice, and Bob, who listens."""
    alice, bob = await in_ops(world, "alice", "bob")
    assert (await world.ask(bob, LISTEN))[-1] == "LISTEN|SUCCESS"
    return alice, bob


async def found(world: World, client: Client, user: str = "bob") -> str:
    """What WHERE says, to the code."""
    answer = (await world.ask(client, f"WHERE|{user}"))[-1]
    return answer if "SUCCESS" in answer else answer.split("|")[2]


async def test_it_ends_with_the_connection_however_that_ends(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await pair(world)
        assert await found(world, alice) == HERE
        bob.sock.close()
        await world.rest()
        assert await found(world, alice) == "OFFLINE"
        for ending in ("LOGOUT", "QUIT", "ERASE|correct horse battery"):
            bob = await world.login("bob", register=False)
            await world.ask(bob, LISTEN)
            assert await found(world, alice) == HERE
            await world.ask(bob, ending)
            assert await found(world, alice) in ("OFFLINE", "NO_SUCH_USER")
        assert len(world.hub.whereabouts) == 0


async def test_a_session_that_is_ended_elsewhere_listens_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, _ = await pair(world)
        phone = await world.login("bob", register=False)
        sessions = await world.ask(phone, "SESSIONS")
        other = next(line.split("|")[2] for line in sessions if line.endswith("|"))
        assert await found(world, alice) == HERE
        await world.ask(phone, f"FORGET|{other}")
        assert await found(world, alice) == "OFFLINE"
        assert len(world.hub.whereabouts) == 0


async def test_listening_right_behind_the_login_and_right_before_logging_out(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await pair(world)
        again = world.connect()
        again.send("AUTH|bob|correct horse battery", f"LISTEN|4051|key={OTHER}")
        await world.rest()
        assert await found(world, alice) == f"WHERE|SUCCESS||4051|{OTHER}"
        again.send(f"LISTEN|4052|key={OTHER}", "LOGOUT", f"LISTEN|4053|key={OTHER}")
        await world.rest()
        assert heads(again.news(), 3)[-1] == "LISTEN|FAILURE|NOT_AUTHENTICATED"
        assert await found(world, alice) == HERE
        assert len(world.hub.whereabouts) == 1
        await world.ask(bob, "LISTEN|0", "LISTEN|0")
        assert await found(world, alice) == "OFFLINE"


async def test_strangers_learn_what_they_would_of_one_who_does_not_listen(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        _, bob = await pair(world)
        mallory = await world.login("mallory")
        listens = await world.ask(mallory, "WHERE|bob")
        world.forget()
        assert await world.ask(mallory, "WHERE|bob") == listens
        await world.ask(bob, "LISTEN|0")
        assert await world.ask(mallory, "WHERE|bob") == listens


async def test_who_leaves_the_room_is_a_stranger_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, bob = await pair(world)
        await world.ask(alice, "LEAVE|#ops")
        assert await found(world, alice) == "OFFLINE"
        await world.ask(alice, "MSG|bob|hi")
        world.forget()
        assert await found(world, alice) == HERE
        await world.ask(bob, "BLOCK|alice")
        assert await found(world, alice) == "OFFLINE"
        assert await found(world, bob, "alice") == "OFFLINE"


async def test_the_key_of_the_channel_is_the_one_that_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        alice, _ = await in_ops(world, "alice", "bob")
        device = bytes(range(101, 133))
        server_key = Initiator()
        answer, _ = Acceptor(KEY.derive(CHANNEL)).accept("NX", server_key.message)
        key, _ = server_key.finish(answer)
        ours = Initiator(key, device)
        answer, channel = Acceptor(KEY.derive(CHANNEL)).accept("IK", ours.message)
        _, mine = ours.finish(answer)
        bob = world.connect(codec=Sealed(channel))
        line = b"AUTH|bob|correct horse battery\nLISTEN|4050\n"
        bob.sock.sendall(b"=" + base64url.encode_ascii(mine.seal(line)) + b"\n")
        await world.rest()
        public = bob.connection.device_key
        assert public is not None
        assert await found(world, alice) == f"WHERE|SUCCESS||4050|{base64url.encode(public)}"
