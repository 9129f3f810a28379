"""People whom the operator has met: invitations, and devices made of them by real chatctl."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from chatctl.e2e import LockKey, unlock
from chatctl.profile import Device, Profile, parse
from tests.serving import Server

from .shell import Ended, Shell

PASSWORD = "nine purple elephants"
"""Of every locked profile here."""
_LINE = re.compile(r"chat-enrol://[^\s']+")


class Unlocked(Shell):
    """A shell in which locked profiles find their password, unless it is None."""

    password: str | None = PASSWORD

    @property
    def environ(self) -> dict[str, str]:
        """With the password in a file."""
        if self.password is None:
            return super().environ
        file = self.folder / "password"
        file.write_text(f"{self.password}\n")
        return {**super().environ, "CHATCTL_PASSWORD_FILE": str(file)}

    @property
    def path(self) -> Path:
        """The locked profile."""
        return self.folder / "chatctl" / f"{self.profile}.jwe"

    def opened(self) -> Profile:
        """What the locked profile holds."""
        locked = self.path.read_bytes()
        return parse(unlock(locked, LockKey.of(locked, self.password or PASSWORD)), self.path)

    def device(self) -> Device:
        """What makes it a device."""
        device = self.opened().device
        assert device is not None
        return device

    def copied(self, folder: Path) -> Unlocked:
        """A thief's copy of all that is here, password and all."""
        shutil.copytree(self.folder, folder)
        return type(self)(folder, self.address, self.profile)


def invite(server: Server, user: str, *options: str, address: str | None = None) -> str:
    """What the operator does: the enrolment line, with `address` in place of the server's own."""
    found = _LINE.search(server.command_line("invite", user, *options))
    assert found is not None
    return found[0].replace(server.address, address or server.address)


def once(line: str) -> str:
    """The one-time ID in an enrolment line, as it is written there."""
    return line.rpartition("/")[2]


def stranger(server: Server, folder: Path, address: str | None = None) -> Unlocked:
    """Somebody without a profile."""
    folder.mkdir(exist_ok=True)
    return Unlocked(folder, address or server.address)


def enrols(shell: Shell, line: str, password: str = PASSWORD) -> Ended:
    """Enrol, and succeed."""
    return shell.done("enrol", line, "--password-stdin", "--json", stdin=f"{password}\n")


def enrolled(server: Server, folder: Path, user: str, address: str | None = None) -> Unlocked:
    """A new account and its first device, in a folder of its own."""
    shell = stranger(server, folder / user, address)
    enrols(shell, invite(server, user, address=address))
    return shell
