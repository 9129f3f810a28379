"""Starting a server that people would pick instead: for itself, on loopback only, and for a while.

Configurations, with every limit off, are templates in `peers/`: `@RUN@` is a folder that is deleted
afterwards, `@PORT@` a free port. No process of theirs outlives its `with` block.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .harness import BUILD, HERE, Running, pinned

START_SECONDS_MAX = 40.0
REST_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 8.0
SUPERUSERS = "/usr/sbin"  # not in everybody's PATH


class CannotStart(Exception):
    """The server ended, or did not listen in time; the text is the end of what it printed."""


@dataclass(frozen=True)
class Run:
    """What a hook needs to know: the folder, the ports, and how many users will log in."""

    folder: Path
    port: int
    admin_port: int
    users: int


def _nothing(_run: Run) -> None:
    """Most servers need no preparation."""


@dataclass(frozen=True)
class Peer:
    """One server: `command`, the values of `environment` and the file `config` are templates.
    The first package has its version. `prepare` is called before it starts, `greet` once it
    listens; either may make the users u0, u1 and so on, with the password x."""

    packages: tuple[str, ...]
    command: str
    config: str = ""
    values: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Run], None] = _nothing
    greet: Callable[[Run], None] = _nothing

    def version(self) -> str | None:
        """None unless all of it is installed."""
        versions = [_version(package) for package in self.packages]
        installed = find_program(self.command.split()[0]) and all(versions)
        return next(iter(versions), "") if installed else None

    @contextmanager
    def start(self, users: int) -> Iterator[Running]:
        """Run it afresh, with a folder of its own; `users` of them will log in."""
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD, ignore_cleanup_errors=True) as folder:
            run = Run(Path(folder), _free_port(), _free_port(), users)
            if self.config:
                template = (HERE / "peers" / self.config).read_text()
                (run.folder / self.config).write_text(self._filled(template, run))
            self.prepare(run)
            with self._process(run) as process:
                _wait_until_it_listens(process, run)
                self.greet(run)
                _wait_until_it_rests(process)
                yield Running(process.pid, run.port, run.folder)

    def _filled(self, template: str, run: Run) -> str:
        values = {
            "RUN": str(run.folder),
            "PORT": str(run.port),
            "ADMIN_PORT": str(run.admin_port),
            "UID": str(os.getuid()),
            "GID": str(os.getgid()),
            "USER": pwd.getpwuid(os.getuid()).pw_name,
            **self.values,
        }
        for name, value in values.items():
            template = template.replace(f"@{name}@", value)
        return template

    @contextmanager
    def _process(self, run: Run) -> Iterator[subprocess.Popen[bytes]]:
        program, *arguments = self._filled(self.command, run).split()
        extra = {name: self._filled(value, run) for name, value in self.environment.items()}
        with (run.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [*pinned(0), find_program(program) or program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=run.folder,
                env={**os.environ, **extra},
                start_new_session=True,
            )
        try:
            yield process
        finally:
            _stop(process)


def find_program(name: str) -> str | None:
    """Its path, if it is installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SUPERUSERS}")


def _version(package: str) -> str:
    """A Debian package's version; empty if it is not installed."""
    query = shutil.which("dpkg-query")
    if query is None:
        return "of unknown version"
    form = "${db:Status-Status} ${Version}"
    done = subprocess.run(
        [query, "-W", "-f", form, package], capture_output=True, text=True, check=False
    )
    status, _, version = done.stdout.partition(" ")
    return version if status == "installed" else ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_it_listens(process: subprocess.Popen[bytes], run: Run) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", run.port), 1):
            return
        _pause(process, 0.05)
    raise CannotStart((run.folder / "output").read_text(errors="replace")[-300:])


def _wait_until_it_rests(process: subprocess.Popen[bytes]) -> None:
    """What it does after its start is not measured: until it has used no CPU for a moment."""
    end = time.monotonic() + REST_SECONDS_MAX
    before, now = -1, _ticks(process.pid)
    while before != now and time.monotonic() < end:
        _pause(process, 0.2)
        before, now = now, _ticks(process.pid)


def _pause(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Less, if the process ends."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _ticks(pid: int) -> int:
    """The CPU time that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it started."""
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(STOP_SECONDS_MAX)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
