"""The servers that are measured: chatd in its variants, and its peers."""

from __future__ import annotations

import http
import http.client
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from json import dumps
from pathlib import Path

import apsw

from chatd import __version__

from .harness import BUILD, CAN_SEAL, COMPILED, HERE, Running, chatd, pipe_dialect
from .peers import CannotStart, Peer, Run, find_program

CORE = ("f10", "f100", "f1000", "pairs", "rooms", "idle")
"""The cells of throughput that most servers are measured in."""
TENTHS = ("tenth-f100", "tenth-pairs")
LIVE = ("f10", "f100", "f1000", "pairs", "rooms", *TENTHS)
SEALED = ("f10", "f100", "f1000", "pairs", "rooms")
ARCHIVED = ("f10", "f100", "pairs-1")

COMPILE = "make compiled"
EJABBERD_SCHEMA = Path("/usr/share/ejabberd/sql/lite.sql")


@dataclass(frozen=True)
class Server:
    """What the report calls it, how the generator talks to it, and in which cells it is measured.
    `start(users)` runs it; `version()` is None where it is not installed, `install` says how."""

    name: str
    title: str
    start: Callable[[int], AbstractContextManager[Running]]
    version: Callable[[], str | None]
    dialect: list[str]
    cells: tuple[str, ...] = CORE
    slow: bool = False
    install: str = ""


def servers() -> list[Server]:
    """All, in the order of the report."""
    return [*_ours("chatd", HERE.parent), *_ours("chatd-compiled", COMPILED), *_peers()]


def _ours(name: str, source: Path) -> list[Server]:
    @contextmanager
    def start(_users: int) -> Iterator[Running]:
        with chatd(source=source) as running:
            yield running

    def version() -> str | None:
        return __version__ if source.exists() else None

    title = name.replace("-", " ")
    stored, live = pipe_dialect(), pipe_dialect("chatd-live.pipe")
    sealed = Server(
        f"{name}-sealed",
        f"{title}, sealed",
        start,
        lambda: version() if CAN_SEAL else None,
        [*stored, "--sealed", "1"],
        SEALED,
        install=f"apt install libssl-dev; {COMPILE}",
    )
    return [
        Server(name, f"{title}, stored", start, version, stored, (*CORE, *TENTHS), install=COMPILE),
        sealed,
        Server(f"{name}-live", f"{title}, history=no", start, version, live, LIVE, install=COMPILE),
    ]


def _peers() -> list[Server]:
    xmpp = ["--dialect", "xmpp"]
    # ngircd's listen backlog is short; InspIRCd admits users once a second.
    irc_slow = ["--dialect", "irc", "--inflight", "8"]
    irc_at_once = ["--dialect", "irc", "--inflight", "1000"]
    some = tuple(cell for cell in CORE if cell != "f1000")
    archived = (*ARCHIVED, "rooms")
    slow = {
        "prosody": ("Prosody", prosody(archive=False), some),
        "ejabberd": ("ejabberd", ejabberd(archive=False), some),
        "prosody-sqlite": ("Prosody, SQLite", prosody(archive=True), ARCHIVED),
        "ejabberd-sqlite": ("ejabberd, SQLite", ejabberd(archive=True), archived),
    }
    return [
        _peer("inspircd", "InspIRCd", INSPIRCD, irc_at_once),
        _peer("nats", "NATS", NATS, ["--dialect", "nats"]),
        _peer("ngircd", "ngircd", NGIRCD, irc_slow),
        _peer("mosquitto", "Mosquitto", MOSQUITTO, ["--dialect", "mqtt"]),
        *(
            _peer(name, title, peer, xmpp, cells, True)
            for name, (title, peer, cells) in slow.items()
        ),
        _peer("floor", "floor in C", FLOOR, ["--dialect", "pipe"]),
    ]


def _peer(
    name: str,
    title: str,
    peer: Peer,
    dialect: list[str],
    cells: tuple[str, ...] = CORE,
    slow: bool = False,
) -> Server:
    install = f"apt install {' '.join(peer.packages)}"
    return Server(name, title, peer.start, peer.version, dialect, cells, slow, install)


