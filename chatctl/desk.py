"""What a command works with: the profile, the output, and connections to the server."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from chatd.protocol import base64url
from chatd.protocol.declare import Command, Reply, Request
from chatd.protocol.errors import ChatError, Code

from .address import Address, parse_address
from .client import Client, connect
from .drawer import Drawer
from .entering import enter
from .errors import CannotConnect, NotVerified
from .output import Output, fields_of
from .passwords import Passwords, profile_passwords
from .problems import Problem, complain, logged_out, problem_of, usage
from .profile import Profile
from .session import plain_name
from .trust import Trust, fingerprint_of, parse_pin, pin_of

DEFAULT_SERVER = "127.0.0.1:4040"
_ENDED = "Your session has ended"


class Desk:
    """One run of `chatctl`."""

    def __init__(
        self,
        server: str | None,
        profile_name: str,
        as_json: bool,
        ca: Path | None = None,
        pin: str | None = None,
    ) -> None:
        self.profile_name = profile_name
        self.out = Output(as_json)
        self._server = server
        self._ca = ca
        self._pin = pin
        self._stays = False  # a connection is to outlive its breaks
        self.passwords: Callable[[], Passwords] = profile_passwords
        """Where the password comes from, if the profile takes one."""

    @cached_property
    def drawer(self) -> Drawer:
        """Where the chosen profile is kept. Raises Problem."""
        asked = f"password of profile '{self.profile_name}'"
        return Drawer(self.profile_name, lambda: self.passwords().take(asked))

    @cached_property
    def profile(self) -> Profile:
        """The chosen profile, as it is on disk; unlocked, if need be. Raises Problem."""
        return self.drawer.read()

    @property
    def server(self) -> str:
        """Where to connect to: the option's, the profile's, else this machine. Raises Problem."""
        return _written(self._server or self.profile.server or DEFAULT_SERVER)

    @property
    def trust(self) -> Trust:
        """The options', else, at the profile's server, the profile's. Raises Problem."""
        if self._authorities is None and self._pin is None and not self.elsewhere:
            return self.profile.trust
        try:
            pin = None if self._pin is None else parse_pin(self._pin)
        except ValueError as wrong:
            raise usage(f"--pin: {wrong}") from None
        if not self.elsewhere and self.profile.device is not None:
            return replace(self.profile.trust, pin=pin or self.profile.pin)
        return Trust(self._authorities, pin)

    @property
    def _authorities(self) -> str | None:
        """The option's file. Only TLS has any; elsewhere it takes nothing from the pin."""
        tls = parse_address(self.server).tls
        return str(self._ca.absolute()) if tls and self._ca is not None else None

    @property
    def is_pinned(self) -> bool:
        """Whether this run was given a pin."""
        return self._pin is not None

    @property
    def address(self) -> Address:
        """Where to connect to, and whose certificate is taken there. Raises Problem."""
        trust = self.trust
        sealed = trust.device_key is not None
        return replace(parse_address(self.server), trust=trust, sealed=sealed)

    @property
    def elsewhere(self) -> bool:
        """Whether the server was named, and is not the profile's."""
        return self.server != _written(self.profile.server or DEFAULT_SERVER)

    @property
    def has_account(self) -> bool:
        """Whether the profile can log in where this command goes."""
        profile = self.profile
        return not self.elsewhere and (profile.token is not None or profile.device is not None)

    @property
    def way(self) -> str:
        """The options that lead a command to where this one went, where the profile does not."""
        trust = self.trust
        named = [("--server", self.server if self.elsewhere else None)]
        if self.elsewhere or trust != self.profile.trust:
            named += [("--ca", trust.ca), ("--pin", self._pin)]
        options = (f"{option} {shlex.quote(value)} " for option, value in named if value)
        return self.drawer.option + "".join(options)

    def reread(self) -> None:
        """Take the chosen profile as it is on disk now. Raises Problem, OSError."""
        self.profile = self.drawer.read()

    def keep(self, profile: Profile) -> None:
        """Make `profile` the chosen one's content. Raises Problem, OSError."""
        self.alter(lambda _: profile)

    def alter(self, change: Callable[[Profile], Profile]) -> None:
        """Change the chosen profile as it is on disk now. Raises Problem, OSError."""
        self.profile = self.drawer.change(change)

    def amend(self, **changes: Any) -> None:
        """The same, unless another logged in there since."""
        mine = self.profile

        def amended(kept: Profile) -> Profile:
            same = kept.token == mine.token or kept.device is not None
            return msgspec.structs.replace(kept, **changes) if same else kept

        self.alter(amended)

    def knows(self, user: str) -> bool:
        """Whether the profile is of this account at this server."""
        return self.profile.user == plain_name(user) and not self.elsewhere

    def vault_version(self, user: str) -> int:
        """The newest version of `user`'s vault that this device saw; 0 where it saw none."""
        return self.profile.vault_version if self.knows(user) else 0

    def saw_vault(self, version: int) -> None:
        """The vault had this version: no older one is taken from now on. Raises as `keep`."""
        if version > self.profile.vault_version:
            self.amend(vault_version=version)

    def token(self) -> str:
        """The profile's token, for the server it came from and for no other; empty where an
        enrolled device has yet to log in. Raises Problem."""
        if self.profile.token is None and self.profile.device is None:
            raise self._logged_out(f"Not logged in with profile '{self.profile_name}'")
        if self.elsewhere:
            sentence = (
                f"Profile '{self.profile_name}' is logged in at {self.profile.server} instead"
            )
            raise logged_out(sentence, f"--server {self.server} --profile ANOTHER ")
        return self.profile.token or ""

    @asynccontextmanager
    async def visit(self, *, settles: bool = True) -> AsyncIterator[Client]:
        """A connection that is not logged in; `settles`: as of `learn_key`."""
        async with connect(self.address, token=None, reconnect=False) as client:
            self.learn_key(client.server_key, settles=settles)
            yield client

    def learn_key(self, key: bytes | None, *, settles: bool = False) -> None:
        """The key that a server sealed with: at first sight it is told, and kept where the profile
        is of that server, or of none yet and `settles` there. Else the rest of this run holds to
        it, and so does who goes the `way` that it tells. Raises Problem, OSError."""
        if key is None or self.trust.server_key is not None:
            return
        keeps = settles if self.profile.server is None else not self.elsewhere
        pin = pin_of(key)
        if self.trust.pin is None:
            hold = "" if keeps or settles else ", and give it with --pin from then on"
            new = f"The key of {self.server} is new to you; compare it with who runs it{hold}:"
            complain(f"{new} {fingerprint_of(pin)}")
        if self._pin is not None:
            return
        if keeps:
            self.amend(server=self.server, pin=pin, server_key=base64url.encode(key))
        else:
            self._pin = fingerprint_of(pin)

    def go_home(self) -> None:
        """Go to the profile's own server, whatever else was named."""
        self._server = None

    def at(self, server: str) -> Desk:
        """The same at another server."""
        desk = Desk(server, self.profile_name, self.out.as_json, self._ca, self._pin)
        desk.passwords = self.passwords
        return desk

    @asynccontextmanager
    async def login(self, *, reconnect: bool = False) -> AsyncIterator[Client]:
        """A connection with the profile's session. Raises Problem if there is none (any more)."""
        token = self.token()
        self._stays = reconnect
        async with AsyncExitStack() as stack:
            if self.profile.device is not None:
                connecting = connect(self.address, reconnect=reconnect)
                client = await stack.enter_async_context(connecting)
                self.profile = await enter(self.drawer, self.profile, client)
            else:
                connecting = connect(self.address, token=token, reconnect=reconnect)
                try:
                    client = await stack.enter_async_context(connecting)
                except ChatError as error:
                    if error.code is Code.DENIED:
                        raise self._logged_out(_ENDED) from None
                    raise
            if self.profile.user is not None:
                demand_same(self.profile.user, client.user)
            self.learn_key(client.server_key)
            yield client

    async def call(self, request: Command[Reply], human: str) -> None:
        """Log in, carry out what has no reply of its own, and say so."""
        async with self.login() as client:
            await client.call(request)
        self.done(request, human)

    def done(self, request: Request, human: str, **more: Any) -> None:
        """Tell that `request` was carried out; as JSON by its own fields."""
        self.out.show(human, {**fields_of(request), **more})

    def _logged_out(self, sentence: str) -> Problem:
        return logged_out(sentence, self.drawer.option)

    def problem(self, error: BaseException) -> Problem:
        """What ended the command."""
        problem = problem_of(error)
        if self._stays and problem.code is Code.DENIED:
            return self._logged_out(_ENDED)
        return problem


def demand_same(user: str, told: str | None) -> None:
    """The server must call one by one's own name: under another, keys and messages would be signed
    as somebody else's. Raises NotVerified."""
    if told != plain_name(user):
        raise NotVerified(
            f"The server says that you are {told}, but you are {user}; chatctl goes no further."
            " Tell who runs the server"
        )


def _written(address: str) -> str:
    """An address in the one form in which two can be compared."""
    try:
        return str(parse_address(address))
    except CannotConnect as error:
        raise usage(error.sentence) from None
