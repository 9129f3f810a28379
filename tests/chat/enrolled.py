"""People with devices, in this process: invited, enrolled, logged in."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatd.chat import admin
from chatd.protocol.enrolment import grouped
from chatd.server.admin import carry_out
from tests.chat.harness import KEY, Client, World
from tests.sealed import Caller, raw, text

DAY_MS = 86_400_000
PHONE, LAPTOP = bytes(range(1, 33)), bytes(range(33, 65))
"""The private keys of devices."""


async def order(world: World, wanted: admin.Order) -> admin.Outcome:
    """Have who runs the server do something."""
    return await carry_out(world.chat, wanted)


async def invite(world: World, name: str, level: int | None = None) -> str:
    """A one-time ID, as it is printed."""
    outcome = await order(world, admin.Invite(name, level, DAY_MS))
    assert isinstance(outcome, admin.Invited)
    return grouped(outcome.one_time_id)


@dataclass
class Sealed:
    """A connection that is sealed: as `Client`, opened."""

    world: World
    client: Client
    caller: Caller
    lines: list[str] = field(default_factory=list)

    async def ask(self, *lines: str) -> list[str]:
        """Say lines, sealed; what is answered when all is at rest again."""
        self.say(*lines)
        await self.world.rest()
        return self.hear()

    def say(self, *lines: str) -> None:
        said = "".join(f"{line}\n" for line in lines).encode()
        self.client.sock.sendall(self.caller.sealed(said))

    def hear(self) -> list[str]:
        return b"".join(map(self.caller.opened, self.client.news())).decode().splitlines()


async def sealed(world: World, private: bytes | None = None, address: str = "") -> Sealed:
    """A connection sealed by the device with that private key, or by nobody in particular."""
    caller = Caller("IK" if private else "NK", KEY.channel_public(), private)
    client = world.connect(address)
    (line,) = await world.ask(client, caller.line)
    caller.hear(raw(line.removeprefix("SEAL|SUCCESS|")))
    return Sealed(world, client, caller)


def public(private: bytes) -> str:
    """The public key of a device, as it stands on the wire."""
    return text(Caller.public(private))


async def enrol(world: World, name: str, private: bytes = PHONE, level: int | None = None) -> str:
    """A device of `name` that has been enrolled; its first token."""
    one_time_id = await invite(world, name, level)
    asked = f"ENROL|{name}|{one_time_id}|{public(private)}"
    (line,) = await (await sealed(world)).ask(asked)
    assert line.startswith("ENROL|SUCCESS|"), line
    return line.split("|")[2]


async def login(
    world: World, name: str, token: str, private: bytes = PHONE
) -> tuple[Sealed, str, str]:
    """A connection from a device, the token for its next log-in, and that of the session."""
    device = await sealed(world, private)
    first, *_ = await device.ask(f"LOGIN|{name}|{token}")
    assert first.startswith("LOGIN|SUCCESS|"), first
    _, _, following, session = first.split("|")
    return device, following, session
