"""The netcats that people have: input piped to its end, a line at a time, and two that chat; also
inside TLS.

The server hashes as dearly as it does by default, so that replies come as late as they will; two
netcats, which end so long after their input whatever comes, are told to wait longer than any test.
Where a netcat is missing the test is skipped; in CI, whose set-up installs all, it fails.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Self

import pytest

from tests.peer import PATIENCE_SECONDS
from tests.serving import SECRET, Server, running
from tests.tls import certificate

_NAMES = count(1)


@dataclass(frozen=True)
class Netcat:
    """A program, and what comes before (or, with `{}`, around) the host and port."""

    name: str
    command: str
    place: str = "{host} {port}"
    tls: bool = False

    def words(self, server: Server) -> list[str]:
        """The command line to reach `server`. Skips or fails the test where there is none."""
        words = self.command.split()
        if shutil.which(words[0]) is None:
            missing = f"{words[0]} is not installed"
            pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
        cafile, _ = certificate()
        place = self.place.format(host="127.0.0.1", port=server.port, cafile=cafile)
        return [*words, *place.split()]


OPENBSD = Netcat("nc.openbsd", "nc.openbsd -N")
TRADITIONAL = Netcat("nc.traditional", f"nc.traditional -q {PATIENCE_SECONDS:.0f}")
NCAT = Netcat("ncat", "ncat")
BUSYBOX = Netcat("busybox nc", "busybox nc")
SOCAT = Netcat("socat", f"socat -t{PATIENCE_SECONDS:.0f} -", "TCP:{host}:{port}")
TELNET = Netcat("telnet", "telnet")
NCAT_SSL = Netcat("ncat --ssl", "ncat --ssl", tls=True)
SOCAT_SSL = Netcat(
    "socat OPENSSL",
    f"socat -t{PATIENCE_SECONDS:.0f} -",
    "OPENSSL:{host}:{port},cafile={cafile}",
    tls=True,
)
# It goes on reading when its input ends, and so never says that no more will come.
OPENSSL = Netcat(
    "openssl s_client",
    "openssl s_client -quiet -verify_quiet -verify_return_error",
    "-CAfile {cafile} -connect {host}:{port}",
    tls=True,
)
NETCATS = [OPENBSD, TRADITIONAL, NCAT, BUSYBOX, SOCAT, NCAT_SSL, SOCAT_SSL]
ANNOUNCING = [netcat for netcat in NETCATS if netcat is not NCAT_SSL]

each_netcat = pytest.mark.parametrize("netcat", NETCATS, ids=lambda netcat: netcat.name)
each_announcing = pytest.mark.parametrize("netcat", ANNOUNCING, ids=lambda netcat: netcat.name)
each_program = pytest.mark.parametrize(
    "netcat", [*NETCATS, TELNET, OPENSSL], ids=lambda netcat: netcat.name
)
each_newline = pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Server]]:
    """One without TLS, and one with it."""
    with ExitStack() as stack:
        yield {
            tls: stack.enter_context(
                running(
                    tmp_path_factory.mktemp("netcat"),
                    tls=certificate() if tls else None,
                    argon2_memory_kib=19_456,
                    argon2_passes=2,
                )
            )
            for tls in (False, True)
        }


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: dict[bool, Server]) -> Server:
    """The one that the test's netcat can reach."""
    parameters = getattr(request.node, "callspec", None)
    return servers[parameters is not None and parameters.params["netcat"].tls]


