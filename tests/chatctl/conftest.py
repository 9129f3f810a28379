"""One server for the tests of the command line, in which each takes names of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Server, running

from .shell import Shell
from .victims import Scene, staged
from .wire import Wire, wire


@pytest.fixture(scope="package")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that no test may stop."""
    with running(tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture(scope="package")
def tapped_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another, on which names are free that are taken on the first."""
    with running(tmp_path_factory.mktemp("tapped")) as server:
        yield server


@pytest.fixture
def tapped(tapped_server: Server) -> Iterator[Wire]:
    """A wire to that other server."""
    with wire(tapped_server) as made:
        yield made


@pytest.fixture
def shell(shared_server: Server, tmp_path: Path) -> Shell:
    """A shell of somebody who is not logged in."""
    return Shell(tmp_path, shared_server.address)


@pytest.fixture
def scene(shared_server: Server, tmp_path: Path) -> Iterator[Scene]:
    """A malicious server, and people who do not know of it."""
    with staged(shared_server, tmp_path) as made:
        yield made