FLOOR = Peer((), f"{BUILD}/floor @PORT@ tick")
"""The least a server can do: no log-in, no storage, no limits (see floor.c)."""

AS_ROOT = "--runasroot" if os.getuid() == 0 else ""
INSPIRCD = Peer(
    ("inspircd",),
    f"inspircd {AS_ROOT} --nofork --nopid --config=@RUN@/inspircd.conf",
    "inspircd.conf",
)
NGIRCD = Peer(("ngircd",), "ngircd -n -f @RUN@/ngircd.conf", "ngircd.conf")
NATS = Peer(("nats-server",), "nats-server -c @RUN@/nats.conf", "nats.conf")


def _hash_passwords(run: Run) -> None:
    passwords = run.folder / "passwd"
    passwords.write_text("".join(f"u{number}:x\n" for number in range(run.users)))
    passwords.chmod(0o600)
    program = find_program("mosquitto_passwd") or "mosquitto_passwd"
    subprocess.run([program, "-U", passwords], check=True)


MOSQUITTO = Peer(
    ("mosquitto",), "mosquitto -c @RUN@/mosquitto.conf", "mosquitto.conf", prepare=_hash_passwords
)


def prosody(archive: bool) -> Peer:
    """With `archive` every message goes to SQLite, direct ones twice."""
    storage = '{ accounts = "internal", archive = "sql", muc_log = "sql" }'
    values = {
        "MODULES": '"mam"' if archive else "",
        "MUCMODULES": '"muc_mam"' if archive else "",
        "STORAGE": storage if archive else '"internal"',
    }
    packages = ("prosody", *(["lua-dbi-sqlite3"] if archive else []))
    command = "prosody -F --config @RUN@/prosody.cfg.lua"
    return Peer(packages, command, "prosody.cfg.lua", values, prepare=_write_accounts)


def _write_accounts(run: Run) -> None:
    accounts = run.folder / "data" / "localhost" / "accounts"
    accounts.mkdir(parents=True)
    for number in range(run.users):
        (accounts / f"u{number}.dat").write_text('return { ["password"] = "x"; };\n')


def ejabberd(archive: bool) -> Peer:
    """With `archive` every message goes to SQLite. Without a node name nothing of Erlang's listens
    off loopback."""
    values = {
        "ARCHIVE": "true" if archive else "false",
        "MAM": "  mod_mam: {db_type: sql, default: always, assume_mam_usage: true}" * archive,
    }
    libraries = next(Path("/usr/lib").glob("*/ejabberd-*"), Path("/usr/lib/ejabberd")).parent
    environment = {
        "ERL_LIBS": str(libraries),
        "HOME": "@RUN@",
        "ERL_MAX_PORTS": "32000",
        "EJABBERD_CONFIG_PATH": "@RUN@/ejabberd.yml",
        "EJABBERD_LOG_PATH": "@RUN@/ejabberd.log",
    }
    return Peer(
        ("ejabberd", *(["erlang-p1-sqlite3"] if archive else [])),
        'erl +K true +P 250000 -noinput -mnesia dir "@RUN@/mnesia" -s ejabberd',
        "ejabberd.yml",
        values,
        environment,
        prepare=_make_database,
        greet=_register,
    )


def _make_database(run: Run) -> None:
    folder = run.folder / "mnesia"
    folder.mkdir()
    with closing(apsw.Connection(str(folder / "ejabberd.sqlite"))) as connection:
        connection.execute(EJABBERD_SCHEMA.read_text())


def _register(run: Run) -> None:
    """Through its HTTP interface, one user after the other."""
    with closing(http.client.HTTPConnection("127.0.0.1", run.admin_port, timeout=10)) as api:
        for number in range(run.users):
            user = {"user": f"u{number}", "host": "localhost", "password": "x"}
            headers = {"Content-Type": "application/json"}
            api.request("POST", "/api/register", dumps(user), headers)
            answer = api.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise CannotStart(f"ejabberd refuses to register a user: {answer.status}")