class Typist:
    """A netcat with somebody at its keyboard and screen."""

    def __init__(self, netcat: Netcat, server: Server, newline: str = "\n") -> None:
        self._newline = newline
        self._process = subprocess.Popen(
            netcat.words(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}{self._newline}".encode())

    def sees(self, pattern: str) -> str:
        """The next line that is the server's; what telnet itself says is passed over."""
        while line := self._line():
            if b"|" in line:
                seen = line.decode().rstrip("\n")
                assert re.fullmatch(pattern, seen), f"{pattern} expected, seen {seen!r}"
                return seen
        raise AssertionError(f"{pattern} expected, but the netcat has ended")

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        assert ready, "nothing comes"
        return self._process.stdout.readline()

    def logs_in(self, user: str) -> None:
        self.sees(r"\*HELLO\|chat/1\|.*")
        self.type(f"REGISTER|{user}|{SECRET}")
        self.sees(r"REGISTER\|SUCCESS")
        self.type(f"AUTH|{user}|{SECRET}")
        self.sees(r"AUTH\|SUCCESS\|[\w-]{43}")

    def ends_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def exits(self) -> None:
        """Nothing more is seen, and the program ends of itself."""
        assert self._process.stdout is not None
        assert self._process.stdout.read() == b""
        self._process.wait(PATIENCE_SECONDS)


def new_user() -> str:
    return f"user{next(_NAMES)}"


@each_newline
@each_netcat
def test_piped_input_is_answered_to_its_end(netcat: Netcat, newline: str, server: Server) -> None:
    user = new_user()
    lines = [f"REGISTER|{user}|{SECRET}", f"AUTH|{user}|{SECRET}", f"MSG|{user}|hi", "PING|last"]
    typed = newline.join([*lines, ""]).encode()
    done = subprocess.run(
        netcat.words(server), input=typed, capture_output=True, timeout=PATIENCE_SECONDS, check=True
    )
    hello, registered, authenticated, posted, pong, bye = done.stdout.decode().splitlines()
    assert hello.startswith("*HELLO|chat/1|")
    assert registered == "REGISTER|SUCCESS"
    assert re.fullmatch(r"AUTH\|SUCCESS\|[\w-]{43}", authenticated)
    assert re.fullmatch(r"MSG\|SUCCESS\|\d+\|\S+Z", posted)
    assert pong == "PING|SUCCESS|last"
    assert bye.startswith("*BYE|EOF|")


@each_announcing
def test_a_last_line_without_a_newline_counts(netcat: Netcat, server: Server) -> None:
    done = subprocess.run(
        netcat.words(server),
        input=b"PING|no newline",
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stdout.decode().splitlines()[1] == "PING|SUCCESS|no newline"


def test_a_last_line_whose_end_is_not_announced_may_have_been_cut(
    servers: dict[bool, Server],
) -> None:
    done = subprocess.run(
        NCAT_SSL.words(servers[True]),
        input=b"PING|whole\nPING|perhaps not who",
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    _, pong, refused, bye = done.stdout.decode().splitlines()
    assert pong == "PING|SUCCESS|whole"
    assert refused.startswith("ERROR|FAILURE|BAD_LINE|")
    assert bye.startswith("*BYE|EOF|")


@each_newline
@each_netcat
def test_line_by_line(netcat: Netcat, newline: str, server: Server) -> None:
    with Typist(netcat, server, newline) as somebody:
        somebody.logs_in(new_user())
        somebody.type("PING|a|b")
        somebody.sees(r"PING\|SUCCESS\|a\|b")
        somebody.type("DANCE")
        somebody.sees(r"ERROR\|FAILURE\|UNKNOWN_VERB\|.+")
        somebody.ends_input()
        somebody.sees(r"\*BYE\|EOF\|.+")
        somebody.exits()


@each_program
def test_two_chat(netcat: Netcat, server: Server) -> None:
    alice, bob = new_user(), new_user()
    with Typist(netcat, server) as here, Typist(netcat, server) as there:
        here.logs_in(alice)
        there.logs_in(bob)
        here.type(f"MSG|{bob}|hello Böb")
        here.sees(r"MSG\|SUCCESS\|\d+\|\S+Z")
        there.sees(rf"\*MSG\|{alice}\|\d+\|\S+Z\|{alice}\|hello Böb")
        there.type(f"MSG|{alice}|hello yourself")
        there.sees(r"MSG\|SUCCESS\|\d+\|\S+Z")
        here.sees(rf"\*MSG\|{bob}\|\d+\|\S+Z\|{bob}\|hello yourself")
        for typist in (here, there):
            typist.type("QUIT")
            typist.sees(r"QUIT\|SUCCESS")
            typist.sees(r"\*BYE\|QUIT\|.+")


def test_telnet_makes_its_own_crlf(server: Server) -> None:
    """Typed lines leave telnet with CR LF; a CR that is typed leaves it as CR NUL, and that is no
    text. The connection goes on."""
    with Typist(TELNET, server, "\r\n") as somebody:
        somebody.sees(r"\*HELLO\|.+")
        somebody.type("PING|a")
        somebody.sees(r"ERROR\|FAILURE\|BAD_LINE\|.+")
    with Typist(TELNET, server) as somebody:
        somebody.sees(r"\*HELLO\|.+")
        somebody.type("PING|a")
        somebody.sees(r"PING\|SUCCESS\|a")
